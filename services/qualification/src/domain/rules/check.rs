//! What `leadflow check FILE` says of a scoring model: faults and doubts. Publishing asks `compile`, which takes the
//! doubts for the author's business.

use super::compile::examine;
use super::finding::{Finding, Findings};

/// Everything that is wrong or doubtful with the YAML of a scoring model, faults first; empty if all is well.
#[must_use]
pub fn check(body: &[u8]) -> Vec<Finding> {
    let mut findings = Findings::default();
    drop(examine(body, &mut findings));
    findings.into_sorted()
}
