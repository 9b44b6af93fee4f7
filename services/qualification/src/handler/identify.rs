//! Phases 1 and 2 of a batch: find or make its identifiers, decide who is whom, lock the persons in the order of their
//! ids. Nothing that was read without a lock is trusted after it, unless the locked person says that it still holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use leadflow_platform::consumer::{HandlerError, Outcome};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::identity::{Node, PersonId};
use crate::models::{Models, Rules};
use crate::people::{NEVER, Person};
use crate::store;
use crate::store::identifier::{IdentifierKey, Known, NewIdentifier};
use crate::store::person::PersonRow;
use crate::work::Work;

use super::Guards;
use super::batch::Batch;
use super::{claims, returned, ties};

/// Does it all: everybody concerned is in `work` then, locked or new. Gives, by slot, whose the identifier is now.
pub(super) async fn identify(
    connection: &mut PgConnection,
    batch: &mut Batch<'_>,
    work: &mut Work,
    rules: &Arc<Rules>,
    models: &Models,
) -> Result<Vec<Option<PersonId>>, HandlerError> {
    find_or_insert(connection, batch, work.now).await?;
    let claims = claims::new_claims(connection, batch).await?;
    let mut expected: BTreeMap<PersonId, Expected> = BTreeMap::new();
    let credited = batch.items.iter().filter_map(|item| item.credited);
    let concerned = credited.chain(returned::slots(batch)).map(|slot| &batch.slots[slot]);
    for known in concerned.filter(|slot| !slot.is_new).filter_map(|slot| slot.known) {
        expected.entry(known.person).or_default().see_departures(known.departures);
    }
    let questions = ties::read(connection, batch, claims, &mut expected).await?;
    lock(connection, work, &expected, models, batch.guards).await?;
    make_new(work, batch, rules);
    let mut person_of: Vec<Option<PersonId>> =
        batch.slots.iter().map(|slot| slot.known.map(|known| known.person)).collect();
    if !questions.is_empty() {
        ties::carry_out(connection, batch, work, questions, &mut person_of, rules).await?;
    }
    Ok(person_of)
}

/// What was read of a person without a lock. An act needs to know that its identifier did not leave; a decision about links
/// stands on everything that the person has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expected {
    departures: Option<i32>,
    version: Option<i32>,
}

impl Expected {
    /// The lowest number seen counts: if it moved between two reads, the lock finds out.
    fn see_departures(&mut self, departures: i32) {
        self.departures = Some(self.departures.map_or(departures, |had| had.min(departures)));
    }

    pub(super) fn see_version(&mut self, version: i32) {
        self.version = Some(self.version.map_or(version, |had| had.min(version)));
    }

    fn is_met_by(self, row: &PersonRow) -> bool {
        self.departures.is_none_or(|departures| departures == row.departures)
            && self.version.is_none_or(|version| version == row.identity_version)
    }
}

/// Looks identifiers up, drops events of the erased, inserts what is missing.
async fn find_or_insert(
    connection: &mut PgConnection,
    batch: &mut Batch<'_>,
    now: Timestamp,
) -> Result<(), HandlerError> {
    let keys: Vec<IdentifierKey> = batch.slots.iter().map(|slot| slot.key).collect();
    for (slot, known) in store::identifier::resolve(connection, &keys).await? {
        batch.slots[slot].known = Some(known);
    }
    drop_erased(batch);
    let named = batch.items.iter().flat_map(|item| item.slots.iter().copied());
    let mut wanted: BTreeSet<usize> = named.filter(|slot| batch.slots[*slot].known.is_none()).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut missing: Vec<NewIdentifier<'_>> = wanted
        .iter()
        .map(|slot| NewIdentifier { key: batch.slots[*slot].key, value: batch.slots[*slot].kept_value() })
        .collect();
    for (key, id, person) in store::identifier::insert_missing(connection, &mut missing, now).await? {
        let Some(slot) = batch.find(&key) else { continue };
        let node = Node { id, kind: key.kind, parent: None, person: None };
        batch.slots[slot].known = Some(Known { node, person, departures: 0, erased_at: None, has_value: true });
        batch.slots[slot].is_new = true;
        wanted.remove(&slot);
    }
    if wanted.is_empty() {
        return Ok(());
    }
    // Somebody else inserted them meanwhile and has committed: they can be seen now.
    let late: Vec<usize> = wanted.into_iter().collect();
    let keys: Vec<IdentifierKey> = late.iter().map(|slot| batch.slots[*slot].key).collect();
    for (place, known) in store::identifier::resolve(connection, &keys).await? {
        batch.slots[late[place]].known = Some(known);
    }
    if late.iter().any(|slot| batch.slots[*slot].known.is_none()) {
        return Err(HandlerError::Again("an identifier came and went"));
    }
    drop_erased(batch);
    Ok(())
}

/// Whatever happened, or was received, before somebody was erased, does not bring them back.
fn drop_erased(batch: &mut Batch<'_>) {
    if !batch.guards.tombstones {
        return;
    }
    batch.drop_items(|item, slots| {
        let at = item.event.occurred_at.min(item.event.received_at);
        let erased = |slot: &usize| {
            let slot = &slots[*slot];
            !slot.is_junk && slot.known.is_some_and(|known| known.erased_at.is_some_and(|erased_at| at <= erased_at))
        };
        item.slots.iter().any(erased).then_some(Outcome::Ignored("erased"))
    });
}

/// Locks everybody, and gives up if somebody's identifiers have moved meanwhile.
async fn lock(
    connection: &mut PgConnection,
    work: &mut Work,
    expected: &BTreeMap<PersonId, Expected>,
    models: &Models,
    guards: Guards,
) -> Result<(), HandlerError> {
    if expected.is_empty() {
        return Ok(());
    }
    let ids: Vec<PersonId> = expected.keys().copied().collect();
    work.people.reserve(ids.len());
    let rows = if guards.lock_order {
        store::person::lock(connection, &ids).await?
    } else {
        one_by_one_in_some_order(connection, &ids, work.now).await?
    };
    for row in rows {
        let still_holds = expected.get(&row.id).is_some_and(|expected| expected.is_met_by(&row));
        if row.merged_into.is_some() || !still_holds {
            return Err(HandlerError::Again("identifiers moved before their person was locked"));
        }
        let rules = models.get(connection, row.model_no).await?;
        let person = Person::from_row(row, &rules).map_err(store::corrupt)?;
        // Somebody who was named, by a machine or under somebody else's act, and has done nothing: nobody asked yet what the
        // address says.
        if person.state.identified && person.last_seen == NEVER {
            work.changed.insert(person.id);
        }
        work.people.insert(person.id, person);
    }
    if work.people.len() != ids.len() {
        return Err(HandlerError::Again("a person is gone"));
    }
    Ok(())
}

/// What the order of the ids prevents: two batches that wait for each other.
async fn one_by_one_in_some_order(
    connection: &mut PgConnection,
    ids: &[PersonId],
    now: Timestamp,
) -> Result<Vec<PersonRow>, HandlerError> {
    let mut order = ids.to_vec();
    if now.subsec_microsecond() % 2 == 1 {
        order.reverse();
    }
    let mut rows = Vec::with_capacity(order.len());
    for id in order {
        rows.extend(store::person::lock(connection, &[id]).await?);
    }
    Ok(rows)
}

/// A person for every identifier that was inserted, also if its event is out of play by now: no identifier may be without
/// one.
fn make_new(work: &mut Work, batch: &Batch<'_>, rules: &Arc<Rules>) {
    let now = work.now;
    for slot in batch.slots.iter().filter(|slot| slot.is_new) {
        let Some(known) = slot.known else { continue };
        let mut person = Person::new(known.person, person_uid(slot.first_event, &slot.key), rules, now);
        // Only those that identify somebody change what is known; a new browser is a visitor like any other.
        person.state.identified = slot.key.kind.identifies() && !slot.is_junk;
        if person.state.identified {
            work.changed.insert(known.person);
        }
        work.people.insert(known.person, person);
    }
}

/// Public id of the person that this identifier makes.
fn person_uid(event_id: Uuid, key: &IdentifierKey) -> Uuid {
    let mut name = key.kind.as_str().as_bytes().to_vec();
    name.extend_from_slice(&key.hash.0);
    Uuid::new_v5(&event_id, &name)
}
