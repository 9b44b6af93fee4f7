//! Phase 3 of a batch: note the events, fold the quiet ones, ask about the others. A quiet event adds to counts and touches
//! and can neither be told nor decide anything; the first event of a person that may do either, and all after it, are
//! asked about one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use leadflow_platform::consumer::{HandlerError, Outcome};
use leadflow_platform::outbox::OutboxRow;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::decide::Authority;
use crate::domain::identity::{IdentifierId, PersonId};
use crate::domain::person::Profile;
use crate::domain::rules::{Emission, Hits, RuleNo};
use crate::people::Person;
use crate::store;
use crate::store::timeline::NewEntry;
use crate::work::{Cause, Work, may_rise};

use super::batch::{Batch, Item, Slot};

/// Writes the timeline; what was there already, or is a second time in the batch, is a duplicate.
pub(super) async fn note(connection: &mut PgConnection, batch: &mut Batch<'_>) -> Result<(), HandlerError> {
    // Sorted by key: two batches that hold copies of one event wait for each other in one order.
    let mut keys: Vec<(EntryKey, usize)> =
        batch.items.iter().enumerate().filter_map(|(place, item)| Some((key_of(item, &batch.slots)?, place))).collect();
    keys.sort_unstable();
    keys.dedup_by_key(|(key, _)| *key);
    if keys.is_empty() {
        return Ok(());
    }
    let entries: Vec<NewEntry<'_>> = keys.iter().map(|(key, place)| entry(*key, &batch.items[*place], batch)).collect();
    let mut is_fresh = vec![false; batch.outcomes.len()];
    for inserted in store::timeline::insert(connection, &entries).await? {
        if let Ok(at) = keys.binary_search_by_key(&inserted, |(key, _)| *key) {
            is_fresh[batch.items[keys[at].1].index] = true;
        }
    }
    batch.drop_items(|item, _| (!is_fresh[item.index]).then_some(Outcome::Duplicate));
    Ok(())
}

/// Subject, week, event: what makes a copy a copy.
type EntryKey = (IdentifierId, i32, Uuid);

fn key_of(item: &Item<'_>, slots: &[Slot<'_>]) -> Option<EntryKey> {
    Some((slots[*item.slots.first()?].known?.node.id, item.event.week, item.event.event_id))
}

fn entry<'a>((subject, week, event_id): EntryKey, item: &Item<'a>, batch: &Batch<'a>) -> NewEntry<'a> {
    let credited = item.credited.filter(|credited| item.slots.first() != Some(credited));
    NewEntry {
        subject,
        week,
        event_id,
        credited: credited.and_then(|slot| batch.slots[slot].known).map(|known| known.node.id),
        occurred_at: item.event.occurred_at,
        received_at: item.event.received_at,
        kind: i16::from(item.event.kind.number()),
        origin_hash: item.event.origin_hash,
        data: item.data,
    }
}

/// Folds, decides, tells and writes. `person_of`: by slot.
pub(super) async fn fold(
    connection: &mut PgConnection,
    work: &mut Work,
    batch: &Batch<'_>,
    person_of: &[Option<PersonId>],
) -> Result<Vec<OutboxRow>, HandlerError> {
    let deferred = fold_quiet(work, batch, person_of);
    // Identifiers moved, but the event that moved them was a copy: the persons are asked about when they are folded anew.
    let unasked: Vec<PersonId> = work.changed.iter().copied().filter(|id| !deferred.contains_key(id)).collect();
    work.torn.extend(unasked);
    let mut outbox = Vec::new();
    if !deferred.is_empty() || !work.merged.is_empty() {
        work.load(connection, deferred.keys().copied()).await?;
        work.places = batch.items.iter().enumerate().map(|(place, item)| (item.event.event_id, place)).collect();
        if let Some(cause) = deferred.values().flatten().next().map(|place| cause_of(&batch.items[*place])) {
            outbox = work.merge_leads(connection, &cause).await?;
        }
        let mut hits = Hits::default();
        for (id, places) in &deferred {
            for (nth, place) in places.iter().enumerate() {
                let item = &batch.items[*place];
                let is_known_anew = nth == 0 && work.changed.contains(id);
                // What comes after an act that is told may be quiet again.
                let (today, person) = (work.today, work.people.get_mut(id));
                if nth == 0 || !person.is_some_and(|person| fold_if_quiet(person, item, &mut hits, today)) {
                    work.ask_of_event(*id, item.event, cause_of(item), is_known_anew);
                }
            }
        }
        outbox.extend(work.tell(connection).await?);
    }
    work.save(connection).await?;
    Ok(outbox)
}

/// Gives, by person, the places of the items that are not quiet.
fn fold_quiet(work: &mut Work, batch: &Batch<'_>, person_of: &[Option<PersonId>]) -> BTreeMap<PersonId, Vec<usize>> {
    let mut deferred: BTreeMap<PersonId, Vec<usize>> = BTreeMap::new();
    let mut hits = Hits::default();
    for (place, item) in batch.items.iter().enumerate() {
        // An event with nothing but junk is noted and nobody's.
        let Some(id) = item.credited.and_then(|slot| person_of[slot]) else { continue };
        if let Some(later) = deferred.get_mut(&id) {
            later.push(place);
            continue;
        }
        let is_changed = work.changed.contains(&id);
        let Some(person) = work.people.get_mut(&id) else { continue };
        if is_changed || !fold_if_quiet(person, item, &mut hits, work.today) {
            deferred.entry(id).or_default().push(place);
        } else if person.has_lead && may_cross_earlier(person, &hits, work.today) {
            work.review_later(id);
        }
    }
    deferred
}

/// Folds one event, unless it may be told or decide something; then nothing is changed.
fn fold_if_quiet(person: &mut Person, item: &Item<'_>, hits: &mut Hits, today: Day) -> bool {
    let (event, rules) = (item.event, Arc::clone(&person.rules));
    rules.model.evaluate(event, hits);
    let opens_lead =
        person.state.identified && !person.has_lead && !event.is_bot() && person.state.disqualified().is_none();
    let is_told = person.has_lead && rules.model.emission(event, hits.hand_raise.is_some()) != Emission::No;
    if hits.hand_raise.is_some()
        || opens_lead
        || is_told
        || Profile::is_told_by(event)
        || (person.state.standing.waiting && Authority::of(event) == Authority::Live)
        || rules.model.disqualified_by_event(event).is_some()
    {
        return false;
    }
    let before = may_move(person, hits, today).then(|| person.state.standing.clone());
    if person.state.standing.absorb(&rules.model, event, hits, today).any()
        && let Some(before) = before
    {
        person.state.standing = before;
        return false;
    }
    person.touches.apply(event);
    person.last_seen = person.last_seen.max(event.occurred_at);
    person.is_changed = true;
    true
}

/// Whether absorbing can change the score or find a threshold passed.
fn may_move(person: &Person, hits: &Hits, today: Day) -> bool {
    let standing = &person.state.standing;
    !hits.scoring.is_empty() || standing.scored_on != today || !standing.above_mql
}

/// Points that are given only put a fall off: the review that is scheduled comes early enough. A penalty may bring a fall
/// nearer; and where something may rise by itself, each point brings that nearer.
fn may_cross_earlier(person: &Person, hits: &Hits, today: Day) -> bool {
    let model = &person.rules.model;
    let is_unsteady = |rule: &RuleNo| model.find_rule(*rule).is_some_and(|rule| rule.points < 0 || rule.once);
    hits.scoring.iter().any(is_unsteady)
        || (!hits.scoring.is_empty() && !person.state.standing.above_mql && may_rise(person, today))
}

fn cause_of(item: &Item<'_>) -> Cause {
    Cause { topic: item.topic, id: item.event.event_id, trace: item.trace.cloned() }
}
