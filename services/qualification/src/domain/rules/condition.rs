//! Comparisons of a field with texts, numbers and lists, compiled from what the author wrote. Total: whatever a sender
//! put into a field, a comparison holds or it does not.

use std::borrow::Cow;
use std::sync::Arc;

use regex::Regex;

use super::mail_domain::is_below;

/// Some conditions on the fields `F` of an event or a person.
#[derive(Clone, Debug)]
pub(super) struct Conditions<F> {
    /// All must hold.
    pub(super) all: Vec<Condition<F>>,
    /// At least one must hold, unless there is none.
    pub(super) any: Vec<Condition<F>>,
    /// None may hold.
    pub(super) none: Vec<Condition<F>>,
}

impl<F> Conditions<F> {
    /// Whether they are met by what `read` finds in the fields.
    pub(super) fn met_by<'a>(&self, read: impl Fn(&F) -> &'a str) -> bool {
        let holds = |condition: &Condition<F>| condition.test.holds(read(&condition.field));
        self.all.iter().all(holds)
            && (self.any.is_empty() || self.any.iter().any(holds))
            && !self.none.iter().any(holds)
    }

    /// Every field that is read.
    pub(super) fn fields(&self) -> impl Iterator<Item = &F> {
        self.all.iter().chain(&self.any).chain(&self.none).map(|condition| &condition.field)
    }
}

/// One comparison.
#[derive(Clone, Debug)]
pub(super) struct Condition<F> {
    /// What is read.
    pub(super) field: F,
    /// What it must be.
    pub(super) test: Test,
}

/// A list of the model, sorted, in lower case.
pub(super) type List = Arc<[Box<str>]>;

/// What a field is compared with. An empty field meets `Not` of a comparison and `Absent` only.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// There and not empty.
    Exists,
    /// Missing or empty.
    Absent,
    /// A comparison of texts does not hold.
    Not(TextTest),
    /// A comparison of texts.
    Text(TextTest),
    /// Has a match.
    Matches(Regex),
    /// An entry of the list.
    InList(List),
    /// A domain of the list, or below one.
    DomainInList(List),
    /// A comparison of numbers.
    Number(NumberTest),
}

/// A comparison with some texts: one of them must do.
#[derive(Clone, Debug)]
pub(super) struct TextTest {
    /// How.
    pub(super) way: TextWay,
    /// In lower case if case is ignored; sorted.
    pub(super) texts: Box<[Box<str>]>,
    /// Whether the field is taken in lower case.
    pub(super) case: Case,
}

/// Ways to compare a field with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextWay {
    /// The whole field.
    Equals,
    /// Somewhere in it.
    Contains,
    /// At its beginning.
    StartsWith,
    /// At its end.
    EndsWith,
}

/// Whether case matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// It does.
    Matters,
    /// It does not.
    Ignored,
}

/// A comparison with a number; never NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum NumberTest {
    /// Greater.
    GreaterThan(f64),
    /// Greater or equal.
    AtLeast(f64),
    /// Less.
    LessThan(f64),
    /// Less or equal.
    AtMost(f64),
}

impl Test {
    fn holds(&self, field: &str) -> bool {
        match self {
            Self::Exists => !field.is_empty(),
            Self::Absent => field.is_empty(),
            Self::Not(test) => field.is_empty() || !test.holds(field),
            Self::Text(test) => !field.is_empty() && test.holds(field),
            Self::Matches(expression) => !field.is_empty() && expression.is_match(field),
            Self::InList(list) => is_entry(list, &lower(field)),
            Self::DomainInList(list) => is_below(list, &lower(field)),
            Self::Number(test) => test.holds(field),
        }
    }
}

impl TextTest {
    fn holds(&self, field: &str) -> bool {
        let field = match self.case {
            Case::Matters => Cow::Borrowed(field),
            Case::Ignored => lower(field),
        };
        match self.way {
            TextWay::Equals => is_entry(&self.texts, &field),
            TextWay::Contains => self.texts.iter().any(|text| field.contains(&**text)),
            TextWay::StartsWith => self.texts.iter().any(|text| field.starts_with(&**text)),
            TextWay::EndsWith => self.texts.iter().any(|text| field.ends_with(&**text)),
        }
    }
}

impl NumberTest {
    /// JSON numbers are doubles, and reading a decimal text as a double is exact to the last bit on every machine (IEEE
    /// 754), so a float does no harm here. Points are never floats.
    fn holds(self, field: &str) -> bool {
        let Some(number) = field.trim().parse::<f64>().ok().filter(|number| number.is_finite()) else { return false };
        match self {
            Self::GreaterThan(bound) => number > bound,
            Self::AtLeast(bound) => number >= bound,
            Self::LessThan(bound) => number < bound,
            Self::AtMost(bound) => number <= bound,
        }
    }
}

/// Lower case; borrowed where nothing is to be changed, as most fields of most events are.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

/// Whether a sorted list has the text.
pub(super) fn is_entry(sorted: &[Box<str>], text: &str) -> bool {
    sorted.binary_search_by(|entry| (**entry).cmp(text)).is_ok()
}
