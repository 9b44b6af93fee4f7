//! How an author writes which events and which persons a rule is about: kinds, names and conditions. Part of the shape of
//! the file (see `source`); what a condition means is in `condition`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::event::EventKind;

/// Which events: of one of these kinds and names, and with these fields.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventWhen {
    /// One kind or several.
    pub(super) kind: OneOrManyKinds,
    /// The sender's own name of the event; one or several. Case matters.
    pub(super) name: Option<OneOrManyTexts>,
    /// All of these must hold.
    #[schemars(length(max = 20))]
    pub(super) all: Option<Vec<ConditionSource>>,
    /// At least one of these must hold.
    #[schemars(length(min = 1, max = 20))]
    pub(super) any: Option<Vec<ConditionSource>>,
    /// None of these may hold.
    #[schemars(length(max = 20))]
    pub(super) none: Option<Vec<ConditionSource>>,
}

/// One kind or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OneOrManyKinds {
    /// One.
    One(EventKind),
    /// Several.
    Many(#[schemars(length(min = 1, max = 21))] Vec<EventKind>),
}

/// One text or several.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OneOrManyTexts {
    /// One.
    One(Text),
    /// Several.
    Many(#[schemars(length(min = 1, max = 1000))] Vec<Text>),
}

/// A text to compare with. Numbers and truth values are taken as their text: `5`, `true`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

/// Which persons: with these fields.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonWhen {
    /// All of these must hold.
    #[schemars(length(max = 20))]
    pub(super) all: Option<Vec<ConditionSource>>,
    /// At least one of these must hold.
    #[schemars(length(min = 1, max = 20))]
    pub(super) any: Option<Vec<ConditionSource>>,
    /// None of these may hold.
    #[schemars(length(max = 20))]
    pub(super) none: Option<Vec<ConditionSource>>,
}

/// A field and exactly one comparison. A missing field is met by `not_equals`, `not_in` and `absent` only.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConditionSource {
    /// Of an event: `properties.<name>`, `context.page_path`, `source`, `text`, `email_facts.subject` ...
    /// Of a person: `traits.<name>`, `email_domain`, `email_kind`, `account.domain`, `account.traits.<name>`.
    #[schemars(length(min = 1, max = 140))]
    pub(super) field: String,
    /// The very text.
    pub(super) equals: Option<Text>,
    /// Any other text.
    pub(super) not_equals: Option<Text>,
    /// One of these texts.
    #[serde(rename = "in")]
    #[schemars(length(min = 1, max = 1000))]
    pub(super) one_of: Option<Vec<Text>>,
    /// None of these texts.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) not_in: Option<Vec<Text>>,
    /// An entry of this list, without regard to case.
    pub(super) in_list: Option<String>,
    /// A domain of this list or a subdomain of one.
    pub(super) domain_in_list: Option<String>,
    /// Has this text somewhere; of several, one.
    pub(super) contains: Option<OneOrManyTexts>,
    /// Begins with this text; of several, with one.
    pub(super) starts_with: Option<OneOrManyTexts>,
    /// Ends with this text; of several, with one.
    pub(super) ends_with: Option<OneOrManyTexts>,
    /// Has a match of this regular expression (Rust syntax: no look-around, no back-references; linear time).
    #[schemars(length(min = 1, max = 500))]
    pub(super) matches: Option<String>,
    /// `true`: there and not empty. `false`: missing or empty.
    pub(super) exists: Option<bool>,
    /// `true`: missing or empty. `false`: there and not empty.
    pub(super) absent: Option<bool>,
    /// A number greater than this. A text that is no number is met by none of the four.
    pub(super) greater_than: Option<f64>,
    /// A number of at least this.
    pub(super) at_least: Option<f64>,
    /// A number less than this.
    pub(super) less_than: Option<f64>,
    /// A number of at most this.
    pub(super) at_most: Option<f64>,
    /// Compare texts without regard to case.
    pub(super) ignore_case: Option<bool>,
}

impl OneOrManyTexts {
    /// All of them.
    pub(super) fn as_slice(&self) -> &[Text] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

impl OneOrManyKinds {
    /// All of them.
    pub(super) fn as_slice(&self) -> &[EventKind] {
        match self {
            Self::One(kind) => std::slice::from_ref(kind),
            Self::Many(kinds) => kinds,
        }
    }
}
