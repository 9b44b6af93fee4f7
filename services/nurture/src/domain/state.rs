//! Where somebody is in a journey. Stored with the enrolment, and part of every decision about it.

use std::collections::BTreeMap;

/// The state of an enrolment.
#[derive(Clone, PartialEq, prost::Message)]
pub struct State {
    /// Id of the step he is in; empty before the first.
    #[prost(string, tag = "1")]
    pub step: String,
    /// When he came to it.
    #[prost(int64, tag = "2")]
    pub since_us: i64,
    /// When it goes on by itself; 0: not by itself.
    #[prost(int64, tag = "3")]
    pub wake_at_us: i64,
    /// The step is a mail of which it is not yet known what became of it.
    #[prost(bool, tag = "4")]
    pub awaits_mail: bool,
    /// What the step waits for has happened while the journey was paused.
    #[prost(bool, tag = "5")]
    pub happened: bool,
    /// By `Watch::key`: how often since he entered.
    #[prost(btree_map = "string, int32", tag = "6")]
    pub counts: BTreeMap<String, i32>,
    /// Properties of the event that entered him, with the prefix "event.".
    #[prost(btree_map = "string, string", tag = "7")]
    pub entry: BTreeMap<String, String>,
    /// Steps that he has left behind; once each, in order.
    #[prost(string, repeated, tag = "8")]
    pub passed: Vec<String>,
    /// He was moved here from another version: steps that he has passed are not entered again.
    #[prost(bool, tag = "9")]
    pub migrated: bool,
}

/// What makes an enrolment go on.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Trigger {
    /// He has just entered.
    #[prost(message, tag = "20")]
    Enter(Enter),
    /// Its time has come, or its mail is settled.
    #[prost(message, tag = "21")]
    Wake(Wake),
    /// The person did something.
    #[prost(message, tag = "22")]
    Act(super::facts::ActFacts),
}

/// The beginning.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Enter {}

/// The clock.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Wake {}

/// What is to be done outside.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Effect {
    /// Put a mail into the ledger.
    #[prost(message, tag = "1")]
    Mail(MailEffect),
    /// Tell the owner.
    #[prost(message, tag = "2")]
    Task(TaskEffect),
    /// Call an endpoint.
    #[prost(message, tag = "3")]
    Webhook(WebhookEffect),
    /// Tell the scoring model.
    #[prost(message, tag = "4")]
    Signal(SignalEffect),
}

impl Effect {
    /// The step that has it.
    #[must_use]
    pub fn step(&self) -> &str {
        match self {
            Self::Mail(mail) => &mail.step,
            Self::Task(task) => &task.step,
            Self::Webhook(call) => &call.step,
            Self::Signal(signal) => &signal.step,
        }
    }
}

/// A mail.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MailEffect {
    /// The step.
    #[prost(string, tag = "1")]
    pub step: String,
}

/// Something for the owner to do.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TaskEffect {
    /// The step.
    #[prost(string, tag = "1")]
    pub step: String,
    /// Key of a text.
    #[prost(string, tag = "2")]
    pub text_key: String,
    /// Until when.
    #[prost(int64, tag = "3")]
    pub due_us: i64,
}

/// A call.
#[derive(Clone, PartialEq, prost::Message)]
pub struct WebhookEffect {
    /// The step.
    #[prost(string, tag = "1")]
    pub step: String,
    /// Name in the configuration.
    #[prost(string, tag = "2")]
    pub endpoint: String,
}

/// An event of kind `custom`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SignalEffect {
    /// The step.
    #[prost(string, tag = "1")]
    pub step: String,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Fixed properties.
    #[prost(btree_map = "string, string", tag = "3")]
    pub properties: BTreeMap<String, String>,
}

/// An effect in a list: protobuf has no repeated choice.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AnyEffect {
    /// The effect.
    #[prost(oneof = "Effect", tags = "1, 2, 3, 4")]
    pub effect: Option<Effect>,
}

/// One step that was taken, in words.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Line {
    /// The step.
    #[prost(string, tag = "1")]
    pub step: String,
    /// email, wait, branch, split, task, webhook, event, end.
    #[prost(string, tag = "2")]
    pub kind: String,
    /// Why, in one sentence.
    #[prost(string, tag = "3")]
    pub text: String,
    /// Where it went on; empty: it rests here, or it ended.
    #[prost(string, tag = "4")]
    pub next: String,
    /// Of a step that did nothing: why ("no_owner").
    #[prost(string, tag = "5")]
    pub skipped: String,
}

/// What came of a trigger.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Advanced {
    /// The state afterwards.
    #[prost(message, required, tag = "1")]
    pub state: State,
    /// Steps that were taken.
    #[prost(message, repeated, tag = "2")]
    pub lines: Vec<Line>,
    /// What is to be done.
    #[prost(message, repeated, tag = "3")]
    pub effects: Vec<AnyEffect>,
    /// Not empty: it ended, and why.
    #[prost(string, tag = "4")]
    pub ended: String,
    /// Nothing changed at all.
    #[prost(bool, tag = "5")]
    pub idle: bool,
    /// Steps that were come to, in order.
    #[prost(string, repeated, tag = "6")]
    pub entered: Vec<String>,
}
