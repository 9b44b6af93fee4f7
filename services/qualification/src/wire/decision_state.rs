//! A person as decisions see them, as bytes: the part that questions and answers of decisions have in common.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::decide::{Known, LeadState, Standing, State};
use crate::domain::lifecycle::Stage;
use crate::domain::rules::{DisqualificationReason, Grade};
use crate::domain::score::Accumulator;

#[derive(Clone, PartialEq, Message)]
pub(super) struct StoredLead {
    #[prost(bytes = "vec", tag = "1")]
    lead_id: Vec<u8>,
    #[prost(int32, tag = "2")]
    stage: i32,
    #[prost(int32, tag = "3")]
    stage_before: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StoredState {
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
pub(super) struct StoredKnown {
    #[prost(string, repeated, tag = "1")]
    emails: Vec<String>,
    #[prost(btree_map = "string, string", tag = "2")]
    traits: BTreeMap<String, String>,
    #[prost(string, optional, tag = "3")]
    account_domain: Option<String>,
    #[prost(btree_map = "string, string", tag = "4")]
    account_traits: BTreeMap<String, String>,
}

pub(super) fn to_state(state: &State) -> StoredState {
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

pub(super) fn from_state(stored: StoredState) -> Option<State> {
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

pub(super) fn to_lead(lead: LeadState) -> StoredLead {
    StoredLead {
        lead_id: lead.lead_id.as_bytes().to_vec(),
        stage: i32::from(lead.stage.number()),
        stage_before: i32::from(lead.stage_before.number()),
    }
}

pub(super) fn from_lead(stored: &StoredLead) -> Option<LeadState> {
    let stage = |number: i32| i16::try_from(number).ok().and_then(Stage::from_number);
    Some(LeadState {
        lead_id: Uuid::from_slice(&stored.lead_id).ok()?,
        stage: stage(stored.stage)?,
        stage_before: stage(stored.stage_before)?,
    })
}

pub(super) fn to_known(known: &Known) -> StoredKnown {
    StoredKnown {
        emails: known.emails.clone(),
        traits: known.traits.clone(),
        account_domain: known.account_domain.clone(),
        account_traits: known.account_traits.clone(),
    }
}

pub(super) fn from_known(stored: StoredKnown) -> Known {
    Known {
        emails: stored.emails,
        traits: stored.traits,
        account_domain: stored.account_domain,
        account_traits: stored.account_traits,
    }
}
