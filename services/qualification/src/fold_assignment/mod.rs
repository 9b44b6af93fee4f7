//! The assignment topic: stage and owner of our leads, as sales reported them. Repeats are dropped by (incarnation,
//! sequence); a closed lead is never reopened by what comes late.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use leadflow_platform::consumer::{Arrived, BatchResult, Handler, HandlerError, Outcome, Poison};
use leadflow_platform::pg::WriteTx;
use leadflow_platform::record::Record;
use leadflow_platform::topics::Topic;
use leadflow_proto::assignment::v1::AssignmentEvent;
use leadflow_proto::qualification::v1::{OwnerChanged, StageChanged, lead_event::Fact};
use prost::Message as _;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::decide::{DecisionKind, LeadState};
use crate::domain::identity::PersonId;
use crate::domain::lifecycle::{Folded, LeadView, Owner, Report, fold_report};
use crate::models::Models;
use crate::people::Person;
use crate::store;
use crate::wire::assignment_event::{Reported, from_proto};
use crate::wire::engagement_event::Refused;
use crate::wire::owner_decision::{encode_answer, encode_question};
use crate::work::{Cause, Work};

/// Consumes `assignment`.
#[derive(Clone, Debug)]
pub struct AssignmentHandler {
    models: Arc<Models>,
    incarnation: i32,
}

impl AssignmentHandler {
    /// `incarnation` of the deployment, read at start.
    #[must_use]
    pub const fn new(models: Arc<Models>, incarnation: i32) -> Self {
        Self { models, incarnation }
    }

    async fn apply(&self, tx: &mut WriteTx, arrived: &[Arrived<Incoming>]) -> Result<BatchResult, HandlerError> {
        let mut work = Work::new(tx.now(), self.incarnation);
        let connection = tx.connection();
        let leads: BTreeSet<Uuid> =
            arrived.iter().filter_map(|one| one.event.0.as_ref().ok()).map(|one| one.lead_id).collect();
        let leads: Vec<Uuid> = leads.into_iter().collect();
        let person_of: HashMap<Uuid, PersonId> =
            store::lead::persons_of(connection, &leads).await?.into_iter().collect();
        self.lock(connection, &mut work, &person_of).await?;
        let outcomes = arrived.iter().map(|one| fold_one(&mut work, one, &person_of)).collect();
        let outbox = work.tell(connection).await?;
        work.save(connection).await?;
        Ok(BatchResult { outcomes, outbox })
    }

    /// Locks the persons of the leads, and gives up if a lead has another person meanwhile.
    async fn lock(
        &self,
        connection: &mut PgConnection,
        work: &mut Work,
        person_of: &HashMap<Uuid, PersonId>,
    ) -> Result<(), HandlerError> {
        let persons: BTreeSet<PersonId> = person_of.values().copied().collect();
        if persons.is_empty() {
            return Ok(());
        }
        let persons: Vec<PersonId> = persons.into_iter().collect();
        for row in store::person::lock(connection, &persons).await? {
            let rules = self.models.get(connection, row.model_no).await?;
            let person = Person::from_row(row, &rules).map_err(store::corrupt)?;
            work.people.insert(person.id, person);
        }
        work.load(connection, persons.iter().copied()).await?;
        let is_there = |(lead, person): (&Uuid, &PersonId)| {
            work.details.leads.get(person).is_some_and(|rows| rows.iter().any(|row| row.lead_id == *lead))
        };
        if person_of.iter().all(is_there) { Ok(()) } else { Err(HandlerError::Again("a lead has another person")) }
    }
}

/// A decoded record.
#[derive(Clone, Debug)]
pub struct Incoming(Result<Reported, Refused>);

impl Handler for AssignmentHandler {
    type Event = Incoming;

    fn decode(&self, record: &Record) -> Result<Incoming, Poison> {
        let message = AssignmentEvent::decode(record.value.as_slice())
            .map_err(|error| Poison(format!("no AssignmentEvent: {error}")))?;
        Ok(Incoming(from_proto(message)))
    }

    async fn handle(&self, tx: &mut WriteTx, batch: &[Arrived<Incoming>]) -> Result<BatchResult, HandlerError> {
        self.apply(tx, batch).await
    }
}

fn fold_one(work: &mut Work, arrived: &Arrived<Incoming>, person_of: &HashMap<Uuid, PersonId>) -> Outcome {
    let Reported { lead_id, event_id, report } = match &arrived.event.0 {
        Ok(reported) => reported,
        Err(refused) => return Outcome::Ignored(refused.0),
    };
    let Some(person) = person_of.get(lead_id) else { return Outcome::Ignored("unknown_lead") };
    let rows = work.details.leads.get_mut(person);
    let Some(row) = rows.and_then(|rows| rows.iter_mut().find(|row| row.lead_id == *lead_id)) else {
        return Outcome::Ignored("unknown_lead");
    };
    let view = LeadView { stage: row.stage, owner: row.owner.clone(), last: row.last_report };
    let folded = fold_report(&view, report);
    match &folded {
        Folded::Repeat => return Outcome::Duplicate,
        Folded::Closed => return Outcome::Ignored("closed"),
        Folded::Applied { stage, owner } => {
            row.last_report = report.at;
            row.updated_at = work.now;
            if let Some((_, to)) = stage {
                row.stage = *to;
                row.closed_at = (!to.is_open()).then_some(work.now);
            }
            if let Some((_, after)) = owner {
                row.owner.clone_from(after);
            }
        }
    }
    let state = LeadState { lead_id: *lead_id, stage: row.stage, stage_before: row.stage_before };
    work.write_lead(*lead_id);
    let facts = facts(&folded, report);
    if !facts.is_empty() {
        let cause = Cause { topic: Topic::Assignment.short_name(), id: *event_id, trace: arrived.trace.clone() };
        let kept = (DecisionKind::Owner, encode_question(&view, report), encode_answer(&folded));
        work.note(*person, cause, Some(kept), facts.into_iter().map(|fact| (state, fact)).collect());
        work.review_later(*person);
    }
    Outcome::Applied
}

fn facts(folded: &Folded, report: &Report) -> Vec<Fact> {
    let Folded::Applied { stage, owner } = folded else { return Vec::new() };
    let rep = |owner: &Option<Owner>| owner.as_ref().map(|owner| owner.rep_id.clone()).unwrap_or_default();
    let changed = stage.map(|(from, to)| {
        Fact::StageChanged(StageChanged {
            from_stage: from.as_str().to_owned(),
            to_stage: to.as_str().to_owned(),
            reason: report.reason.clone(),
        })
    });
    let owned = owner
        .as_ref()
        .map(|(before, after)| Fact::OwnerChanged(OwnerChanged { from_rep_id: rep(before), to_rep_id: rep(after) }));
    changed.into_iter().chain(owned).collect()
}
