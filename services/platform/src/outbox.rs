//! Outgoing records as rows of the same transaction as the state, and the publisher that brings them to the broker.

use crate::record::{CloudEvent, TraceParent};
use crate::topics::Topic;

/// One record that a transaction wants to send. Order of rows with the same key is kept on the topic.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxRow {
    /// Where to.
    pub topic: Topic,
    /// Record key; never personal data in plain text.
    pub key: Vec<u8>,
    /// CloudEvents headers.
    pub event: CloudEvent,
    /// Of the event that caused it.
    pub trace: Option<TraceParent>,
    /// Protobuf.
    pub payload: Vec<u8>,
}
