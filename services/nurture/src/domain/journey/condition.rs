//! Conditions over flat fields: of a lead ("lead.grade", "traits.country"), of an event ("properties.form"). Every field is
//! text; numbers are compared as numbers where the comparison is one of numbers. Total: a field that is absent, or is no
//! number, fulfils nothing but `exists: false`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// All of `all`, at least one of `any` (if there are some), and none of `none`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionSource {
    /// Each of these holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<Comparison>,
    /// At least one of these holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub any: Vec<Comparison>,
    /// None of these holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub none: Vec<Comparison>,
}

/// One comparison: a field and exactly one of the operators.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// "lead.grade", "lead.score", "contact.country", "traits.title", "properties.form" ...
    pub field: String,
    /// The same text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Scalar>,
    /// One of these texts.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Scalar>>,
    /// One of these texts is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<Vec<String>>,
    /// It begins with one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_with: Option<Vec<String>>,
    /// A number that is not smaller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<i64>,
    /// A number that is smaller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less_than: Option<i64>,
    /// Known and not empty, or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// Capital and small letters are the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_case: bool,
}

/// A text, a whole number or a truth value, all compared as text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// true, false.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

impl Scalar {
    fn text(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(value) => value.clone(),
        }
    }
}

/// Flat fields.
pub type Fields = BTreeMap<String, String>;

impl ConditionSource {
    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, fields: &Fields) -> bool {
        self.all.iter().all(|one| one.holds(fields))
            && (self.any.is_empty() || self.any.iter().any(|one| one.holds(fields)))
            && !self.none.iter().any(|one| one.holds(fields))
    }

    /// Every field that it looks at.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.comparisons().map(|one| one.field.as_str())
    }

    /// Every comparison, for checks.
    pub fn comparisons(&self) -> impl Iterator<Item = &Comparison> {
        self.all.iter().chain(&self.any).chain(&self.none)
    }
}

impl Comparison {
    /// How many operators it has; exactly one is right.
    #[must_use]
    pub fn operators(&self) -> usize {
        [
            self.equals.is_some(),
            self.one_of.is_some(),
            self.contains.is_some(),
            self.starts_with.is_some(),
            self.at_least.is_some(),
            self.less_than.is_some(),
            self.exists.is_some(),
        ]
        .into_iter()
        .filter(|given| *given)
        .count()
    }

    fn holds(&self, fields: &Fields) -> bool {
        let value = fields.get(&self.field).map(String::as_str).filter(|value| !value.is_empty());
        if let Some(exists) = self.exists {
            return exists == value.is_some();
        }
        let Some(value) = value else { return false };
        let folded = |text: &str| if self.ignore_case { text.to_lowercase() } else { text.to_owned() };
        let value_folded = folded(value);
        let number = || value.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        #[expect(clippy::cast_precision_loss, reason = "thresholds of journeys are small numbers")]
        match self {
            Self { equals: Some(wanted), .. } => value_folded == folded(&wanted.text()),
            Self { one_of: Some(wanted), .. } => wanted.iter().any(|one| value_folded == folded(&one.text())),
            Self { contains: Some(wanted), .. } => wanted.iter().any(|one| value_folded.contains(&folded(one))),
            Self { starts_with: Some(wanted), .. } => wanted.iter().any(|one| value_folded.starts_with(&folded(one))),
            Self { at_least: Some(limit), .. } => number().is_some_and(|number| number >= *limit as f64),
            Self { less_than: Some(limit), .. } => number().is_some_and(|number| number < *limit as f64),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(condition: &str, fields: &[(&str, &str)]) -> bool {
        let condition: ConditionSource = crate::yaml::read(condition).expect("a condition");
        condition.holds(&fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn each_operator_does_what_its_name_says() {
        let table = [
            ("all: [{ field: a, equals: x }]", "x", true),
            ("all: [{ field: a, equals: X }]", "x", false),
            ("all: [{ field: a, equals: X, ignore_case: true }]", "x", true),
            ("all: [{ field: a, equals: 5 }]", "5", true),
            ("all: [{ field: a, equals: true }]", "true", true),
            ("all: [{ field: a, in: [x, 7] }]", "7", true),
            ("all: [{ field: a, contains: [ell] }]", "hello", true),
            ("all: [{ field: a, starts_with: [ell] }]", "hello", false),
            ("all: [{ field: a, at_least: 50 }]", "50", true),
            ("all: [{ field: a, at_least: 50 }]", "49.9", false),
            ("all: [{ field: a, less_than: 50 }]", "49.9", true),
            ("all: [{ field: a, less_than: 50 }]", "many", false),
            ("all: [{ field: a, exists: true }]", "", false),
            ("all: [{ field: a, exists: false }]", "", true),
            ("none: [{ field: a, equals: x }]", "x", false),
            ("any: [{ field: a, equals: x }, { field: a, equals: y }]", "y", true),
            ("{}", "x", true),
        ];
        for (condition, value, wanted) in table {
            assert_eq!(holds(condition, &[("a", value)]), wanted, "{condition} of {value:?}");
        }
    }

    #[test]
    fn what_is_absent_fulfils_nothing() {
        assert!(!holds("all: [{ field: a, equals: '' }]", &[]));
        assert!(!holds("all: [{ field: a, less_than: 50 }]", &[]));
        assert!(holds("none: [{ field: a, equals: x }]", &[]));
    }
}
