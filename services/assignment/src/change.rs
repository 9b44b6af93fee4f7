//! What one transaction changes: intake, planner, timers and commands put it together here, and it is written at the end
//! with one statement per table. The only place where a lead's row, its decision and its event change together.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadflow_platform::outbox::OutboxRow;
use leadflow_platform::pg::{PgError, WriteTx};
use leadflow_platform::record::TraceParent;
use leadflow_proto::assignment::v1::{
    Assignment as AssignmentProto, AssignmentEvent, AssignmentState as StateProto, LeadSnapshot,
};
use prost::Message as _;
use uuid::Uuid;

use crate::domain::decision::{self, DecisionInput, DecisionOutcome, Question};
use crate::domain::lead::{AssignmentState, LeadState, Priority, Stage};
use crate::held::Held;
use crate::store::assignment::Assignment;
use crate::store::contact::NewContact;
use crate::store::decision::{NewDecision, kind_number};
use crate::store::lead::Lead;
use crate::store::ledger::Credit;
use crate::store::owner::OwnerKey;
use crate::store::{self};
use crate::telemetry;
use crate::wire::event::{self, Happened, Telling};

/// Rules of answers and ends, as decisions name them.
const OFFER_RULES: &str = "offer@1";

/// What is to be written.
#[derive(Debug)]
pub struct Change {
    /// The transaction's clock.
    pub now: Timestamp,
    /// Of the deployment.
    pub incarnation: i32,
    /// New offers.
    pub offers: Vec<Assignment>,
    /// Assignments that moved on.
    pub moved: Vec<Assignment>,
    /// Decisions.
    pub decisions: Vec<NewDecision>,
    /// New versions of contacts.
    pub contacts: Vec<NewContact>,
    /// How many leads each rep is rid of.
    pub freed: BTreeMap<String, i32>,
    /// Offers to be taken out of the shares.
    pub credits: Vec<Credit>,
    /// Who owns what now.
    pub owners: Vec<(OwnerKey, String)>,
    /// Events.
    pub outbox: Vec<OutboxRow>,
}

impl Change {
    /// Nothing yet.
    #[must_use]
    pub fn new(now: Timestamp, incarnation: i32) -> Self {
        Self {
            now,
            incarnation,
            offers: Vec::new(),
            moved: Vec::new(),
            decisions: Vec::new(),
            contacts: Vec::new(),
            freed: BTreeMap::new(),
            credits: Vec::new(),
            owners: Vec::new(),
            outbox: Vec::new(),
        }
    }

    /// Whether capacity came back or a lead waits: the planner has something to look at after the commit.
    #[must_use]
    pub fn wants_planning(&self) -> bool {
        !self.freed.is_empty() || !self.credits.is_empty()
    }

    /// Keeps a decision about a lead; returns its id.
    pub fn note(
        &mut self,
        lead: &Lead,
        input: &DecisionInput,
        outcome: &DecisionOutcome,
        rules: &str,
        inputs: Vec<Uuid>,
    ) -> Uuid {
        telemetry::decided(&outcome.result);
        let recorded = decision::record(lead.lead_id, input, outcome);
        let decision_id = recorded.decision_id;
        self.decisions.push(NewDecision {
            lead_id: lead.lead_id,
            kind: kind_number(&outcome.result),
            at: self.now,
            rules: rules.to_owned(),
            inputs,
            recorded,
        });
        decision_id
    }

    /// Asks a question about a lead that a rep has, and applies the answer to its rows. A refusal changes nothing and is
    /// not kept.
    pub fn answer(
        &mut self,
        held: &mut Held,
        question: Question,
        rep_active: bool,
        cause: Option<Uuid>,
    ) -> DecisionOutcome {
        let input =
            DecisionInput { now_us: self.now.as_microsecond(), lead: held.facts(rep_active), question: Some(question) };
        let outcome = decision::decide(&input);
        if outcome.is_refused() {
            return outcome;
        }
        self.note(&held.lead, &input, &outcome, OFFER_RULES, cause.into_iter().collect());
        self.apply(held, &outcome);
        outcome
    }

    /// Person and account of this lead are its rep's from now on.
    pub fn owned_by_current(&mut self, held: &Held) {
        let Some(current) = &held.current else { return };
        self.owners.extend(held.owner_keys().map(|key| (key, current.rep_id.clone())));
    }

    fn apply(&mut self, held: &mut Held, outcome: &DecisionOutcome) {
        let lead = &mut held.lead;
        lead.state = lead_state(outcome.state).unwrap_or(lead.state);
        lead.stage = stage(outcome.stage).unwrap_or(lead.stage);
        lead.wake_at = None;
        lead.timer_attempt = 0;
        held.touched = true;
        let Some(current) = &mut held.current else { return };
        let Some(state) = assignment_state(outcome.assignment_state) else { return };
        let was_owned = current.state == AssignmentState::Accepted;
        current.state = state;
        if state == AssignmentState::Accepted {
            if !was_owned {
                current.accepted_at = Some(self.now);
                self.owned_by_current(held);
            }
            self.moved.extend(held.current.clone());
            return;
        }
        if state == AssignmentState::Offered {
            current.respond_by = Timestamp::from_microsecond(outcome.respond_by_us).ok();
            current.schedule_cut = outcome.schedule_cut;
            lead.wake_at = current.respond_by;
            self.moved.extend(held.current.clone());
            return;
        }
        current.ended_at = Some(self.now);
        *self.freed.entry(current.rep_id.clone()).or_default() += 1;
        if !outcome.credit.is_empty() {
            self.credits.push(Credit {
                assignment_id: current.assignment_id,
                pool_id: current.pool_id.clone(),
                rep_id: current.rep_id.clone(),
                stretch_no: current.stretch_no.unwrap_or(0),
                reason: outcome.credit.clone(),
            });
        }
        if matches!(state, AssignmentState::Declined | AssignmentState::Expired) {
            held.lead.asked.push(current.rep_id.clone());
        }
        if held.lead.state == LeadState::Waiting {
            held.lead.noted = false;
        }
        self.moved.extend(held.current.take());
    }

    /// Tells what happened: the next event of this lead, with its whole state.
    pub fn tell(
        &mut self,
        held: &mut Held,
        assignment: Option<AssignmentProto>,
        happened: Happened,
    ) -> AssignmentEvent {
        let lead = &mut held.lead;
        lead.sequence += 1;
        held.touched = true;
        let snapshot = match happened {
            Happened::Erased(_) => None,
            _ => {
                let mut snapshot =
                    LeadSnapshot::decode(lead.snapshot.as_deref().unwrap_or_default()).unwrap_or_default();
                snapshot.stage = lead.stage.name().to_owned();
                if lead.priority >= Priority::HandRaise as i16 && lead.asked.is_empty() {
                    telemetry::hop(&snapshot, &happened, self.now);
                }
                Some(snapshot)
            }
        };
        let telling = Telling {
            lead_id: lead.lead_id,
            incarnation: self.incarnation,
            sequence: lead.sequence,
            at: self.now,
            test: lead.test,
            lead: snapshot,
            assignment,
            contact: &held.contact,
            trace: lead.trace.as_deref().map(|trace| TraceParent(trace.into())),
        };
        let told = event::tell(telling, happened);
        lead.last_event = Some(told.kept);
        self.outbox.push(told.row);
        told.event
    }

    /// Tells what happened to the assignment that the last event showed, now in another state.
    pub fn tell_moved(&mut self, held: &mut Held, state: AssignmentState, happened: Happened) -> AssignmentEvent {
        let assignment = held.assignment_as_told().map(|mut assignment| {
            assignment.state = i32::from(StateProto::try_from(i32::from(state as i16)).unwrap_or_default());
            assignment
        });
        self.tell(held, assignment, happened)
    }

    /// Writes everything but the outbox, which its caller appends last. The locks of the leads are held; those of the reps
    /// who are rid of leads are taken here, after them.
    ///
    /// # Errors
    /// As the database says.
    pub async fn write<'a>(&self, tx: &mut WriteTx, held: impl IntoIterator<Item = &'a Held>) -> Result<(), PgError> {
        let touched: Vec<&Lead> = held.into_iter().filter(|held| held.touched).map(|held| &held.lead).collect();
        let connection = tx.connection();
        if !self.freed.is_empty() {
            let freed: Vec<(String, i32)> = self.freed.iter().map(|(rep_id, n)| (rep_id.clone(), *n)).collect();
            store::rep::free(connection, &freed).await?;
        }
        store::contact::append(connection, &self.contacts, self.now).await?;
        store::lead::save(connection, &touched).await?;
        store::assignment::update(connection, &self.moved).await?;
        store::assignment::insert(connection, &self.offers).await?;
        store::decision::insert(connection, &self.decisions).await?;
        store::ledger::insert_credits(connection, &self.credits, self.now).await?;
        store::owner::put(connection, &self.owners, self.now).await?;
        Ok(())
    }
}

fn lead_state(number: i32) -> Option<LeadState> {
    i16::try_from(number).ok().and_then(LeadState::from_number)
}

fn stage(number: i32) -> Option<Stage> {
    i16::try_from(number).ok().and_then(Stage::from_number)
}

fn assignment_state(number: i32) -> Option<AssignmentState> {
    i16::try_from(number).ok().and_then(AssignmentState::from_number)
}
