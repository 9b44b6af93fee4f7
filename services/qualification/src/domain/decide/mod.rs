//! `decide(state, event, rules, now)`: from where a person stands, what is known of them and what happened, to where they
//! stand afterwards and what is to be told. Total and pure: the stored input gives the stored outcome again, byte by byte.

mod fact;
mod lead;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::event::EngagementEvent;
use crate::domain::rules::{DisqualificationReason, Hits, Model, PersonFacts};

pub use fact::{DecisionKind, Fact, Finding, LeadState, QualifiedBy};
pub use standing::{Authority, Moves, Standing};

/// A person, as decisions see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Points and sides of thresholds.
    pub standing: Standing,
    /// Has a user id, e-mail or phone.
    pub identified: bool,
    /// Out because of what is known of the person: lifted when that changes.
    pub out_by_person: Option<DisqualificationReason>,
    /// Out because of what happened: stays.
    pub out_by_event: BTreeSet<DisqualificationReason>,
    /// The open lead, else the newest of the closed, else none.
    pub lead: Option<LeadState>,
}

impl State {
    /// Why the person is out; what is known of them speaks first.
    #[must_use]
    pub fn disqualified(&self) -> Option<DisqualificationReason> {
        self.out_by_person.or_else(|| self.out_by_event.first().copied())
    }
}

/// What is known of a person, for fit and disqualification. Given to a decision only when it may be another than before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// All addresses.
    pub emails: Vec<String>,
    /// Of the person.
    pub traits: BTreeMap<String, String>,
    /// Registrable domain of the company.
    pub account_domain: Option<String>,
    /// Of the company.
    pub account_traits: BTreeMap<String, String>,
}

impl Known {
    /// Asks the model something about this person.
    pub fn ask<T>(&self, question: impl FnOnce(&PersonFacts<'_>) -> T) -> T {
        let emails: Vec<&str> = self.emails.iter().map(String::as_str).collect();
        question(&PersonFacts {
            emails: &emails,
            traits: &self.traits,
            account_domain: self.account_domain.as_deref(),
            account_traits: &self.account_traits,
        })
    }
}

/// Why a decision is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger<'a> {
    /// Something happened.
    Event(&'a EngagementEvent),
    /// Time passed, the timeline was folded anew, or persons became one.
    Clock,
}

/// All that a decision stands on beside the rules.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Before.
    pub state: &'a State,
    /// If it may have changed.
    pub known: Option<&'a Known>,
    /// Why.
    pub trigger: Trigger<'a>,
    /// Made of the person and of the event, or of what else asks: a lead that begins takes its id from it.
    pub cause: Uuid,
    /// The database clock.
    pub now: Timestamp,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// After.
    pub state: State,
    /// What is to be told, in order.
    pub findings: Vec<Finding>,
}

/// Decides.
#[must_use]
pub fn decide(question: &Question<'_>, model: &Model) -> Decision {
    let mut state = question.state.clone();
    let mut findings = Vec::new();
    let today = Day::of(question.now);
    let was_out = state.disqualified();
    let mut hits = Hits::default();
    let authority = match question.trigger {
        Trigger::Event(event) => {
            model.evaluate(event, &mut hits);
            Authority::of(event)
        }
        Trigger::Clock => Authority::Clock,
    };
    let out_by = weigh(&mut state, question, model, &mut findings);
    let waited = state.standing.waiting;
    let moves = match question.trigger {
        Trigger::Event(event) => state.standing.absorb(model, event, &hits, today),
        Trigger::Clock => state.standing.look(model, today, authority),
    };
    let graded = !findings.is_empty();
    let moves = if graded { moves.then(state.standing.look(model, today, authority)) } else { moves };
    let step = lead::Step {
        question,
        model,
        authority,
        moves,
        waited,
        hand_raised: hits.hand_raise.is_some(),
        was_out,
        out_by,
    };
    step.take(&mut state, &mut findings);
    Decision { state, findings }
}

/// Fit and disqualification, if what they stand on may have changed. Returns which entry of the model puts the person out.
fn weigh(state: &mut State, question: &Question<'_>, model: &Model, findings: &mut Vec<Finding>) -> String {
    let mut out_by = String::new();
    if let Some(known) = question.known {
        let grade = known.ask(|facts| model.fit(facts)).grade;
        let from = std::mem::replace(&mut state.standing.grade, grade);
        if from != grade {
            findings.push(Finding { fact: Fact::Graded { from, to: grade }, lead: state.lead });
        }
        let out = known.ask(|facts| model.disqualified_by_person(facts));
        state.out_by_person = out.map(|out| out.reason);
        out_by = out.map_or_else(String::new, |out| out.by.to_owned());
    }
    if let Trigger::Event(event) = question.trigger
        && let Some(out) = model.disqualified_by_event(event)
    {
        state.out_by_event.insert(out.reason);
        if out_by.is_empty() {
            out.by.clone_into(&mut out_by);
        }
    }
    out_by
}

#[cfg(test)]
mod tests;
