//! The YAML of a step. A step does exactly one thing; `compile` says so where a file does not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::ConditionSource;
use super::source::{DaySource, EventSource};

/// One step: an id and exactly one of the things that a step can do.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepSource {
    /// Stable name: people in flight find their step in a new version by it.
    pub id: String,
    /// Sends a mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailSource>,
    /// Waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitSource>,
    /// Goes the first way whose condition holds, else on to `otherwise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<Vec<WaySource>>,
    /// Goes one of several ways, by a stable hash of the lead: the same lead always goes the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Vec<ShareSource>>,
    /// Gives the owner something to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskSource>,
    /// Calls an endpoint of the deployment's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookSource>,
    /// Tells the scoring model something: it gives points or raises a hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<SignalSource>,
    /// Ends the journey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<EndSource>,
    /// Where to go from here; left out: the next step of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Of a branch: where to go if no way holds. Of a wait for an event or a date: where to go without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
}

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailSource {
    /// Name under `templates`.
    pub template: String,
    /// Who writes: the deployment's sender, or the owner of the lead if there is one.
    #[serde(default)]
    pub from: FromSource,
    /// Topic on the preference page that it belongs to; left out: only the purpose counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// How long it may be put off by caps and windows before it is skipped: "7d".
    #[serde(default = "a_week")]
    pub patience: String,
}

/// Who writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FromSource {
    /// The deployment's sender.
    #[default]
    Sender,
    /// The owner of the lead; without one the deployment's sender.
    Owner,
}

/// A wait: exactly one of `for`, `until`, `until_date`, `event`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitSource {
    /// "3d", "90m", "2w".
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// Until a time of day in the lead's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<LocalTimeSource>,
    /// Until the date in a field ("traits.renewal_date", "2027-03-01" or a time).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_date: Option<DateSource>,
    /// Until the person does this; without it, after `timeout`, on to `otherwise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventSource>,
    /// Of a wait for an event: how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

/// A time of day.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalTimeSource {
    /// "09:00"
    pub time: String,
    /// Left out: every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<DaySource>,
}

/// A date that is known of the lead.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DateSource {
    /// "traits.renewal_date" or "event.starts_at".
    pub field: String,
    /// So many days before (negative) or after it.
    #[serde(default)]
    pub offset_days: i16,
    /// Time of day in the lead's zone.
    #[serde(default = "nine")]
    pub at: String,
}

/// One way of a branch: a condition over the lead, or over what the person did since he entered.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaySource {
    /// Of the lead as of its last event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<ConditionSource>,
    /// Did this since he entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engaged: Option<EventSource>,
    /// So often; 1 if left out.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub at_least: u16,
    /// Where to go.
    pub then: String,
}

/// One way of a split.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShareSource {
    /// All shares add up to 100.
    pub percent: u8,
    /// Where to go.
    pub then: String,
}

/// Something for the owner to do. Without an owner it is skipped.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskSource {
    /// Key of a text ("call_about_trial"): the topic carries no prose.
    pub text_key: String,
    /// "1d"
    pub due: String,
}

/// A call of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSource {
    /// Name under `webhooks` in the configuration of nurture: addresses and secrets are no business of a journey.
    pub endpoint: String,
}

/// An event of kind `custom` about the person.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalSource {
    /// The name that a rule of the scoring model looks for.
    pub name: String,
    /// Fixed properties.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub properties: std::collections::BTreeMap<String, String>,
}

/// The end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndSource {
    /// What reports call it; "completed" if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

fn a_week() -> String {
    "7d".to_owned()
}

fn nine() -> String {
    "09:00".to_owned()
}

const fn once() -> u16 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_once(number: &u16) -> bool {
    *number == 1
}
