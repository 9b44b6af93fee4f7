//! Reps as they stand at this moment: rows under their locks, read as the rules want them, and kept up to date from one
//! lead of a page to the next.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use leadflow_proto::assignment::v1::ExternalId;

use crate::domain::decision::{Candidate, NO_END, Place};
use crate::domain::eligibility;
use crate::domain::ledger::Ledger;
use crate::domain::schedule::Opening;
use crate::store::ledger::Member;
use crate::store::pool::Pool;
use crate::store::rep::Rep;
use crate::wire;

/// Everybody who could get a lead of one pool.
#[derive(Debug)]
pub struct Candidates {
    by_rep: BTreeMap<String, Standing>,
    changed: BTreeSet<String>,
}

/// One rep.
#[derive(Debug)]
struct Standing {
    rep: Rep,
    facts: Candidate,
    external_ids: Vec<ExternalId>,
}

impl Candidates {
    /// `reps` are locked: members of the pool and owners of leads.
    #[must_use]
    pub fn new(members: &[Member], reps: Vec<Rep>, now: Timestamp) -> Self {
        let weights: BTreeMap<&str, i32> =
            members.iter().map(|member| (member.rep_id.as_str(), member.weight)).collect();
        let standing = |rep: Rep| {
            let weight = weights.get(rep.rep_id.as_str()).copied().unwrap_or(0);
            (rep.rep_id.clone(), Standing::of(rep, weight, now))
        };
        Self { by_rep: reps.into_iter().map(standing).collect(), changed: BTreeSet::new() }
    }

    /// The pool with its candidates, for a lead that these own: its members, and the owners.
    #[must_use]
    pub fn place(&self, pool: &Pool, ledger: &Ledger, person_owner: &str, account_owner: &str) -> Place {
        let concerns = |standing: &&Standing| {
            let rep_id = standing.facts.rep_id.as_str();
            standing.facts.weight > 0 || rep_id == person_owner || rep_id == account_owner
        };
        let candidate = |standing: &Standing| {
            let mut facts = standing.facts.clone();
            if let Some(account) = ledger.accounts.get(&facts.rep_id) {
                facts.stretch_weight = account.stretch_weight;
                facts.received = account.received;
                facts.carried_micro = account.carried_micro;
                facts.credit_micro = account.credit_micro;
            }
            facts
        };
        Place {
            pool_id: pool.pool_id.clone(),
            offer_timeout_us: pool.offer_timeout_ms.saturating_mul(1000),
            round_pause_us: pool.round_pause_ms.saturating_mul(1000),
            stretch_no: ledger.stretch_no,
            stretch_leads: ledger.leads,
            candidates: self.by_rep.values().filter(concerns).map(candidate).collect(),
            person_owner: person_owner.to_owned(),
            account_owner: account_owner.to_owned(),
        }
    }

    /// One more lead for this rep.
    pub fn take(&mut self, rep_id: &str, now: Timestamp) {
        let Some(standing) = self.by_rep.get_mut(rep_id) else { return };
        standing.facts.open_count += 1;
        standing.facts.day_count += 1;
        standing.rep.open_count = standing.facts.open_count;
        standing.rep.day_count = standing.facts.day_count;
        standing.rep.day = standing.day(now);
        self.changed.insert(rep_id.to_owned());
    }

    /// Whether any member could get a lead that nobody was asked for yet.
    #[must_use]
    pub fn any_member_can(&self, now: Timestamp) -> bool {
        let now_us = now.as_microsecond();
        self.members().any(|facts| eligibility::busy(facts, now_us).is_none())
    }

    /// When the first member opens who cannot get a lead now, without anybody's doing.
    #[must_use]
    pub fn opens_at(&self, now: Timestamp) -> Option<Timestamp> {
        let now_us = now.as_microsecond();
        let first = self.members().filter_map(|facts| eligibility::opens_at_us(facts, now_us)).min()?;
        Timestamp::from_microsecond(first).ok()
    }

    fn members(&self) -> impl Iterator<Item = &Candidate> {
        self.by_rep.values().map(|standing| &standing.facts).filter(|facts| facts.weight > 0)
    }

    /// Rows of reps whose counts changed.
    #[must_use]
    pub fn changed(&self) -> Vec<&Rep> {
        self.changed.iter().filter_map(|rep_id| self.by_rep.get(rep_id)).map(|standing| &standing.rep).collect()
    }

    /// Name, e-mail and external ids of a rep.
    #[must_use]
    pub fn card(&self, rep_id: &str) -> Option<(&str, &str, &[ExternalId])> {
        let standing = self.by_rep.get(rep_id)?;
        Some((&standing.rep.name, &standing.rep.email, &standing.external_ids))
    }
}

impl Standing {
    fn of(rep: Rep, weight: i32, now: Timestamp) -> Self {
        let schedule = wire::rep::schedule(&rep.time_zone, &rep.schedule, &rep.holidays);
        if schedule.is_none() {
            tracing::error!(
                rep.id = rep.rep_id,
                "the schedule cannot be read: the rep gets nothing; put the rep again"
            );
        }
        let (open_until_us, opens_at_us) = match schedule.as_ref().map(|schedule| schedule.opening(now)) {
            Some(Opening::Always) => (NO_END, 0),
            Some(Opening::Until(end)) => (end.as_microsecond(), 0),
            Some(Opening::Closed { opens_at }) => (0, opens_at.map_or(0, Timestamp::as_microsecond)),
            None => (0, 0),
        };
        let same_day = schedule.as_ref().is_some_and(|schedule| rep.day == Some(schedule.day(now)));
        let facts = Candidate {
            rep_id: rep.rep_id.clone(),
            weight,
            active: rep.active,
            present_until_us: rep.present_until.map_or(0, Timestamp::as_microsecond),
            open_until_us,
            opens_at_us,
            day_ends_us: schedule.as_ref().map_or(0, |schedule| schedule.day_ends(now).as_microsecond()),
            max_open: rep.max_open,
            open_count: rep.open_count,
            max_day: rep.max_day,
            day_count: if same_day { rep.day_count } else { 0 },
            ..Candidate::default()
        };
        let external_ids = wire::rep::external_ids_from_bytes(&rep.external_ids);
        Self { rep, facts, external_ids }
    }

    fn day(&self, now: Timestamp) -> Option<jiff::civil::Date> {
        wire::rep::schedule(&self.rep.time_zone, &self.rep.schedule, &self.rep.holidays)
            .map(|schedule| schedule.day(now))
    }
}
