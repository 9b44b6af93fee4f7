//! Scoring models: from the YAML of a marketer to a checked, compiled, immutable [`Model`], and every question that can
//! be asked of one. What a person's acts are worth today is asked in `score`; what follows, in the lifecycle. Nothing here
//! reads a file or a clock.

mod build;
mod build_person;
mod build_rule;
mod check;
mod compile;
mod condition;
mod condition_source;
mod disqualify;
mod emission;
mod field;
mod finding;
mod fit;
mod junk;
mod lines;
pub mod mail_domain;
mod model;
mod person;
mod points;
mod reduce;
mod schema;
mod source;
mod source_when;
mod structure;

pub use build::MOST_HORIZON_WEEKS;
pub use check::check;
pub use compile::{MOST_BYTES, compile};
pub use disqualify::{Disqualification, DisqualificationReason};
pub use emission::Emission;
pub use finding::{Finding, Severity};
pub use fit::{Fit, Grade};
pub use model::{Group, GroupNo, Hits, MOST_GROUPS, Model, Rule, RuleNo};
pub use person::PersonFacts;
pub use points::in_points;
pub use schema::json_schema;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
