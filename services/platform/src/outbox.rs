//! Outgoing records as rows of the same transaction as the state, and the publisher that brings them to the broker.
//!
//! `append` is all that a service sees of it. The order of ids is the order per record key, because a service appends while
//! it holds the lock of the aggregate whose key it is. At least once: a publisher that dies between the broker's
//! acknowledgement and the delete leaves rows that are sent again, byte-equal, in the same order.

mod append;
mod counts;
mod headers;
mod leader;
mod publisher;
mod sender;
mod store;
mod wake;
mod window;

pub use append::{MAX_ROW_BYTES, append};
pub use publisher::Publisher;
pub use wake::PublisherHandle;

pub(crate) use headers::headers_of;

use crate::pg::Mechanism;
use crate::record::{CloudEvent, TraceParent};
use crate::topics::Topic;

/// Ids that were not seen yet are looked for until no transaction can fill them any more.
pub const LATE_COMMITS: Mechanism = Mechanism("outbox.late_commits");
/// A poll reads only what was not seen yet, instead of everything from the start.
pub const MOVING_FLOOR: Mechanism = Mechanism("outbox.moving_floor");

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
