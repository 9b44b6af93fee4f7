//! Decisions as they are kept: the canonical bytes of exactly what `decide` got and of what it answered. Equal values have
//! equal bytes (fields in order, maps and sets sorted), so a replay compares bytes.

use leadflow_proto::engagement::v1 as engagement;
use prost::Message;
use uuid::Uuid;

use crate::domain::decide::{Decision, Fact, Finding, Known, Question, State, Trigger};
use crate::domain::event::EngagementEvent;
use crate::domain::score::Explanation;

use super::decision_state::{
    StoredKnown, StoredLead, StoredState, from_known, from_state, to_known, to_lead, to_state,
};
use super::{Corrupt, engagement_event, from_micros, micros};

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::day::Day;
    use crate::domain::decide::{LeadState, Standing, decide};
    use crate::domain::event::EventKind;
    use crate::domain::lifecycle::Stage;
    use crate::domain::rules::fixture::{event, model, texts};
    use crate::domain::rules::{DisqualificationReason, Grade};
    use crate::domain::score::explain;

    #[test]
    fn the_kept_question_gives_the_kept_answer_again() {
        let model = model(
            "name: test\nthresholds: { mql: 50, cooled: 10 }\nrules:\n  - { id: chat, text: Chat, when: { kind: chat }, \
             points: 5, hand_raise: true }\n",
        );
        let now = "2026-03-02T12:00:00Z".parse().expect("a time");
        let mut standing = Standing::new(Day::of(now), &model, Grade::B);
        let event = model.reduce(&event(EventKind::Chat));
        let _ = standing.absorb(&model, &event, &crate::domain::rules::Hits::default(), Day::of(now));
        let state = State {
            standing,
            identified: true,
            out_by_person: Some(DisqualificationReason::Competitor),
            out_by_event: BTreeSet::from([DisqualificationReason::OptedOut]),
            lead: Some(LeadState { lead_id: Uuid::from_u128(5), stage: Stage::Sal, stage_before: Stage::Mql }),
        };
        let known = Known {
            emails: vec!["kim@acme.example".into()],
            traits: texts([("title", "CTO")]),
            account_domain: Some("acme.example".into()),
            account_traits: texts([("size", "9")]),
        };
        let triggers = [Trigger::Event(&event), Trigger::Clock];
        for (trigger, known) in triggers.into_iter().flat_map(|trigger| [(trigger, Some(&known)), (trigger, None)]) {
            let question = Question { state: &state, known, trigger, cause: event.event_id, now };
            let bytes = encode_question(&question, 7);
            let kept = decode_question(&bytes).expect("readable");
            assert_eq!(kept.state, state);
            assert_eq!(encode_question(&kept.question(), kept.model_no), bytes, "one encoding of a question");
            let answer = |question: &Question<'_>| {
                let decision = decide(question, &model);
                encode_answer(&decision, &explain(&model, &decision.state.standing.acc, Day::of(question.now)))
            };
            assert_eq!(answer(&kept.question()), answer(&question));
        }
        assert!(decode_question(b"\xff\xff").is_err());
    }
}
