//! One decision: exactly what was known, and what followed; both stored as canonical protobuf, so that it can be executed
//! again. Times are microseconds since 1970. Fields are only ever added.

use prost::Message as _;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::advance::advance;
use super::enrol::{self, Before, Entry};
use super::exit::{self, Happened};
use super::facts::{ActFacts, LeadFacts};
use super::journey::Journey;
use super::send::{self, SendFacts, SendOutcome};
use super::state::{Advanced, State, Trigger};

/// Everything that `decide` gets, beside the journey's version that it names.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DecisionInput {
    /// The transaction's clock.
    #[prost(int64, tag = "1")]
    pub now_us: i64,
    /// The journey.
    #[prost(string, tag = "2")]
    pub journey_id: String,
    /// Its version.
    #[prost(int32, tag = "3")]
    pub version: i32,
    /// The lead as of its last event.
    #[prost(message, optional, tag = "4")]
    pub lead: Option<LeadFacts>,
    /// What is asked.
    #[prost(oneof = "Question", tags = "10, 11, 12, 13")]
    pub question: Option<Question>,
}

/// What can be asked.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Question {
    /// Does he enter?
    #[prost(message, tag = "10")]
    Enrol(EnrolFacts),
    /// Where does he go?
    #[prost(message, tag = "11")]
    Advance(AdvanceFacts),
    /// Is it over for him?
    #[prost(message, tag = "12")]
    Exit(Happened),
    /// Does this mail go out?
    #[prost(message, tag = "13")]
    Send(SendFacts),
}

/// Of an entry.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EnrolFacts {
    /// What the person did, if anything.
    #[prost(message, optional, tag = "1")]
    pub act: Option<ActFacts>,
    /// Earlier times.
    #[prost(message, required, tag = "2")]
    pub before: Before,
}

/// Of a step.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AdvanceFacts {
    /// Where he is.
    #[prost(message, required, tag = "1")]
    pub state: State,
    /// The journey stands still.
    #[prost(bool, tag = "2")]
    pub paused: bool,
    /// What happened.
    #[prost(oneof = "Trigger", tags = "20, 21, 22")]
    pub trigger: Option<Trigger>,
}

/// What followed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DecisionOutcome {
    /// enrol, hold_out, step, exit, send, skip, put_off; or `none`: nothing follows.
    #[prost(string, tag = "1")]
    pub result: String,
    /// In one sentence or word.
    #[prost(string, tag = "2")]
    pub reason: String,
    /// Of an entry: the value of the instance key.
    #[prost(string, tag = "3")]
    pub instance: String,
    /// Of a step.
    #[prost(message, optional, tag = "4")]
    pub advanced: Option<Advanced>,
    /// Of a mail.
    #[prost(message, optional, tag = "5")]
    pub send: Option<SendOutcome>,
}

impl DecisionOutcome {
    fn none() -> Self {
        Self { result: "none".to_owned(), ..Self::default() }
    }
}

/// The rules. Total: what cannot be asked has no consequence. Questions about mails need no journey.
#[must_use]
pub fn decide(input: &DecisionInput, journey: Option<&Journey>) -> DecisionOutcome {
    let lead = input.lead.clone().unwrap_or_default();
    match (&input.question, journey) {
        (Some(Question::Send(facts)), _) => {
            let send = send::decide(facts, input.now_us);
            DecisionOutcome {
                result: send.result.clone(),
                reason: send.reason.clone(),
                send: Some(send),
                ..DecisionOutcome::default()
            }
        }
        (Some(Question::Enrol(facts)), Some(journey)) => {
            match enrol::enrol(journey, &lead, facts.act.as_ref(), &facts.before, false, input.now_us) {
                Entry::No => DecisionOutcome::none(),
                Entry::Enters { instance, held_out, text } => DecisionOutcome {
                    result: if held_out { "hold_out" } else { "enrol" }.to_owned(),
                    reason: text,
                    instance,
                    ..DecisionOutcome::default()
                },
            }
        }
        (Some(Question::Exit(happened)), Some(journey)) => match exit::exit(journey, &lead, happened) {
            None => DecisionOutcome::none(),
            Some(reason) => DecisionOutcome { result: "exit".to_owned(), reason, ..DecisionOutcome::default() },
        },
        (Some(Question::Advance(AdvanceFacts { state, paused, trigger: Some(trigger) })), Some(journey)) => {
            let advanced = advance(journey, &lead, state, trigger, *paused, input.now_us);
            let result = if advanced.idle { "none" } else { "step" };
            let reason = advanced.ended.clone();
            DecisionOutcome {
                result: result.to_owned(),
                reason,
                advanced: Some(advanced),
                ..DecisionOutcome::default()
            }
        }
        _ => DecisionOutcome::none(),
    }
}

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

/// Bytes, id and digest of a decision. `about` tells two apart that have the same input: the enrolment or the message.
#[must_use]
pub fn record(about: Uuid, input: &DecisionInput, outcome: &DecisionOutcome) -> Recorded {
    let (input, outcome) = (input.encode_to_vec(), outcome.encode_to_vec());
    let digest = Sha256::new().chain_update(&input).chain_update(&outcome).finalize().into();
    Recorded { decision_id: Uuid::new_v5(&about, &input), input, outcome, digest }
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

/// Executes a stored decision again. `journey` finds a version of a journey.
pub fn replay<'a>(
    input: Option<&[u8]>,
    outcome: &[u8],
    journey: impl FnOnce(&str, i32) -> Option<&'a Journey>,
) -> Replay {
    let Some(input) = input else { return Replay::Erased };
    let input = match DecisionInput::decode(input) {
        Ok(input) => input,
        Err(error) => return Replay::Different(format!("input cannot be read: {error}")),
    };
    let again = decide(&input, journey(&input.journey_id, input.version));
    if again.encode_to_vec() == outcome {
        return Replay::Equal;
    }
    let stored = DecisionOutcome::decode(outcome).map_or_else(|error| error.to_string(), |stored| stored.result);
    Replay::Different(format!("stored {stored:?}, again {:?} {:?}", again.result, again.reason))
}
