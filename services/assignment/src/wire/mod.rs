//! Public protobuf <-> our own values, total both ways. No I/O, no rules.

pub mod contact;
pub mod event;
pub mod lead_event;
pub mod rep;
