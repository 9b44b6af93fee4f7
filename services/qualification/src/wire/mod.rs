//! Between the public protos, the bytes that rows hold, and the domain. Total both ways: what a topic brings becomes an
//! event or a named refusal, what the domain has becomes a message. Nothing is decided here.

pub mod assignment_event;
pub mod decision;
mod decision_state;
pub mod engagement_event;
pub mod lead_event;
pub mod lines;
pub mod link_decision;
pub mod owner_decision;
pub mod stored;
mod time;

pub use time::{from_micros, from_proto_time, micros, to_proto_time};

/// Stored bytes that this binary cannot read: a bug, or a row written by a newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored {0} cannot be read")]
pub struct Corrupt(pub &'static str);
