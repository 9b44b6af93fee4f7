//! Stored decisions in the words of the API: why this rep, why not the others, and whether it comes out the same again.

use leadflow_proto::assignment::v1::{AssignmentDecision, Candidate, Reason};
use prost::Message as _;

use super::store::DecisionRow;
use crate::domain::decision::{DecisionOutcome, Replay, replay};
use crate::domain::eligibility;
use crate::store::decision::kind_name;

/// One decision; with `again` it is executed once more.
pub(super) fn decision(row: &DecisionRow, again: bool) -> AssignmentDecision {
    let outcome = DecisionOutcome::decode(row.outcome.as_slice()).unwrap_or_default();
    let (replay_equal, replay_result) = match again.then(|| replay(row.input.as_deref(), &row.outcome)) {
        None => (None, String::new()),
        Some(Replay::Equal) => (Some(true), "equal".to_owned()),
        Some(Replay::Erased) => (Some(false), "erased".to_owned()),
        Some(Replay::Different(how)) => (Some(false), format!("different: {how}")),
    };
    let reason = |line: &crate::domain::decision::ReasonLine| Reason {
        code: line.code.clone(),
        text: line.text.clone(),
        ..Reason::default()
    };
    let rejected = |one: &crate::domain::decision::Rejected| Candidate {
        rep_id: one.rep_id.clone(),
        reason: eligibility::text(one),
    };
    AssignmentDecision {
        decision_id: row.decision_id.to_string(),
        kind: kind_name(row.kind).to_owned(),
        decided_at: Some(timestamp(row.at)),
        rules: row.rules.clone(),
        reasons: outcome.reasons.iter().map(reason).collect(),
        rejected: outcome.rejected.iter().map(rejected).collect(),
        result: result(&outcome),
        digest: row.digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")),
        replay_equal,
        replay_result,
        lead_id: row.lead_id.to_string(),
        input_event_ids: row.inputs.iter().map(ToString::to_string).collect(),
    }
}

fn result(outcome: &DecisionOutcome) -> String {
    match outcome.rep_id.as_str() {
        "" => outcome.result.clone(),
        rep_id => format!("{} {rep_id}", outcome.result),
    }
}

fn timestamp(at: jiff::Timestamp) -> pbjson_types::Timestamp {
    pbjson_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}
