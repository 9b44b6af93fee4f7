//! A record as it stands on a topic: key, protobuf value, CloudEvents headers in binary mode, W3C trace context.

use std::sync::Arc;

use jiff::Timestamp;

/// Where a record stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Full topic name ("leadflow.engagement.v1").
    pub topic: Arc<str>,
    /// Partition of that topic.
    pub partition: i32,
    /// Offset in that partition.
    pub offset: i64,
}

/// W3C `traceparent` as text, carried from a request through every record and row that it causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent(pub Arc<str>);

/// One record as read from the broker. `timestamp` is LogAppendTime.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it stands.
    pub position: Position,
    /// Record key; empty if there is none.
    pub key: Vec<u8>,
    /// Record value; empty for a tombstone.
    pub value: Vec<u8>,
    /// Headers in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// LogAppendTime.
    pub appended_at: Timestamp,
}

/// CloudEvents 1.0 attributes of an outgoing record (binary mode: headers `ce_*` and `content-type`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudEvent {
    /// `ce_id`: the event id.
    pub id: String,
    /// `ce_source`: "/leadflow/qualification".
    pub source: &'static str,
    /// `ce_type`: "leadflow.thing.changed.v1".
    pub kind: String,
    /// `ce_subject`: the aggregate's id.
    pub subject: String,
    /// `ce_time`.
    pub time: Timestamp,
    /// `ce_dataschema`: full name of the protobuf message.
    pub dataschema: &'static str,
}
