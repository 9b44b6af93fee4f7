//! A journey as the engine runs it: steps by number, durations in microseconds, times of day as numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::{ConditionSource, Fields};
use super::source::{EntrySource, EventSource, ExitSource, JourneySource};
use crate::domain::window::Window;

/// A compiled journey. `compile` makes it; nothing else can.
#[derive(Clone, Debug)]
pub struct Journey {
    /// Stable name.
    pub journey_id: String,
    /// Consent that its mails need; `transactional` for none.
    pub purpose: String,
    /// Who enters.
    pub entry: EntrySource,
    /// Of a hundred.
    pub hold_out_percent: u8,
    /// When its mails may go out.
    pub window: Option<Window>,
    /// What ends it.
    pub exits: Vec<ExitSource>,
    /// The first step is number 0.
    pub steps: Vec<Step>,
    /// Numbers by id.
    pub by_id: BTreeMap<String, usize>,
    /// Fields of the lead that any condition or date names: what decisions keep of a lead.
    pub fields: BTreeSet<String>,
    /// What is counted while somebody is in it.
    pub watches: Vec<Watch>,
    /// As it was written.
    pub source: JourneySource,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Stable name.
    pub id: String,
    /// What it does.
    pub action: Action,
    /// Where it goes on; none: the end.
    pub next: Option<usize>,
    /// The other way, of those that have one.
    pub otherwise: Option<usize>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A mail.
    Mail {
        /// Name of the template.
        template: String,
        /// The owner writes, if there is one.
        from_owner: bool,
        /// Topic on the preference page; empty: none.
        topic: String,
        /// Put off at most so long.
        patience_us: i64,
    },
    /// So long.
    WaitFor(i64),
    /// Until a time of day.
    WaitUntil {
        /// Minute of the day.
        minute: u16,
        /// Bit 0 is Monday.
        days: u8,
    },
    /// Until a date of the lead.
    WaitDate {
        /// Field that holds it.
        field: String,
        /// Before or after.
        offset_days: i16,
        /// Minute of the day.
        minute: u16,
    },
    /// Until the person does something.
    WaitEvent {
        /// This.
        watch: Watch,
        /// At most so long.
        timeout_us: i64,
    },
    /// The first way that holds.
    Branch(Vec<Way>),
    /// Percent and step.
    Split(Vec<(u8, usize)>),
    /// For the owner.
    Task {
        /// Key of a text.
        text_key: String,
        /// From now.
        due_us: i64,
    },
    /// Call an endpoint.
    Webhook {
        /// Its name in the configuration.
        endpoint: String,
    },
    /// Tell the scoring model.
    Signal {
        /// Its name.
        name: String,
        /// Fixed.
        properties: BTreeMap<String, String>,
    },
    /// The end.
    End {
        /// For reports.
        reason: String,
    },
}

impl Action {
    /// email, wait, branch, split, task, webhook, event, end.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Mail { .. } => "email",
            Self::WaitFor(_) | Self::WaitUntil { .. } | Self::WaitDate { .. } | Self::WaitEvent { .. } => "wait",
            Self::Branch(_) => "branch",
            Self::Split(_) => "split",
            Self::Task { .. } => "task",
            Self::Webhook { .. } => "webhook",
            Self::Signal { .. } => "event",
            Self::End { .. } => "end",
        }
    }

    /// Whether time surely passes in it: a loop needs one of these.
    #[must_use]
    pub const fn takes_time(&self) -> bool {
        matches!(self, Self::WaitFor(_) | Self::WaitUntil { .. } | Self::WaitEvent { .. })
    }
}

/// One way of a branch.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// What must hold.
    pub test: Test,
    /// Where it leads.
    pub then: usize,
}

/// What a branch looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// The lead.
    Lead(ConditionSource),
    /// What the person did since he entered.
    Engaged {
        /// This.
        watch: Watch,
        /// So often.
        at_least: u16,
    },
}

/// Something that people do, and the key under which an enrolment counts it. The key is made of what it says, so that a
/// count survives an edit of other steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// 16 hexadecimal digits.
    pub key: String,
    /// What is counted.
    pub event: EventSource,
}

/// One act, as far as journeys look at it.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// form, email_clicked ...
    pub kind: &'a str,
    /// The sender's name for it.
    pub name: &'a str,
    /// With the prefix "properties.".
    pub properties: &'a Fields,
}

impl EventSource {
    /// Whether this act is one of these.
    #[must_use]
    pub fn matches(&self, act: Act<'_>) -> bool {
        self.kind == act.kind
            && (self.name.is_empty() || self.name.iter().any(|name| name == act.name))
            && self.condition.as_ref().is_none_or(|condition| condition.holds(act.properties))
    }
}
