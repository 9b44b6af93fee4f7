//! One page of a pool's queue, planned inside one transaction: the leads that go first, the reps under their locks, one
//! decision each. Used by the planner's loop and by intake, which plans at once when the pool is free.
//!
//! Waits for nobody but reps: leads that somebody else holds are left out, and whoever holds them wakes the loop.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use leadflow_platform::pg::{Mechanism, PgError, WriteTx};
use leadflow_proto::assignment::v1::{Assignment as AssignmentProto, AssignmentState as StateProto, Reason};
use uuid::Uuid;

use super::candidates::Candidates;
use crate::change::Change;
use crate::domain::decision::{DecisionInput, DecisionOutcome, Question};
use crate::domain::lead::{AssignmentState, LeadState, Stage};
use crate::domain::ledger::{Ledger, Stretch};
use crate::domain::place::{self, Placed};
use crate::held::{Held, hold_locked};
use crate::store;
use crate::store::assignment::Assignment;
use crate::store::ledger::Member;
use crate::store::owner::{OwnedKind, OwnerKey};
use crate::store::pool::Pool;
use crate::store::queue::{Found, QueuePlace};
use crate::wire::event::{self, Happened};

/// Capacity is read under the locks of the reps. A test turns it off to see a cap passed.
pub const CAPACITY_UNDER_LOCK: Mechanism = Mechanism("assignment.capacity_under_lock");

/// How a page is planned.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Of the deployment.
    pub incarnation: i32,
    /// Leads in one page.
    pub limit: usize,
    /// Whether [`CAPACITY_UNDER_LOCK`] is on; always, but in that test.
    pub locks_reps: bool,
}

/// Which leads of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Those that go first, behind this place.
    Queue(Option<QueuePlace>),
    /// Nobody can get any more: those that nobody has looked at yet, so that each learns once why it waits.
    NotNoted,
}

/// What came of a page.
#[derive(Debug)]
pub struct Page {
    /// Leads that have a rep now.
    pub placed: usize,
    /// Leads that somebody else held.
    pub skipped: usize,
    /// What to look at next; None: nothing more to do until something happens.
    pub next: Option<Look>,
    /// What was written, and the events that are still to be.
    pub change: Change,
}

/// Everything that one page holds in its hands.
struct Planning {
    pool: Pool,
    rules: String,
    members: Vec<Member>,
    ledger: Ledger,
    stretches: Vec<Stretch>,
    candidates: Candidates,
    owners: HashMap<OwnerKey, String>,
    change: Change,
}

/// Plans one page of a pool whose lock is held. Everything is written but the outbox.
///
/// # Errors
/// As the database says.
pub async fn plan(tx: &mut WriteTx, pool: Pool, settings: Settings, look: Look) -> Result<Page, PgError> {
    let now = tx.now();
    let rows = i64::try_from(settings.limit).unwrap_or(i64::MAX);
    let found = match look {
        Look::Queue(after) => store::queue::lock_waiting(tx.connection(), &pool.pool_id, now, after, rows).await?,
        Look::NotNoted => store::queue::lock_not_noted(tx.connection(), &pool.pool_id, rows).await?,
    };
    let Found { leads, found, last } = found;
    let (full, skipped, none) = (found == settings.limit, found - leads.len(), leads.is_empty());
    let mut held = hold_locked(tx, leads).await?;
    let mut planning = Planning::begin(tx, pool, settings, &held).await?;
    let before = store::ledger::of(&planning.pool, &planning.members);
    let capacity_returned = look == Look::NotNoted && planning.candidates.any_member_can(now);
    // Leads that were not looked at are in no order: when somebody can get one, the queue decides which.
    let placed = if capacity_returned { 0 } else { planning.place_all(&mut held, now) };
    let next = match look {
        _ if capacity_returned => Some(Look::Queue(None)),
        Look::NotNoted => (full && !none).then_some(Look::NotNoted),
        Look::Queue(_) if !full => None,
        Look::Queue(_) if planning.candidates.any_member_can(now) => Some(Look::Queue(last)),
        // The rest of the queue is not read again and again.
        Look::Queue(_) => Some(Look::NotNoted),
    };
    planning.write(tx, &held, &before).await?;
    Ok(Page { placed, skipped, next, change: planning.change })
}

impl Planning {
    async fn begin(tx: &mut WriteTx, pool: Pool, settings: Settings, held: &[Held]) -> Result<Self, PgError> {
        let now = tx.now();
        let members = store::ledger::members(tx.connection(), &pool.pool_id).await?;
        let mut ledger = store::ledger::of(&pool, &members);
        let mut stretches = Vec::new();
        for credit in store::ledger::take_credits(tx.connection(), &pool.pool_id, now).await? {
            stretches.extend(ledger.credit(&credit.rep_id, &credit.shares));
        }
        let keys: Vec<OwnerKey> =
            if pool.owner_match { held.iter().flat_map(Held::owner_keys).collect() } else { Vec::new() };
        let owners = store::owner::load(tx.connection(), &keys).await?;
        let reps: BTreeSet<String> =
            members.iter().map(|member| member.rep_id.clone()).chain(owners.values().cloned()).collect();
        // Capacity is read here, under the locks: what the rules see is what is.
        let rep_ids: Vec<String> = reps.into_iter().collect();
        let reps = match settings.locks_reps {
            true => store::rep::lock(tx.connection(), &rep_ids).await?,
            false => store::rep::read(tx.connection(), &rep_ids).await?,
        };
        let candidates = Candidates::new(&members, reps, now);
        let rules = format!("pool/{}@{}", pool.pool_id, pool.version);
        let change = Change::new(now, settings.incarnation);
        Ok(Self { pool, rules, members, ledger, stretches, candidates, owners, change })
    }

    /// In the order of the queue. Once nobody can get any more, only leads that do not know why they wait are decided.
    fn place_all(&mut self, held: &mut [Held], now: Timestamp) -> usize {
        let mut placed = 0;
        let mut somebody_can = self.candidates.any_member_can(now);
        for held in held {
            if !somebody_can && held.lead.noted && !self.has_owner(held) {
                continue;
            }
            let result = self.place_one(held, now);
            if result {
                placed += 1;
                somebody_can = self.candidates.any_member_can(now);
            }
        }
        placed
    }

    fn has_owner(&self, held: &Held) -> bool {
        held.owner_keys().any(|key| self.owners.contains_key(&key))
    }

    fn owner(&self, held: &Held, kind: OwnedKind) -> &str {
        let key = held.owner_keys().find(|key| key.kind == kind);
        key.and_then(|key| self.owners.get(&key)).map_or("", String::as_str)
    }

    fn place_one(&mut self, held: &mut Held, now: Timestamp) -> bool {
        let person_owner = self.owner(held, OwnedKind::Person);
        let account_owner = self.owner(held, OwnedKind::Account);
        let question = self.candidates.place(&self.pool, &self.ledger, person_owner, account_owner);
        let lead = held.facts(true);
        let Placed { outcome, ledger, stretch } = place::place(&lead, &question, now.as_microsecond());
        let input = DecisionInput { now_us: now.as_microsecond(), lead, question: Some(Question::Place(question)) };
        match outcome.result.as_str() {
            "offer" | "assign" => {
                self.ledger = ledger;
                self.stretches.extend(stretch);
                self.give(held, &input, &outcome);
                true
            }
            "wait" if outcome.round_over || !held.lead.noted => {
                let inputs = held.lead.cause_event_id.into_iter().collect();
                self.change.note(&held.lead, &input, &outcome, &self.rules, inputs);
                held.lead.noted = true;
                held.touched = true;
                if outcome.round_over {
                    held.lead.round = outcome.round;
                    held.lead.asked.clear();
                    held.lead.wake_at = Timestamp::from_microsecond(outcome.retry_at_us).ok();
                }
                false
            }
            _ => false,
        }
    }

    fn give(&mut self, held: &mut Held, input: &DecisionInput, outcome: &DecisionOutcome) {
        let now = self.change.now;
        let inputs = held.lead.cause_event_id.into_iter().collect();
        let decision_id = self.change.note(&held.lead, input, outcome, &self.rules, inputs);
        let asked = outcome.result == "offer";
        let assignment = Assignment {
            assignment_id: Uuid::new_v5(&held.lead.lead_id, decision_id.as_bytes()),
            lead_id: held.lead.lead_id,
            rep_id: outcome.rep_id.clone(),
            pool_id: self.pool.pool_id.clone(),
            state: if asked { AssignmentState::Offered } else { AssignmentState::Accepted },
            offered_at: now,
            respond_by: Timestamp::from_microsecond(outcome.respond_by_us).ok().filter(|_| asked),
            schedule_cut: outcome.schedule_cut,
            touched_at: None,
            accepted_at: (!asked).then_some(now),
            ended_at: None,
            decision_id,
            stretch_no: (outcome.stretch_no > 0).then_some(outcome.stretch_no),
        };
        held.lead.state = if asked { LeadState::Offered } else { LeadState::Accepted };
        if !asked {
            held.lead.stage = Stage::Sal;
            let owners: Vec<_> = held.owner_keys().map(|key| (key, outcome.rep_id.clone())).collect();
            self.change.owners.extend(owners);
        }
        held.lead.wake_at = assignment.respond_by;
        held.lead.noted = true;
        self.candidates.take(&outcome.rep_id, now);
        let told = self.as_told(&assignment, outcome);
        self.change.offers.push(assignment);
        let happened = if asked { Happened::Offered } else { Happened::Assigned };
        self.change.tell(held, Some(told), happened);
    }

    fn as_told(&self, assignment: &Assignment, outcome: &DecisionOutcome) -> AssignmentProto {
        let (name, email, external_ids) = self.candidates.card(&assignment.rep_id).unwrap_or_default();
        let reason = |line: &crate::domain::decision::ReasonLine| Reason {
            code: line.code.clone(),
            text: line.text.clone(),
            ..Reason::default()
        };
        let state =
            if assignment.state == AssignmentState::Offered { StateProto::Offered } else { StateProto::Accepted };
        AssignmentProto {
            assignment_id: assignment.assignment_id.to_string(),
            state: i32::from(state),
            pool: assignment.pool_id.clone(),
            decision_id: assignment.decision_id.to_string(),
            rep_id: assignment.rep_id.clone(),
            rep_email: email.to_owned(),
            rep_name: name.to_owned(),
            rep_external_ids: external_ids.to_vec(),
            assigned_at: Some(event::timestamp(assignment.offered_at)),
            respond_by: assignment.respond_by.map(event::timestamp),
            reasons: outcome.reasons.iter().map(reason).collect(),
            ..AssignmentProto::default()
        }
    }

    async fn write(&self, tx: &mut WriteTx, held: &[Held], before: &Ledger) -> Result<(), PgError> {
        let now = tx.now();
        store::rep::save_counts(tx.connection(), &self.candidates.changed()).await?;
        self.change.write(tx, held).await?;
        store::ledger::insert_stretches(tx.connection(), &self.pool.pool_id, &self.stretches, now).await?;
        let opens_at = self.candidates.opens_at(now);
        store::ledger::save(tx.connection(), &self.pool.pool_id, before, &self.ledger, opens_at, now).await?;
        Ok(())
    }
}
