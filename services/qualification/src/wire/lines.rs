//! Explanations: the lines of a score with the events behind them, as the protos and the decision rows carry them.

use leadflow_proto::qualification::v1::{LeadReason, ScoreExplanation};
use prost::Message as _;
use uuid::Uuid;

use crate::domain::rules::{Fit, RuleNo};
use crate::domain::score::{Explanation, Line};

use super::Corrupt;

/// Most event ids that a line names.
pub const MOST_EVENT_IDS: usize = 20;

/// Lines of an engagement score. `evidence` gives the newest events that met a rule, at most [`MOST_EVENT_IDS`].
pub fn reasons(explanation: &Explanation, evidence: impl Fn(RuleNo) -> Vec<Uuid>) -> Vec<LeadReason> {
    explanation.lines.iter().map(|line| reason(line, &evidence)).collect()
}

/// Lines of a fit grade.
#[must_use]
pub fn fit_reasons(fit: &Fit) -> Vec<LeadReason> {
    fit.lines.iter().map(|line| reason(line, |_| Vec::new())).collect()
}

/// Bytes for a decision row.
#[must_use]
pub fn encode_lines(explanation: &ScoreExplanation) -> Vec<u8> {
    explanation.encode_to_vec()
}

/// Reads what [`encode_lines`] wrote.
///
/// # Errors
/// [`Corrupt`].
pub fn decode_lines(bytes: &[u8]) -> Result<ScoreExplanation, Corrupt> {
    ScoreExplanation::decode(bytes).map_err(|_| Corrupt("lines"))
}

fn reason(line: &Line, evidence: impl Fn(RuleNo) -> Vec<Uuid>) -> LeadReason {
    let behind = line.evidence.map(|found| (found.acts, evidence(found.rule)));
    let (acts, events) = behind.unwrap_or_default();
    LeadReason {
        code: line.code.clone(),
        text: line.text.clone(),
        milli_points: line.milli_points,
        event_ids: events.iter().map(Uuid::to_string).collect(),
        event_count: i32::try_from(acts).unwrap_or(i32::MAX),
    }
}
