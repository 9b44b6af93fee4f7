//! What is told of a root whose timer failed too often: it rests then, and a human hears of it.

use jiff::Timestamp;
use leadflow_proto::platform::v1::DeadLetter;
use prost::Message as _;
use uuid::Uuid;

use crate::outbox::OutboxRow;
use crate::record::CloudEvent;
use crate::topics::Topic;

/// So often a root's timer is tried; then it is given up and a letter written.
pub const ATTEMPTS: i16 = 5;

/// A timer that was given up.
#[derive(Clone, Copy, Debug)]
pub struct GivenUp<'a> {
    /// Name of the role: "qualification".
    pub role: &'static str,
    /// "/leadflow/qualification"
    pub source: &'static str,
    /// Name of the timer: "recompute".
    pub timer: &'static str,
    /// Id of the aggregate that it was to act on.
    pub root: Uuid,
    /// A number of the root that moves when it is acted on, so that the next time has a letter of its own.
    pub version: i32,
    /// What the last attempt said; no personal data.
    pub cause: &'a (dyn std::error::Error + Send + Sync),
    /// Of the database.
    pub now: Timestamp,
}

impl GivenUp<'_> {
    /// To be appended in the transaction that gives it up. Its `topic` is `timer/<name>`.
    #[must_use]
    pub fn letter(&self) -> OutboxRow {
        let name = format!("timer/{}/{}", self.timer, self.version);
        let (id, root) = (Uuid::new_v5(&self.root, name.as_bytes()).to_string(), self.root.to_string());
        let letter = DeadLetter {
            dead_letter_id: id.clone(),
            consumer: self.role.to_owned(),
            topic: format!("timer/{}", self.timer),
            reason: "timer".to_owned(),
            detail: self.cause.to_string(),
            key: root.clone().into_bytes(),
            died_at: Some(pbjson_types::Timestamp {
                seconds: self.now.as_second(),
                nanos: self.now.subsec_nanosecond(),
            }),
            ..DeadLetter::default()
        };
        OutboxRow {
            topic: Topic::DeadLetter,
            key: root.clone().into_bytes(),
            event: CloudEvent {
                id,
                source: self.source,
                kind: "leadflow.platform.dead_letter.v1".to_owned(),
                subject: root,
                time: self.now,
                dataschema: "leadflow.platform.v1.DeadLetter",
            },
            trace: None,
            payload: letter.encode_to_vec(),
        }
    }
}
