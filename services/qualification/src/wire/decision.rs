//! Decisions as they are kept: the canonical bytes of exactly what `decide` got and of what it answered. Equal values have
//! equal bytes (fields in order, maps and sets sorted), so a replay compares bytes.

use std::collections::{BTreeMap, BTreeSet};

use leadflow_proto::engagement::v1 as engagement;
use prost::Message;
use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::decide::{Decision, Fact, Finding, Known, LeadState, Question, Standing, State, Trigger};
use crate::domain::event::EngagementEvent;
use crate::domain::lifecycle::Stage;
use crate::domain::rules::{DisqualificationReason, Grade};
use crate::domain::score::{Accumulator, Explanation};

use super::{Corrupt, engagement_event, from_micros, micros};

#[derive(Clone, PartialEq, Message)]
struct StoredLead {
    #[prost(bytes = "vec", tag = "1")]
    lead_id: Vec<u8>,
    #[prost(int32, tag = "2")]
    stage: i32,
    #[prost(int32, tag = "3")]
    stage_before: i32,
}

#[derive(Clone, PartialEq, Message)]
struct StoredState {
    #[prost(bytes = "vec", tag = "1")]
    acc: Vec<u8>,
    #[prost(int32, tag = "2")]
    score_milli: i32,
    #[prost(int32, tag = "3")]
    scored_on: i32,
    #[prost(uint32, tag = "4")]
    grade: u32,
    #[prost(bool, tag = "5")]
    above_mql: bool,
    #[prost(bool, tag = "6")]
    above_cooled: bool,
    #[prost(bool, tag = "7")]
    waiting: bool,
    #[prost(bool, tag = "8")]
    identified: bool,
    #[prost(uint32, optional, tag = "9")]
    out_by_person: Option<u32>,
    #[prost(uint32, repeated, tag = "10")]
    out_by_event: Vec<u32>,
    #[prost(message, optional, tag = "11")]
    lead: Option<StoredLead>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredKnown {
    #[prost(string, repeated, tag = "1")]
    emails: Vec<String>,
    #[prost(btree_map = "string, string", tag = "2")]
    traits: BTreeMap<String, String>,
    #[prost(string, optional, tag = "3")]
    account_domain: Option<String>,
    #[prost(btree_map = "string, string", tag = "4")]
    account_traits: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredInput {
    #[prost(message, optional, tag = "1")]
    state: Option<StoredState>,
    #[prost(message, optional, tag = "2")]
    known: Option<StoredKnown>,
    /// Absent if the clock asked.
    #[prost(message, optional, tag = "3")]
    event: Option<engagement::EngagementEvent>,
    #[prost(bytes = "vec", tag = "4")]
    cause: Vec<u8>,
    #[prost(sint64, tag = "5")]
    now: i64,
    #[prost(int32, tag = "6")]
    model_no: i32,
}

#[derive(Clone, PartialEq, Message)]
struct StoredFinding {
    #[prost(string, tag = "1")]
    fact: String,
    #[prost(message, optional, tag = "2")]
    lead: Option<StoredLead>,
    /// Grade before and after, or reason and by, or what qualified.
    #[prost(string, tag = "3")]
    first: String,
    #[prost(string, tag = "4")]
    second: String,
    #[prost(sint32, tag = "5")]
    threshold: i32,
}

#[derive(Clone, PartialEq, Message)]
struct StoredLine {
    #[prost(string, tag = "1")]
    code: String,
    #[prost(sint32, tag = "2")]
    milli_points: i32,
}

#[derive(Clone, PartialEq, Message)]
struct StoredOutcome {
    #[prost(message, optional, tag = "1")]
    state: Option<StoredState>,
    #[prost(message, repeated, tag = "2")]
    findings: Vec<StoredFinding>,
    #[prost(message, repeated, tag = "3")]
    lines: Vec<StoredLine>,
}

/// A question read back, with all that it borrows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptQuestion {
    /// Before.
    pub state: State,
    /// If it was given.
    pub known: Option<Known>,
    /// None if the clock asked.
    pub event: Option<EngagementEvent>,
    /// The event, or what else asked.
    pub cause: Uuid,
    /// The database clock of then.
    pub now: jiff::Timestamp,
    /// Which rules.
    pub model_no: i32,
}

impl KeptQuestion {
    /// As it was asked.
    #[must_use]
    pub fn question(&self) -> Question<'_> {
        Question {
            state: &self.state,
            known: self.known.as_ref(),
            trigger: self.event.as_ref().map_or(Trigger::Clock, Trigger::Event),
            cause: self.cause,
            now: self.now,
        }
    }
}

/// Bytes of a question. The event must be reduced to what the model reads.
#[must_use]
pub fn encode_question(question: &Question<'_>, model_no: i32) -> Vec<u8> {
    let event = match question.trigger {
        Trigger::Event(event) => Some(engagement_event::to_proto(event)),
        Trigger::Clock => None,
    };
    StoredInput {
        state: Some(to_state(question.state)),
        known: question.known.map(to_known),
        event,
        cause: question.cause.as_bytes().to_vec(),
        now: micros(question.now),
        model_no,
    }
    .encode_to_vec()
}

/// Reads what [`encode_question`] wrote.
///
/// # Errors
/// [`Corrupt`].
pub fn decode_question(bytes: &[u8]) -> Result<KeptQuestion, Corrupt> {
    let corrupt = Corrupt("decision input");
    let stored = StoredInput::decode(bytes).map_err(|_| corrupt)?;
    let event = stored.event.map(|event| reduced_event(event).ok_or(corrupt)).transpose()?;
    Ok(KeptQuestion {
        state: from_state(stored.state.ok_or(corrupt)?).ok_or(corrupt)?,
        known: stored.known.map(from_known),
        event,
        cause: Uuid::from_slice(&stored.cause).map_err(|_| corrupt)?,
        now: from_micros(stored.now),
        model_no: stored.model_no,
    })
}

/// Bytes of an answer with the explanation of its score.
#[must_use]
pub fn encode_answer(decision: &Decision, explanation: &Explanation) -> Vec<u8> {
    let line =
        |line: &crate::domain::score::Line| StoredLine { code: line.code.clone(), milli_points: line.milli_points };
    StoredOutcome {
        state: Some(to_state(&decision.state)),
        findings: decision.findings.iter().map(to_finding).collect(),
        lines: explanation.lines.iter().map(line).collect(),
    }
    .encode_to_vec()
}

/// What an answer found, for people: `opened, qualified hand_raise`.
///
/// # Errors
/// [`Corrupt`].
pub fn describe_answer(bytes: &[u8]) -> Result<String, Corrupt> {
    let stored = StoredOutcome::decode(bytes).map_err(|_| Corrupt("decision outcome"))?;
    let words = stored.findings.iter().map(|finding| {
        let parts = [finding.fact.as_str(), &finding.first, &finding.second];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    });
    Ok(words.collect::<Vec<_>>().join(", "))
}

/// A reduced event has no identifiers; those of the topic always have one.
fn reduced_event(mut message: engagement::EngagementEvent) -> Option<EngagementEvent> {
    message.anonymous_id = "-".to_owned();
    let mut event = engagement_event::from_proto(message).ok()?;
    event.identifiers.anonymous_id = None;
    Some(event)
}

fn to_state(state: &State) -> StoredState {
    let standing = &state.standing;
    StoredState {
        acc: standing.acc.to_bytes(),
        score_milli: standing.score_milli,
        scored_on: standing.scored_on.0,
        grade: u32::from(standing.grade.number()),
        above_mql: standing.above_mql,
        above_cooled: standing.above_cooled,
        waiting: standing.waiting,
        identified: state.identified,
        out_by_person: state.out_by_person.map(|reason| u32::from(reason.number())),
        out_by_event: state.out_by_event.iter().map(|reason| u32::from(reason.number())).collect(),
        lead: state.lead.map(to_lead),
    }
}

fn from_state(stored: StoredState) -> Option<State> {
    let reason = |number: u32| i32::try_from(number).ok().and_then(DisqualificationReason::from_number);
    let out_by_event: Option<BTreeSet<_>> = stored.out_by_event.into_iter().map(reason).collect();
    Some(State {
        standing: Standing {
            acc: Accumulator::from_bytes(&stored.acc).ok()?,
            score_milli: stored.score_milli,
            scored_on: Day(stored.scored_on),
            grade: i16::try_from(stored.grade).ok().and_then(Grade::from_number)?,
            above_mql: stored.above_mql,
            above_cooled: stored.above_cooled,
            waiting: stored.waiting,
        },
        identified: stored.identified,
        out_by_person: match stored.out_by_person {
            Some(number) => Some(reason(number)?),
            None => None,
        },
        out_by_event: out_by_event?,
        lead: match stored.lead {
            Some(lead) => Some(from_lead(&lead)?),
            None => None,
        },
    })
}

fn to_lead(lead: LeadState) -> StoredLead {
    StoredLead {
        lead_id: lead.lead_id.as_bytes().to_vec(),
        stage: i32::from(lead.stage.number()),
        stage_before: i32::from(lead.stage_before.number()),
    }
}

fn from_lead(stored: &StoredLead) -> Option<LeadState> {
    let stage = |number: i32| i16::try_from(number).ok().and_then(Stage::from_number);
    Some(LeadState {
        lead_id: Uuid::from_slice(&stored.lead_id).ok()?,
        stage: stage(stored.stage)?,
        stage_before: stage(stored.stage_before)?,
    })
}

fn to_known(known: &Known) -> StoredKnown {
    StoredKnown {
        emails: known.emails.clone(),
        traits: known.traits.clone(),
        account_domain: known.account_domain.clone(),
        account_traits: known.account_traits.clone(),
    }
}

fn from_known(stored: StoredKnown) -> Known {
    Known {
        emails: stored.emails,
        traits: stored.traits,
        account_domain: stored.account_domain,
        account_traits: stored.account_traits,
    }
}

fn to_finding(finding: &Finding) -> StoredFinding {
    let text = |word: &str| word.to_owned();
    let none = String::new;
    let (fact, first, second, threshold) = match &finding.fact {
        Fact::Opened => ("opened", none(), none(), 0),
        Fact::Engaged => ("engaged", none(), none(), 0),
        Fact::Graded { from, to } => ("graded", text(from.as_str()), text(to.as_str()), 0),
        Fact::Disqualified { reason, by } => ("disqualified", text(reason.as_str()), by.clone(), 0),
        Fact::Lifted { reason } => ("lifted", text(reason.as_str()), none(), 0),
        Fact::Crossed { threshold, upwards } => {
            ("crossed", text(if *upwards { "upwards" } else { "downwards" }), none(), *threshold)
        }
        Fact::Cooled { threshold } => ("cooled", none(), none(), *threshold),
        Fact::Qualified { by } => ("qualified", text(by.as_str()), none(), 0),
        Fact::HandRaised => ("hand_raised", none(), none(), 0),
        Fact::HandRefused { reason } => ("hand_refused", text(reason.as_str()), none(), 0),
    };
    StoredFinding { fact: text(fact), lead: finding.lead.map(to_lead), first, second, threshold }
}
