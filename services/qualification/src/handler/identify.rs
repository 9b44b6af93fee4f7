//! Phases 1 and 2 of a batch: find or make its identifiers, decide who is whom, lock the persons in the order of their
//! ids. Nothing that was read without a lock is trusted after it, unless the person's `identity_version` is still the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use leadflow_platform::consumer::{HandlerError, Outcome};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::identity::{
    Change, Claim, Group, IdentifierId, IdentifierKind, MOST_ANONYMOUS, Node, PersonId, Tied, tie,
};
use crate::models::Rules;
use crate::people::{Person, Sum};
use crate::store;
use crate::store::identifier::{IdentifierKey, Known, NewIdentifier, Place};

use super::batch::Batch;

/// Who is who in a batch, with everybody locked.
#[derive(Debug, Default)]
pub(super) struct Identified {
    /// Everybody concerned, locked or new.
    pub(super) people: HashMap<PersonId, Person>,
    /// By slot: whose it is now.
    pub(super) person_of: Vec<Option<PersonId>>,
    /// Persons whose identifiers are others than before; sorted.
    pub(super) changed: BTreeSet<PersonId>,
    /// Persons who became one with another: (who, with whom).
    pub(super) merged: Vec<(PersonId, PersonId)>,
    /// Persons whose timeline must be folded anew.
    pub(super) torn: BTreeSet<PersonId>,
    /// What was decided about links, if anything.
    pub(super) ties: Option<Ties>,
}

/// A decision about links with its question.
#[derive(Debug)]
pub(super) struct Ties {
    pub(super) nodes: Vec<Node>,
    pub(super) claims: Vec<Claim>,
    pub(super) tied: Tied,
    /// Who goes on in each group, in the order of the groups.
    pub(super) persons: Vec<PersonId>,
}

/// Does it all.
pub(super) async fn identify(
    connection: &mut PgConnection,
    batch: &mut Batch<'_>,
    rules: &Arc<Rules>,
    models: &crate::models::Models,
    now: Timestamp,
) -> Result<Identified, HandlerError> {
    find_or_insert(connection, batch, now).await?;
    let claims = new_claims(connection, batch).await?;
    let mut expected: BTreeMap<PersonId, i32> = BTreeMap::new();
    let credited = batch.items.iter().filter_map(|item| item.credited).map(|slot| &batch.slots[slot]);
    for known in credited.filter(|slot| !slot.is_new).filter_map(|slot| slot.known) {
        expected.insert(known.person, known.identity_version);
    }
    let ties = if claims.is_empty() { None } else { Some(decide_ties(connection, batch, claims, &mut expected).await?) };
    let mut identified = lock(connection, &expected, models).await?;
    identified.person_of = batch.slots.iter().map(|slot| slot.known.map(|known| known.person)).collect();
    make_new(&mut identified, batch, rules, now);
    if let Some(ties) = ties {
        carry_out(connection, batch, &mut identified, ties, rules, now).await?;
    }
    Ok(identified)
}

/// Looks identifiers up, drops events of the erased, inserts what is missing.
async fn find_or_insert(connection: &mut PgConnection, batch: &mut Batch<'_>, now: Timestamp) -> Result<(), HandlerError> {
    let keys: Vec<IdentifierKey> = batch.slots.iter().map(|slot| slot.key).collect();
    for (slot, known) in store::identifier::resolve(connection, &keys).await? {
        batch.slots[slot].known = Some(known);
    }
    drop_erased(batch);
    let mut wanted: BTreeSet<usize> = batch.items.iter().flat_map(|item| item.slots.iter().copied()).collect();
    wanted.retain(|slot| batch.slots[*slot].known.is_none());
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
        batch.slots[slot].known = Some(Known { node, person, identity_version: 0, erased_at: None });
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
    batch.drop_items(|item, slots| {
        let at = item.event.occurred_at.min(item.event.received_at);
        let erased = |slot: &usize| {
            let slot = &slots[*slot];
            !slot.is_junk && slot.known.is_some_and(|known| known.erased_at.is_some_and(|erased_at| at <= erased_at))
        };
        item.slots.iter().any(erased).then_some(Outcome::Ignored("erased"))
    });
}

/// What the events of the batch say about who is whom, as far as it is not known yet. Machines and junk say nothing.
async fn new_claims(connection: &mut PgConnection, batch: &Batch<'_>) -> Result<Vec<Claim>, HandlerError> {
    let mut earliest: BTreeMap<(IdentifierId, IdentifierId), Claim> = BTreeMap::new();
    let mut may_be_known = BTreeSet::new();
    for item in batch.items.iter().filter(|item| !item.event.is_bot()) {
        let Some(strong) = item.credited.map(|slot| &batch.slots[slot]) else { continue };
        let others = item.slots.iter().filter(|slot| Some(**slot) != item.credited).chain(&item.previous_user);
        for weak in others.map(|slot| &batch.slots[*slot]).filter(|slot| !slot.is_junk) {
            let (Some(strong_row), Some(weak_row)) = (strong.known, weak.known) else { continue };
            let is_suggestion = weak.key.kind == IdentifierKind::User && strong.key.kind == IdentifierKind::User;
            if weak_row.node.id == strong_row.node.id || (weak.key.kind <= strong.key.kind && !is_suggestion) {
                continue;
            }
            let claim = Claim { weak: weak_row.node.id, strong: strong_row.node.id, key: item.event.order_key() };
            let known_already = weak_row
                .node
                .parent
                .is_some_and(|parent| parent.strong == claim.strong && parent.key <= claim.key);
            if known_already {
                continue;
            }
            let pair = (claim.weak, claim.strong);
            if !strong.is_new && !weak.is_new {
                may_be_known.insert(pair);
            }
            earliest.entry(pair).and_modify(|had| had.key = had.key.min(claim.key)).or_insert(claim);
        }
    }
    let asked: Vec<Claim> = may_be_known.iter().filter_map(|pair| earliest.get(pair).copied()).collect();
    if !asked.is_empty() {
        for known in store::link::find(connection, &asked).await? {
            let pair = (known.weak, known.strong);
            if earliest.get(&pair).is_some_and(|claim| claim.key >= known.key) {
                earliest.remove(&pair);
            }
        }
    }
    Ok(earliest.into_values().collect())
}

/// Reads everything that the claims may change, and decides.
async fn decide_ties(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
    claims: Vec<Claim>,
    expected: &mut BTreeMap<PersonId, i32>,
) -> Result<Ties, HandlerError> {
    let named: BTreeMap<IdentifierId, (Known, bool)> = batch
        .slots
        .iter()
        .filter_map(|slot| slot.known.map(|known| (known.node.id, (known, slot.is_new))))
        .collect();
    let mut nodes: BTreeMap<IdentifierId, Node> = BTreeMap::new();
    let mut persons: BTreeSet<PersonId> = BTreeSet::new();
    let mut losing: BTreeSet<PersonId> = BTreeSet::new();
    for claim in &claims {
        for id in [claim.weak, claim.strong] {
            match named[&id] {
                (known, true) => drop(nodes.insert(id, known.node)),
                (known, false) => drop(persons.insert(known.person)),
            }
        }
        let (weak, is_new) = named[&claim.weak];
        let moves_away = weak.node.parent.is_some_and(|parent| parent.strong != claim.strong && claim.key < parent.key);
        if moves_away && !is_new {
            losing.insert(weak.person);
        }
    }
    read_members(connection, &persons, &mut nodes, expected).await?;
    if !losing.is_empty() {
        // Whoever a limit kept out of a person that loses somebody may come in now.
        let parents: Vec<IdentifierId> =
            nodes.values().filter(|node| node.person.is_some_and(|person| losing.contains(&person))).map(|node| node.id).collect();
        let waiting = store::identifier::cut_children(connection, &parents, MOST_ANONYMOUS + claims.len()).await?;
        let theirs: BTreeSet<PersonId> =
            waiting.iter().map(|known| known.person).filter(|person| !persons.contains(person)).collect();
        read_members(connection, &theirs, &mut nodes, expected).await?;
    }
    let nodes: Vec<Node> = nodes.into_values().collect();
    let tied = tie(&nodes, &claims);
    Ok(Ties { nodes, claims, tied, persons: Vec::new() })
}

async fn read_members(
    connection: &mut PgConnection,
    persons: &BTreeSet<PersonId>,
    nodes: &mut BTreeMap<IdentifierId, Node>,
    expected: &mut BTreeMap<PersonId, i32>,
) -> Result<(), HandlerError> {
    if persons.is_empty() {
        return Ok(());
    }
    let persons: Vec<PersonId> = persons.iter().copied().collect();
    for known in store::identifier::members(connection, &persons).await? {
        nodes.insert(known.node.id, known.node);
        // The lowest version seen: if it moved between two reads, the lock will find out.
        expected
            .entry(known.person)
            .and_modify(|version| *version = known.identity_version.min(*version))
            .or_insert(known.identity_version);
    }
    Ok(())
}

/// Locks everybody, and gives up if somebody's identifiers have moved meanwhile.
async fn lock(
    connection: &mut PgConnection,
    expected: &BTreeMap<PersonId, i32>,
    models: &crate::models::Models,
) -> Result<Identified, HandlerError> {
    let mut identified = Identified::default();
    if expected.is_empty() {
        return Ok(identified);
    }
    let ids: Vec<PersonId> = expected.keys().copied().collect();
    for row in store::person::lock(connection, &ids).await? {
        if row.merged_into.is_some() || expected.get(&row.id) != Some(&row.identity_version) {
            return Err(HandlerError::Again("identifiers moved before their person was locked"));
        }
        let rules = models.get(connection, row.model_no).await?;
        let person = Person::from_row(row, &rules).map_err(store::corrupt)?;
        identified.people.insert(person.id, person);
    }
    if identified.people.len() != ids.len() {
        return Err(HandlerError::Again("a person is gone"));
    }
    Ok(identified)
}

/// A person for every identifier that was never seen before.
fn make_new(identified: &mut Identified, batch: &Batch<'_>, rules: &Arc<Rules>, now: Timestamp) {
    for item in &batch.items {
        for slot in item.slots.iter().map(|slot| &batch.slots[*slot]).filter(|slot| slot.is_new) {
            let Some(known) = slot.known else { continue };
            identified.people.entry(known.person).or_insert_with(|| {
                let mut person = Person::new(known.person, person_uid(item.event.event_id, &slot.key), rules, now);
                person.state.identified = slot.key.kind.identifies() && !slot.is_junk;
                person
            });
            if slot.key.kind.identifies() && !slot.is_junk {
                identified.changed.insert(known.person);
            }
        }
    }
}

/// Makes of the decision what the rows will be: who goes on, who ends, whose points move.
async fn carry_out(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
    identified: &mut Identified,
    mut ties: Ties,
    rules: &Arc<Rules>,
    now: Timestamp,
) -> Result<(), HandlerError> {
    let own_person: HashMap<IdentifierId, PersonId> =
        batch.slots.iter().filter_map(|slot| slot.known.map(|known| (known.node.id, known.person))).collect();
    let node_of: HashMap<IdentifierId, Node> = ties.nodes.iter().map(|node| (node.id, *node)).collect();
    let is_new = |id: &IdentifierId| node_of[id].person.is_none();
    let homeless = |group: &&Group| group.person.is_none() && !group.members.iter().any(is_new);
    let needed = ties.tied.persons.groups.iter().filter(homeless).count();
    let mut drawn =
        if needed == 0 { Vec::new() } else { store::identifier::draw_person_ids(connection, needed).await? };
    let mut place_of: HashMap<IdentifierId, PersonId> = HashMap::new();
    for group in &ties.tied.persons.groups {
        let fresh = group.members.iter().find(|id| is_new(id)).and_then(|id| own_person.get(id)).copied();
        let Some(id) = group.person.or(fresh).or_else(|| drawn.pop()) else {
            return Err(HandlerError::Again("no person id was drawn"));
        };
        ties.persons.push(id);
        place_of.extend(group.members.iter().map(|member| (*member, id)));
        settle_group(identified, group, id, &node_of, &own_person, (&ties.claims, rules, now));
    }
    for (slot, person) in batch.slots.iter().zip(&mut identified.person_of) {
        if let Some(place) = slot.known.and_then(|known| place_of.get(&known.node.id)) {
            *person = Some(*place);
        }
    }
    let new_parents: HashMap<IdentifierId, _> = ties.tied.parents.iter().copied().collect();
    let moved = ties.nodes.iter().filter_map(|node| {
        let person = place_of[&node.id];
        let before = node.person.or_else(|| own_person.get(&node.id).copied());
        let parent = new_parents.get(&node.id).copied();
        (before != Some(person) || parent.is_some())
            .then_some(Place { id: node.id, person, parent: parent.or(node.parent) })
    });
    let places: Vec<Place> = moved.collect();
    if !places.is_empty() {
        store::identifier::place(connection, &places).await?;
    }
    store::link::save(connection, &ties.tied.links).await?;
    identified.ties = Some(ties);
    Ok(())
}

/// One group: its person exists, has the points of those who became one with it, and is marked if they cannot be trusted.
fn settle_group(
    identified: &mut Identified,
    group: &Group,
    id: PersonId,
    node_of: &HashMap<IdentifierId, Node>,
    own_person: &HashMap<IdentifierId, PersonId>,
    (claims, rules, now): (&[Claim], &Arc<Rules>, Timestamp),
) {
    // Persons that were made for new identifiers which belong to somebody.
    for member in &group.members {
        if let Some(made) = own_person.get(member).filter(|made| **made != id && node_of[member].person.is_none()) {
            identified.people.remove(made);
            identified.changed.remove(made);
        }
    }
    let mut merged: Vec<Person> = group.merged.iter().filter_map(|other| identified.people.remove(other)).collect();
    let person = identified.people.entry(id).or_insert_with(|| {
        let cause = claims.first().map_or(Uuid::nil(), |claim| claim.key.1);
        Person::new(id, Uuid::new_v5(&cause, format!("identifier:{}", group.root.0).as_bytes()), rules, now)
    });
    for other in &mut merged {
        if person.absorb(other) == Sum::Stale {
            identified.torn.insert(id);
        }
        identified.merged.push((other.id, id));
    }
    person.identity_version += 1;
    person.state.identified = group.members.iter().any(|member| node_of[member].kind.identifies());
    person.is_changed = true;
    if group.change == Change::Torn {
        identified.torn.insert(id);
    }
    identified.changed.insert(id);
    identified.people.extend(merged.into_iter().map(|other| (other.id, other)));
}

/// Public id of the person that this identifier makes.
fn person_uid(event_id: Uuid, key: &IdentifierKey) -> Uuid {
    let mut name = key.kind.as_str().as_bytes().to_vec();
    name.extend_from_slice(&key.hash.0);
    Uuid::new_v5(&event_id, &name)
}
