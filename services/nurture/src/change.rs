//! What one transaction changes: consumer, timers, senders and doors put it together here, and it is written at the end with
//! one statement per table. The only place where an enrolment, its decision and its fact change together.

mod apply;
mod mails;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::outbox::OutboxRow;
use leadflow_proto::nurture::v1::nurture_event::Fact;
use leadflow_proto::nurture::v1::{Enrolled, Exited};
use uuid::Uuid;

use crate::domain::decision::{self, AdvanceFacts, DecisionInput, DecisionOutcome, EnrolFacts, Question};
use crate::domain::enrol::{self, Before};
use crate::domain::exit::Happened;
use crate::domain::facts::ActFacts;
use crate::domain::state::{Enter, State, Trigger};
use crate::held::Held;
use crate::journeys::Compiled;
use crate::store::consent::{Consent, Suppression};
use crate::store::decision::NewDecision;
use crate::store::enrollment::{Enrollment, EnrollmentState};
use crate::store::message::Message;
use crate::store::tally::Counted;
use crate::store::webhook::NewCall;
use crate::telemetry;
use crate::wire::told::{self, Telling};

/// What does not change during a transaction.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// The transaction's clock.
    pub now: Timestamp,
    /// Of the deployment.
    pub incarnation: i32,
    /// For leads of whom nothing better is known.
    pub default_zone: &'a str,
    /// For record keys.
    pub identity_key: &'a IdentityKey,
}

/// A mail that has no number yet.
#[derive(Clone, Debug)]
struct NewMail {
    lead_id: Uuid,
    email_hash: Vec<u8>,
    enrollment_id: Uuid,
    journey_id: String,
    version: i32,
    step: String,
    test: bool,
}

/// What is to be written.
#[derive(Debug)]
pub struct Change<'a> {
    /// What does not change.
    pub setting: Setting<'a>,
    /// The last sequence told of each lead; loaded before anything is told.
    pub told: BTreeMap<Uuid, i32>,
    /// Decisions.
    pub decisions: Vec<NewDecision>,
    /// Mails that moved on.
    pub messages: Vec<Message>,
    /// What people said.
    pub consents: Vec<Consent>,
    /// Who is not written to any more.
    pub suppressions: Vec<Suppression>,
    /// Counted by step.
    pub counted: Counted,
    /// Facts and acts.
    pub outbox: Vec<OutboxRow>,
    new_mails: Vec<NewMail>,
    calls: Vec<NewCall>,
    touched: BTreeMap<Uuid, Enrollment>,
    /// Leads of which something was told: no other sequence is written.
    told_now: BTreeSet<Uuid>,
    /// Enrolments that are over: their waiting mails are skipped.
    ended: BTreeMap<Uuid, String>,
}

impl<'a> Change<'a> {
    /// Nothing yet. `told` are the last sequences of all leads that may be told of.
    #[must_use]
    pub fn new(setting: Setting<'a>, told: BTreeMap<Uuid, i32>) -> Self {
        Self {
            setting,
            told,
            decisions: Vec::new(),
            messages: Vec::new(),
            consents: Vec::new(),
            suppressions: Vec::new(),
            counted: Counted::new(),
            outbox: Vec::new(),
            new_mails: Vec::new(),
            calls: Vec::new(),
            touched: BTreeMap::new(),
            told_now: BTreeSet::new(),
            ended: BTreeMap::new(),
        }
    }

    /// Whether a sender has something to look at after the commit.
    #[must_use]
    pub fn has_mails(&self) -> bool {
        !self.new_mails.is_empty()
    }

    /// Whether an endpoint is to be called.
    #[must_use]
    pub fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Lets the lead into the journey, if it may enter. The new enrolment takes its first steps at once.
    pub fn enrol(
        &mut self,
        held: &mut Held,
        compiled: &Compiled,
        act: Option<&ActFacts>,
        cause: Option<Uuid>,
        trace: Option<&str>,
    ) {
        let journey = &compiled.journey;
        let instance = enrol::instance(journey, act);
        let question = EnrolFacts { act: act.cloned(), before: before(held, &journey.journey_id, &instance) };
        let times = question.before.times;
        let input = self.input(held, compiled, Question::Enrol(question));
        let outcome = decision::decide(&input, Some(journey));
        if outcome.result == "none" {
            return;
        }
        let lead_id = held.lead.lead_id;
        let name = format!("{}/{instance}/{times}", journey.journey_id);
        let enrollment_id = Uuid::new_v5(&lead_id, name.as_bytes());
        self.note(lead_id, enrollment_id, compiled, "", &input, &outcome, cause);
        let held_out = outcome.result == "hold_out";
        let entry = act.map(|act| entry_properties(&act.properties)).unwrap_or_default();
        held.enrollments.push(Enrollment {
            enrollment_id,
            lead_id,
            email_hash: held.lead.email_hash.clone(),
            journey_id: journey.journey_id.clone(),
            version: compiled.version,
            instance_key: outcome.instance,
            state: if held_out { EnrollmentState::HeldOut } else { EnrollmentState::Active },
            context: State { entry, ..State::default() },
            wake_at: None,
            timer_attempt: 0,
            entered_at: self.setting.now,
            ended_at: None,
            end_reason: String::new(),
            converted_at: None,
            replied_at: None,
            test: held.lead.test,
            trace: trace.map(str::to_owned),
        });
        let number = held.enrollments.len() - 1;
        self.count(&held.enrollments[number], "", if held_out { "held_out" } else { "enrolled" });
        self.tell(&held.enrollments[number], "", Fact::Enrolled(Enrolled { held_out }));
        self.touch(&held.enrollments[number]);
        if !held_out {
            self.advance(held, number, compiled, Trigger::Enter(Enter {}), false, cause);
        }
    }

    /// Lets an enrolment go on.
    pub fn advance(
        &mut self,
        held: &mut Held,
        number: usize,
        compiled: &Compiled,
        trigger: Trigger,
        paused: bool,
        cause: Option<Uuid>,
    ) {
        if held.enrollments[number].state != EnrollmentState::Active {
            return;
        }
        let state = held.enrollments[number].context.clone();
        let question = Question::Advance(AdvanceFacts { state, paused, trigger: Some(trigger) });
        let input = self.input(held, compiled, question);
        let outcome = decision::decide(&input, Some(&compiled.journey));
        let Some(advanced) = outcome.advanced.clone().filter(|advanced| !advanced.idle) else {
            self.rest(&mut held.enrollments[number]);
            return;
        };
        if !advanced.lines.is_empty() || !advanced.ended.is_empty() {
            let enrollment = &held.enrollments[number];
            let (lead_id, about) = (enrollment.lead_id, enrollment.enrollment_id);
            let step = advanced.lines.first().map(|line| line.step.clone()).unwrap_or_default();
            self.note(lead_id, about, compiled, &step, &input, &outcome, cause);
        }
        self.apply(held, number, compiled, advanced);
    }

    /// Ends every open enrolment for which one of its journey's exit rules holds.
    pub fn exits(
        &mut self,
        held: &mut Held,
        compiled: &BTreeMap<(String, i32), std::sync::Arc<Compiled>>,
        happened: &Happened,
        cause: Option<Uuid>,
    ) {
        for number in 0..held.enrollments.len() {
            let enrollment = &held.enrollments[number];
            if !enrollment.state.is_open() {
                continue;
            }
            let key = (enrollment.journey_id.clone(), enrollment.version);
            let Some(compiled) = compiled.get(&key) else { continue };
            let input = self.input(held, compiled, Question::Exit(happened.clone()));
            let outcome = decision::decide(&input, Some(&compiled.journey));
            if outcome.result == "exit" {
                let (lead_id, about) = (held.lead.lead_id, held.enrollments[number].enrollment_id);
                let step = held.enrollments[number].context.step.clone();
                self.note(lead_id, about, compiled, &step, &input, &outcome, cause);
                self.end(&mut held.enrollments[number], &outcome.reason);
            }
        }
    }

    /// The journey is over for him. Mails of it that wait are skipped when this is written.
    pub fn end(&mut self, enrollment: &mut Enrollment, reason: &str) {
        enrollment.state = match enrollment.state {
            EnrollmentState::Active => EnrollmentState::Ended,
            EnrollmentState::HeldOut => EnrollmentState::HeldOutEnded,
            over => over,
        };
        enrollment.ended_at = Some(self.setting.now);
        reason.clone_into(&mut enrollment.end_reason);
        (enrollment.wake_at, enrollment.timer_attempt) = (None, 0);
        enrollment.context.wake_at_us = 0;
        self.count(enrollment, "", "exited");
        let step = enrollment.context.step.clone();
        self.tell(enrollment, &step, Fact::Exited(Exited { reason: reason.to_owned() }));
        self.ended.insert(enrollment.enrollment_id, reason.to_owned());
        self.touch(enrollment);
    }

    /// The row of this enrolment must be written.
    pub fn touch(&mut self, enrollment: &Enrollment) {
        self.touched.insert(enrollment.enrollment_id, enrollment.clone());
    }

    /// Keeps a decision.
    #[expect(clippy::too_many_arguments, reason = "each is a column of the row")]
    pub fn note(
        &mut self,
        lead_id: Uuid,
        about: Uuid,
        compiled: &Compiled,
        step: &str,
        input: &DecisionInput,
        outcome: &DecisionOutcome,
        cause: Option<Uuid>,
    ) {
        telemetry::decided(&outcome.result);
        self.decisions.push(NewDecision {
            lead_id,
            kind: outcome.result.clone(),
            at: self.setting.now,
            rules: compiled.rules(),
            step: step.to_owned(),
            inputs: cause.into_iter().collect(),
            recorded: decision::record(about, input, outcome),
        });
    }

    /// Everything that a decision gets.
    #[must_use]
    pub fn input(&self, held: &Held, compiled: &Compiled, question: Question) -> DecisionInput {
        DecisionInput {
            now_us: self.setting.now.as_microsecond(),
            journey_id: compiled.journey.journey_id.clone(),
            version: compiled.version,
            lead: Some(held.facts(&compiled.journey, self.setting.default_zone)),
            question: Some(question),
        }
    }

    /// Tells a fact about an enrolment.
    pub fn tell(&mut self, enrollment: &Enrollment, step: &str, fact: Fact) {
        let sequence = self.next_sequence(enrollment.lead_id);
        let telling = Telling {
            lead_id: enrollment.lead_id,
            incarnation: self.setting.incarnation,
            sequence,
            at: self.setting.now,
            test: enrollment.test,
            journey_id: &enrollment.journey_id,
            version: enrollment.version,
            enrollment_id: Some(enrollment.enrollment_id),
            step,
            trace: enrollment.trace.as_deref(),
        };
        let row = told::tell(&telling, fact);
        self.outbox.push(row);
    }

    /// One more of this at a step.
    pub fn count(&mut self, enrollment: &Enrollment, step: &str, what: &'static str) {
        let key = (enrollment.journey_id.clone(), enrollment.version, step.to_owned(), what);
        *self.counted.entry(key).or_default() += 1;
    }

    fn next_sequence(&mut self, lead_id: Uuid) -> i32 {
        self.told_now.insert(lead_id);
        let sequence = self.told.entry(lead_id).or_default();
        *sequence += 1;
        *sequence
    }
}

/// Earlier times in the same instance.
fn before(held: &Held, journey_id: &str, instance: &str) -> Before {
    let mut before = Before::default();
    for enrollment in held.enrollments.iter().filter(|one| one.journey_id == journey_id && one.instance_key == instance)
    {
        before.times += 1;
        before.active |= enrollment.state.is_open();
        let ended = enrollment.ended_at.map_or(0, Timestamp::as_microsecond);
        before.ended_us = before.ended_us.max(ended);
    }
    before
}

/// "properties.form" becomes "event.form".
fn entry_properties(properties: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let renamed = properties.iter().filter_map(|(name, value)| Some((name.strip_prefix("properties.")?, value)));
    renamed.map(|(name, value)| (format!("event.{name}"), value.clone())).collect()
}
