//! Stored decisions in the words of the API, and whether each comes out the same again.

use leadflow_platform::error::ApiError;
use leadflow_platform::pg::PgError;
use leadflow_proto::nurture::v1::NurtureDecision;
use prost::Message as _;

use super::{Desk, hexadecimal};
use crate::domain::decision::{self, DecisionInput, DecisionOutcome, Replay};
use crate::store::decision::DecisionRow;
use crate::wire::to_proto_time;

impl Desk {
    pub(super) async fn explain(&self, rows: Vec<DecisionRow>, again: bool) -> Result<Vec<NurtureDecision>, ApiError> {
        let mut connection = self.database.pool().acquire().await.map_err(PgError::from)?;
        let mut decisions = Vec::new();
        for row in rows {
            let outcome = DecisionOutcome::decode(row.outcome.as_slice()).unwrap_or_default();
            let (replay_equal, replay_result) = if again {
                let named = row.input.as_deref().and_then(|input| DecisionInput::decode(input).ok());
                let compiled = match &named {
                    Some(input) => self.journeys.get(&mut connection, &input.journey_id, input.version).await?,
                    None => None,
                };
                let journey = compiled.as_deref().map(|compiled| &compiled.journey);
                match decision::replay(row.input.as_deref(), &row.outcome, |_, _| journey) {
                    Replay::Equal => (Some(true), "equal".to_owned()),
                    Replay::Erased => (Some(false), "erased".to_owned()),
                    Replay::Different(how) => (Some(false), format!("different: {how}")),
                }
            } else {
                (None, String::new())
            };
            decisions.push(NurtureDecision {
                decision_id: row.decision_id.to_string(),
                lead_id: row.lead_id.to_string(),
                reasons: reasons(&row.kind, &outcome),
                kind: row.kind,
                decided_at: Some(to_proto_time(row.at)),
                rules: row.rules,
                step: row.step,
                input_event_ids: row.inputs.iter().map(ToString::to_string).collect(),
                digest: hexadecimal(&row.digest),
                replay_equal,
                replay_result,
            });
        }
        Ok(decisions)
    }
}

/// In sentences.
fn reasons(kind: &str, outcome: &DecisionOutcome) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(advanced) = &outcome.advanced {
        for line in &advanced.lines {
            let next = if line.next.is_empty() { String::new() } else { format!(" -> {}", line.next) };
            let skipped = if line.skipped.is_empty() { String::new() } else { format!(" (skipped: {})", line.skipped) };
            reasons.push(format!("{}: {}{skipped}{next}", line.step, line.text));
        }
        if !advanced.ended.is_empty() {
            reasons.push(format!("the journey is over: {}", advanced.ended));
        }
        return reasons;
    }
    match (kind, &outcome.send) {
        ("put_off", Some(send)) => {
            let until = jiff::Timestamp::from_microsecond(send.not_before_us).map(|at| at.to_string());
            reasons.push(format!("{}: not before {}", send.reason, until.unwrap_or_else(|_| "ever".to_owned())));
        }
        ("send", _) => reasons.push("nothing forbids it".to_owned()),
        _ => reasons.push(outcome.reason.clone()),
    }
    reasons
}
