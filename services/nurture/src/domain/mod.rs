//! What nurture decides: pure, total, the same bytes on every machine. No I/O, no clock, no randomness.

pub mod advance;
pub mod country;
pub mod decision;
pub mod enrol;
pub mod exit;
pub mod facts;
pub mod journey;
pub mod send;
pub mod stage;
pub mod state;
pub mod verdict;
pub mod window;
