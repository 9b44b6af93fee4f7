//! What is kept of a decision, and executing it again from that.

use prost::Message as _;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{DecisionInput, DecisionOutcome, decide};

/// What is written of a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// UUIDv5 of the lead's id and the input.
    pub decision_id: Uuid,
    /// Canonical bytes.
    pub input: Vec<u8>,
    /// Canonical bytes.
    pub outcome: Vec<u8>,
    /// SHA-256 of both, one after the other.
    pub digest: [u8; 32],
}

/// Bytes, id and digest of a decision.
#[must_use]
pub fn record(lead_id: Uuid, input: &DecisionInput, outcome: &DecisionOutcome) -> Recorded {
    let (input, outcome) = (input.encode_to_vec(), outcome.encode_to_vec());
    let digest = digest(&input, &outcome);
    Recorded { decision_id: Uuid::new_v5(&lead_id, &input), input, outcome, digest }
}

/// SHA-256 of both, one after the other.
#[must_use]
pub fn digest(input: &[u8], outcome: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(input).chain_update(outcome).finalize().into()
}

/// What came of executing a decision again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The same bytes.
    Equal,
    /// Other bytes, or bytes that cannot be read.
    Different(String),
    /// The input is gone, and nobody can say.
    Erased,
}

/// Executes a stored decision again.
#[must_use]
pub fn replay(input: Option<&[u8]>, outcome: &[u8]) -> Replay {
    let Some(input) = input else { return Replay::Erased };
    match DecisionInput::decode(input) {
        Err(error) => Replay::Different(format!("input cannot be read: {error}")),
        Ok(input) => {
            let again = decide(&input);
            if again.encode_to_vec() == outcome {
                return Replay::Equal;
            }
            let stored =
                DecisionOutcome::decode(outcome).map_or_else(|error| error.to_string(), |stored| stored.result);
            Replay::Different(format!("stored {stored:?}, again {:?} {:?}", again.result, again.rep_id))
        }
    }
}
