//! The rules of assignment as pure functions over values: no I/O, no clock, no randomness. Same inputs, same bytes, on
//! every machine.

pub mod decision;
pub mod eligibility;
pub mod fairness;
pub mod intake;
pub mod lead;
pub mod ledger;
pub mod offer;
pub mod place;
pub mod routing;
pub mod schedule;
