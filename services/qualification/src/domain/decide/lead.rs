//! The part of a decision that is about the lead: opening, qualifying, disqualifying, cooling.

use crate::domain::lifecycle::{Stage, lead_id};
use crate::domain::rules::{DisqualificationReason, Emission, Model};

use super::standing::{Authority, Moves};
use super::{Fact, Finding, LeadState, QualifiedBy, Question, State, Trigger};

/// What has been found out before the lead is looked at.
pub(super) struct Step<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) model: &'a Model,
    pub(super) authority: Authority,
    pub(super) moves: Moves,
    /// Whether something waited for a live act before.
    pub(super) waited: bool,
    pub(super) hand_raised: bool,
    pub(super) was_out: Option<DisqualificationReason>,
    pub(super) out_by: String,
}

impl Step<'_> {
    pub(super) fn take(self, state: &mut State, findings: &mut Vec<Finding>) {
        let out = state.disqualified();
        self.change_of_standing(state, out, findings);
        self.open(state, out, findings);
        self.tell_act(state, findings);
        self.fall(state, findings);
        match out {
            Some(reason) if self.hand_raised => push(state, findings, Fact::HandRefused { reason }),
            Some(_) => self.cross(state, findings),
            None => self.rise(state, findings),
        }
    }

    /// Disqualified, or no longer.
    fn change_of_standing(&self, state: &mut State, out: Option<DisqualificationReason>, findings: &mut Vec<Finding>) {
        match (self.was_out, out) {
            (before, Some(reason)) if before != Some(reason) => {
                if let Some(lead) = state.lead.as_mut().filter(|lead| lead.stage.is_open()) {
                    lead.stage_before = lead.stage;
                    lead.stage = Stage::Disqualified;
                }
                push(state, findings, Fact::Disqualified { reason, by: self.out_by.clone() });
            }
            (Some(reason), None) => {
                if let Some(lead) = state.lead.as_mut().filter(|lead| lead.stage == Stage::Disqualified) {
                    lead.stage = lead.stage_before;
                }
                push(state, findings, Fact::Lifted { reason });
            }
            _ => {}
        }
    }

    /// The first lead of a person opens when they are known by more than a browser, or at once with a raised hand; after a
    /// closed one, the next crossing or raised hand opens another.
    fn open(&self, state: &mut State, out: Option<DisqualificationReason>, findings: &mut Vec<Finding>) {
        let is_human = match self.question.trigger {
            Trigger::Event(event) => !event.is_bot(),
            Trigger::Clock => true,
        };
        let opens = match state.lead {
            None => is_human && (self.hand_raised || state.identified),
            Some(lead) if lead.stage.is_open() => false,
            Some(_) => self.hand_raised || self.moves.rose,
        };
        if out.is_some() || !opens {
            return;
        }
        // One product line until rules name others.
        let lead_id = lead_id(self.question.cause, "");
        state.lead = Some(LeadState { lead_id, stage: Stage::Open, stage_before: Stage::Open });
        push(state, findings, Fact::Opened);
    }

    fn tell_act(&self, state: &State, findings: &mut Vec<Finding>) {
        let Trigger::Event(event) = self.question.trigger else { return };
        let told = match self.model.emission(event, self.hand_raised) {
            Emission::No => false,
            Emission::WhileOpen(_) => state.lead.is_some_and(|lead| lead.stage.is_open()),
            Emission::Always(_) => state.lead.is_some(),
        };
        if told {
            push(state, findings, Fact::Engaged);
        }
    }

    fn fall(&self, state: &State, findings: &mut Vec<Finding>) {
        if self.moves.fell {
            push(state, findings, Fact::Crossed { threshold: self.mql_threshold(state), upwards: false });
        }
        if self.moves.cooled && state.lead.is_some_and(|lead| lead.stage.is_qualified()) {
            let threshold = self.model.cooled_threshold().unwrap_or_default();
            push(state, findings, Fact::Cooled { threshold });
        }
    }

    fn rise(&self, state: &mut State, findings: &mut Vec<Finding>) {
        let stage = state.lead.map(|lead| lead.stage);
        if self.hand_raised {
            return match stage {
                Some(Stage::Open | Stage::Recycled) => qualify(state, findings, QualifiedBy::HandRaise),
                _ => push(state, findings, Fact::HandRaised),
            };
        }
        match stage {
            // Above already when the lead opened: no crossing is needed, but a live act (or the clock) is.
            Some(Stage::Open) if state.standing.above_mql => {
                let may = match self.authority {
                    Authority::Live => true,
                    Authority::Clock => !self.waited,
                    Authority::None => false,
                };
                if may {
                    qualify(state, findings, QualifiedBy::Threshold);
                } else {
                    state.standing.waiting = true;
                }
            }
            Some(Stage::Recycled) if self.moves.rose => qualify(state, findings, QualifiedBy::Threshold),
            _ => self.cross(state, findings),
        }
    }

    /// Above a threshold without anything that could be qualified by it.
    fn cross(&self, state: &State, findings: &mut Vec<Finding>) {
        if self.moves.rose {
            push(state, findings, Fact::Crossed { threshold: self.mql_threshold(state), upwards: true });
        }
    }

    fn mql_threshold(&self, state: &State) -> i32 {
        self.model.mql_threshold(state.standing.grade).unwrap_or_default()
    }
}

fn qualify(state: &mut State, findings: &mut Vec<Finding>, by: QualifiedBy) {
    if let Some(lead) = &mut state.lead {
        lead.stage = Stage::Mql;
    }
    push(state, findings, Fact::Qualified { by });
}

fn push(state: &State, findings: &mut Vec<Finding>, fact: Fact) {
    findings.push(Finding { fact, lead: state.lead });
}
