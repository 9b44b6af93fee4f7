//! Erasure: everything that is known of a person goes, in one transaction; tombstones of the identifiers stay, so that no
//! replay, re-import or late event brings the person back. What comes later under the same identifiers is a new person.
//!
//! Decisions and leads keep their numbers without the person: ids, points, times, digests.

mod scrub;

use std::collections::BTreeSet;

use leadflow_platform::consumer::HandlerError;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::outbox::OutboxRow;
use leadflow_platform::pg::WriteTx;
use leadflow_proto::qualification::v1::{LeadErased, lead_event::Fact};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::identity::{IdentifierId, PersonId};
use crate::domain::lifecycle::Stage;
use crate::domain::person::Touches;
use crate::domain::score::Accumulator;
use crate::models::Models;
use crate::people::{NEVER, Person};
use crate::store;
use crate::store::identifier::{Known, Member};
use crate::work::{Cause, Work};

/// What went.
#[derive(Debug)]
pub struct Erased {
    /// Public id of the person who is no more.
    pub person_uid: Uuid,
    /// Events that were deleted.
    pub timeline_entries: u64,
    /// Leads that were told to be erased.
    pub lead_ids: Vec<Uuid>,
    /// To be appended in the same transaction.
    pub outbox: Vec<OutboxRow>,
}

/// What erasure needs of the role.
#[derive(Clone, Copy, Debug)]
pub struct Eraser<'a> {
    /// Compiled models.
    pub models: &'a Models,
    /// For finding an identifier in the events of others.
    pub identity_key: &'a IdentityKey,
    /// Of the deployment.
    pub incarnation: i32,
}

/// Erases a person, after merges; none if there is no such person. `request_id` is what readers of the topic are told.
///
/// # Errors
/// [`HandlerError::Again`] if identifiers moved meanwhile: the same again in a new transaction.
pub async fn erase(
    tx: &mut WriteTx,
    eraser: Eraser<'_>,
    asked: PersonId,
    request_id: &str,
) -> Result<Option<Erased>, HandlerError> {
    let Eraser { models, identity_key, incarnation } = eraser;
    let now = tx.now();
    let connection = tx.connection();
    let Some(id) = store::person::follow(connection, asked).await? else { return Ok(None) };
    let mut work = Work::new(now, incarnation);
    let (own, kept_out) = lock(connection, &mut work, models, id).await?;
    let Some(rules) = models.active(connection).await? else {
        return Err(HandlerError::Again("no scoring model is active"));
    };
    let ids: Vec<IdentifierId> = own.iter().map(|known| known.node.id).collect();

    let timeline_entries = store::timeline::delete(connection, &ids).await?;
    scrub::scrub(connection, identity_key, &ids).await?;
    store::link::delete(connection, &ids).await?;
    store::identifier::orphan(connection, &kept_out).await?;
    store::profile::delete(connection, &[id]).await?;
    store::review::forget(connection, &[id]).await?;
    store::decision::take_inputs(connection, id).await?;
    let fresh = store::tombstone::bury(connection, &ids, now).await?;
    for (identifier, person) in fresh {
        // Nobody yet, for whoever comes later under this identifier.
        let uid = Uuid::new_v5(&work.people[&id].uid, format!("erased:{}", identifier.0).as_bytes());
        let mut nobody = Person::new(person, uid, &rules, now);
        let kind = own.iter().find(|known| known.node.id == identifier).map(|known| known.node.kind);
        nobody.state.identified = kind.is_some_and(crate::domain::identity::IdentifierKind::identifies);
        work.people.insert(person, nobody);
    }
    let person_uid = empty(&mut work, id);
    let (lead_ids, outbox) = close_leads(&mut work, id, request_id);
    for other in work.people.values_mut().filter(|person| !person.is_new && person.id != id) {
        other.identity_version += 1;
        other.is_changed = true;
    }
    work.save(connection).await?;
    Ok(Some(Erased { person_uid, timeline_entries, lead_ids, outbox }))
}

/// Locks the person and whoever a limit keeps out of it: their parent goes away. Gives the person's identifiers and theirs.
async fn lock(
    connection: &mut PgConnection,
    work: &mut Work,
    models: &Models,
    id: PersonId,
) -> Result<(Vec<Known>, Vec<IdentifierId>), HandlerError> {
    let (own, kept_out) = concerned(connection, id).await?;
    let persons: BTreeSet<PersonId> = kept_out.iter().map(|known| known.person).chain([id]).collect();
    let persons: Vec<PersonId> = persons.into_iter().collect();
    for row in store::person::lock(connection, &persons).await? {
        let rules = models.get(connection, row.model_no).await?;
        let person = Person::from_row(row, &rules).map_err(store::corrupt)?;
        work.people.insert(person.id, person);
    }
    // Read again, now that nobody can move.
    let (own_now, kept_out_now) = concerned(connection, id).await?;
    let same = |one: &[Known], other: &[Known]| {
        let ids = |all: &[Known]| all.iter().map(|known| (known.node.id, known.person)).collect::<BTreeSet<_>>();
        ids(one) == ids(other)
    };
    let still_there = work.people.get(&id).is_some_and(|person| person.merged_into.is_none());
    if !still_there || !same(&own, &own_now) || !same(&kept_out, &kept_out_now) {
        return Err(HandlerError::Again("identifiers moved before their person was locked"));
    }
    work.load(connection, [id]).await?;
    Ok((own_now, kept_out_now.iter().map(|known| known.node.id).collect()))
}

async fn concerned(connection: &mut PgConnection, id: PersonId) -> Result<(Vec<Known>, Vec<Known>), HandlerError> {
    let rows = |members: Vec<Member>| members.into_iter().map(|member| member.known).collect::<Vec<Known>>();
    let own = rows(store::identifier::members(connection, &[id]).await?);
    let parents: Vec<IdentifierId> = own.iter().map(|known| known.node.id).collect();
    let kept_out = rows(store::identifier::cut_children(connection, &parents, usize::MAX).await?);
    Ok((own, kept_out))
}

/// Nothing but the public id is left in the row.
fn empty(work: &mut Work, id: PersonId) -> Uuid {
    let Some(person) = work.people.get_mut(&id) else { return Uuid::nil() };
    person.identity_version += 1;
    person.departures += 1;
    person.is_changed = true;
    person.state.standing.acc = Accumulator::new();
    person.state.standing.score_milli = 0;
    (person.state.standing.above_mql, person.state.standing.above_cooled) = (false, false);
    person.state.standing.waiting = false;
    person.state.identified = false;
    person.state.out_by_person = None;
    person.state.out_by_event.clear();
    person.touches = Touches::default();
    (person.account_id, person.has_profile) = (None, false);
    person.last_seen = NEVER;
    person.uid
}

/// Every lead of the person ends, also those that were closed: their readers keep contacts too.
fn close_leads(work: &mut Work, id: PersonId, request_id: &str) -> (Vec<Uuid>, Vec<OutboxRow>) {
    let now = work.now;
    let mut ended = Vec::new();
    for lead in work.details.leads.get_mut(&id).into_iter().flatten().filter(|lead| lead.stage != Stage::Erased) {
        lead.stage = Stage::Erased;
        lead.closed_at = lead.closed_at.or(Some(now));
        (lead.hand_raise, lead.owner) = (None, None);
        ended.push(lead.lead_id);
    }
    let cause = Cause { topic: "command", id: Uuid::new_v5(&Uuid::NAMESPACE_OID, request_id.as_bytes()), trace: None };
    let mut outbox = Vec::new();
    for lead_id in &ended {
        let fact = Fact::Erased(LeadErased { request_id: request_id.to_owned() });
        outbox.extend(work.emit(id, *lead_id, None, fact, &cause));
    }
    (ended, outbox)
}
