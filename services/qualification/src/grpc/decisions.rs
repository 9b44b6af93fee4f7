//! Stored decisions in the words of the API.

use leadflow_proto::qualification::v1::Decision;
use uuid::Uuid;

use crate::replay::{Replay, words};
use crate::store::decision::DecisionRow;
use crate::wire::lines::decode_lines;
use crate::wire::to_proto_time;

/// One decision, with what came of its replay.
pub(super) fn describe(row: &DecisionRow, replayed: Option<Replay>) -> Decision {
    let explained = decode_lines(&row.lines).unwrap_or_default();
    let (replay_equal, replay_result) = match replayed {
        None => (None, String::new()),
        Some(Replay::Equal) => (Some(true), "equal".to_owned()),
        Some(Replay::Erased) => (Some(false), "erased".to_owned()),
        Some(Replay::Different(how)) => (Some(false), format!("different: {how}")),
    };
    Decision {
        decision_id: row.decision_id.to_string(),
        kind: row.kind.as_str().to_owned(),
        decided_at: Some(to_proto_time(row.at)),
        rules: row.rules.clone(),
        reasons: explained.reasons,
        result: words(row.kind, &row.outcome),
        digest: row.digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")),
        replay_equal,
        replay_result,
        input_event_ids: row.inputs.iter().map(Uuid::to_string).collect(),
        lead_id: row.lead_id.map(|id| id.to_string()).unwrap_or_default(),
        person_id: explained.person_id,
    }
}
