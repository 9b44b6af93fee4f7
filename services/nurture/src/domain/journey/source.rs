//! The YAML of a journey, as marketers write it. Only shapes: what it means is made of it in `compile`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::ConditionSource;
use super::step::StepSource;
use crate::mail::TemplateSource;

/// A journey: who enters, what happens to them, when it ends.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "leadflow journey")]
pub struct JourneySource {
    /// Stable name, "warm-up": small letters, digits, hyphens. Versions of a journey have the same name.
    pub name: String,
    /// What people in the console read.
    pub title: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Consent that its mails need: `marketing_email`, or another purpose of your own. `transactional`: an answer to what
    /// the person asked for; needs no consent, and may not advertise.
    #[serde(default = "marketing_email")]
    pub purpose: String,
    /// Who enters.
    pub entry: EntrySource,
    /// So many of a hundred are held out: nothing is done with them, and what the journey is worth is seen by comparison.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hold_out_percent: u8,
    /// When its mails may go out, in the lead's own time zone. Left out: the deployment's quiet hours alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_window: Option<WindowSource>,
    /// What ends it from any step. Left out: assigned, mql, replied, unsubscribed.
    #[serde(default = "usual_exits")]
    pub exit: Vec<ExitSource>,
    /// From the first to the last, unless a step says where to go.
    pub steps: Vec<StepSource>,
    /// Mails, by the names that steps use.
    #[serde(default)]
    pub templates: BTreeMap<String, TemplateSource>,
}

/// Who enters. Historical events (imports, backfills) never do.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntrySource {
    /// Leads in one of these stages: open, recycled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stage: Vec<String>,
    /// Leads of whom this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<ConditionSource>,
    /// When they do this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventSource>,
    /// A property of the event: each value of it is an instance of its own, so that somebody can be in the journey of two
    /// webinars at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_key: Option<String>,
    /// Whether somebody who was in it may enter again.
    #[serde(default)]
    pub reentry: ReentrySource,
}

/// Whether somebody who was in it may enter again. Nobody is in the same instance twice at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ReentrySource {
    /// Once in a life.
    #[default]
    Never,
    /// Whenever he is not in it.
    Always,
    /// Not before so many days after the last time ended.
    AfterDays(u16),
}

/// Something that people do, as qualification tells it (the scoring model's `emit` list, and always replies, bounces,
/// complaints, deliveries, unsubscribes, consent and raised hands).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventSource {
    /// form, demo_request, event_attended, email_clicked ...
    pub kind: String,
    /// The sender's names for it. Left out: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub name: Vec<String>,
    /// What its properties must be ("properties.form").
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<ConditionSource>,
}

/// What ends a journey from any step.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExitSource {
    /// A sales executive has it.
    Assigned,
    /// It is qualified.
    Mql,
    /// The person answered a mail.
    Replied,
    /// The person wants no more marketing mails.
    Unsubscribed,
    /// The person did what the journey is for.
    Goal(EventSource),
    /// This became true of the lead.
    When(ConditionSource),
}

/// Days and hours in which mails may go out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowSource {
    /// mon, tue, wed, thu, fri, sat, sun. Left out: every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<DaySource>,
    /// "09:00"
    pub from: String,
    /// "17:30"; before `from` it is the next morning.
    pub until: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the days of the week")]
pub enum DaySource {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

fn marketing_email() -> String {
    "marketing_email".to_owned()
}

fn is_zero(number: &u8) -> bool {
    *number == 0
}

fn usual_exits() -> Vec<ExitSource> {
    vec![ExitSource::Assigned, ExitSource::Mql, ExitSource::Replied, ExitSource::Unsubscribed]
}
