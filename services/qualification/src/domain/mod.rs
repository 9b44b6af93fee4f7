//! The pure core: who somebody is, what they did, what it is worth, and what follows. Synchronous and total; no I/O, no
//! clock, no randomness: the same inputs give the same bytes on every machine.

pub mod day;
pub mod decide;
pub mod event;
mod event_kind;
pub mod identity;
pub mod lifecycle;
pub mod person;
pub mod rules;
pub mod score;
