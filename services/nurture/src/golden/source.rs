//! The YAML of a golden test.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::domain::journey::source::WindowSource;

/// A file: a journey, and what happens to leads in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenFile {
    /// Path of the journey, from the folder of this file.
    pub journey: String,
    /// The manners of the house that mails heed.
    #[serde(default)]
    pub manners: Manners,
    /// One lead each.
    pub cases: Vec<Case>,
}

/// What the role's configuration says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manners {
    /// No mails in these hours.
    pub quiet_hours: Option<WindowSource>,
    /// Most mails; 0: no limit.
    pub cap_messages: i32,
    /// In so many days.
    pub cap_days: i32,
}

/// One lead and its story.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// For the report.
    pub name: String,
    /// Made of it is the lead's id, on which splits and hold-outs stand; the name of the case if it is left out.
    #[serde(default)]
    pub lead_id: Option<String>,
    /// As it is at the beginning.
    #[serde(default)]
    pub lead: LeadSource,
    /// What happens, in the order of time.
    pub story: Vec<Moment>,
    /// It is over by then.
    pub until: Timestamp,
    /// "2026-11-24T10:00:00Z enrolled", line by line.
    pub expect: Vec<String>,
}

/// A lead, as far as journeys see it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LeadSource {
    /// open, recycled ...
    pub stage: String,
    /// An address is known.
    pub email: bool,
    /// IANA name.
    pub time_zone: String,
    /// A sales executive has it.
    pub owned: bool,
    /// Whether marketing mails are allowed; left out: nobody asked.
    pub consent: Option<bool>,
    /// unsubscribed, complaint, hard_bounce.
    pub suppressed: String,
    /// "lead.grade", "traits.country" ...
    pub fields: BTreeMap<String, String>,
}

impl Default for LeadSource {
    fn default() -> Self {
        Self {
            stage: "open".to_owned(),
            email: true,
            time_zone: "UTC".to_owned(),
            owned: false,
            consent: Some(true),
            suppressed: String::new(),
            fields: BTreeMap::new(),
        }
    }
}

/// One thing that happens.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Moment {
    /// When.
    pub at: Option<Timestamp>,
    /// The person does something.
    pub act: Option<ActSource>,
    /// The lead changes: only what is named.
    pub stage: Option<String>,
    /// A sales executive got it, or gave it back.
    pub owned: Option<bool>,
    /// Consent is given or withdrawn.
    pub consent: Option<bool>,
    /// Nothing is sent any more: unsubscribed, complaint, hard_bounce.
    pub suppressed: Option<String>,
    /// Fields that change.
    pub fields: BTreeMap<String, String>,
    /// By an import: enrols nobody.
    pub historical: bool,
    /// The relay refuses the next mail.
    pub relay_refuses: bool,
    /// The journey is paused, or goes on.
    pub paused: Option<bool>,
}

/// An act.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ActSource {
    /// form, email_clicked ...
    pub kind: String,
    /// The sender's name for it.
    pub name: String,
    /// Without the prefix.
    pub properties: BTreeMap<String, String>,
}
