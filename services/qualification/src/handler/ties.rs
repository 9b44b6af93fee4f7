//! Links of a batch: read everything that its claims may change, ask `domain::identity::tie`, and make the answer rows and
//! persons. One question per set of persons that hang together, so that each decision is about those it concerns.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use leadflow_platform::consumer::HandlerError;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::identity::{
    Change, Claim, Group, IdentifierId, MOST_ANONYMOUS, Node, PersonId, components, losers, tie,
};
use crate::models::Rules;
use crate::people::{Person, Sum};
use crate::store;
use crate::store::identifier::{Known, Member, Place};
use crate::work::{Ties, Work};

use super::batch::Batch;
use super::identify::Expected;

/// What is to be asked: identifiers and claims.
pub(super) type Question = (Vec<Node>, Vec<Claim>);

/// Reads everything that the claims may change, without locks; adds to `expected` whom to lock.
pub(super) async fn read(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
    claims: Vec<Claim>,
    expected: &mut BTreeMap<PersonId, Expected>,
) -> Result<Vec<Question>, HandlerError> {
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let named: BTreeMap<IdentifierId, (Known, bool)> =
        batch.slots.iter().filter_map(|slot| slot.known.map(|known| (known.node.id, (known, slot.is_new)))).collect();
    let mut nodes: BTreeMap<IdentifierId, Node> = BTreeMap::new();
    let mut persons: BTreeSet<PersonId> = BTreeSet::new();
    for claim in &claims {
        for id in [claim.weak, claim.strong] {
            match named[&id] {
                (known, true) => drop(nodes.insert(id, known.node)),
                (known, false) => drop(persons.insert(known.person)),
            }
        }
    }
    read_members(connection, &persons, &mut nodes, expected).await?;
    // Whoever went to another person between the two readings is with neither: nobody would be locked, and the claim lost.
    if claims.iter().any(|claim| !nodes.contains_key(&claim.weak) || !nodes.contains_key(&claim.strong)) {
        return Err(HandlerError::Again("an identifier moved while its person was read"));
    }
    let mut asked: BTreeSet<PersonId> = BTreeSet::new();
    loop {
        let questions = components(nodes.values().copied().collect(), claims.clone());
        let mut losing: BTreeSet<PersonId> =
            questions.iter().flat_map(|(nodes, claims)| losers(nodes, claims)).collect();
        losing.retain(|person| asked.insert(*person));
        if losing.is_empty() {
            return Ok(questions);
        }
        // Whoever a limit kept out of a person that loses somebody may come in now; that may push out others again.
        let is_losing = |node: &&Node| node.person.is_some_and(|person| losing.contains(&person));
        let parents: Vec<IdentifierId> = nodes.values().filter(is_losing).map(|node| node.id).collect();
        let waiting = store::identifier::cut_children(connection, &parents, MOST_ANONYMOUS + claims.len()).await?;
        let theirs: BTreeSet<PersonId> =
            waiting.iter().map(|member| member.known.person).filter(|person| !persons.contains(person)).collect();
        read_members(connection, &theirs, &mut nodes, expected).await?;
        persons.extend(theirs);
    }
}

async fn read_members(
    connection: &mut PgConnection,
    persons: &BTreeSet<PersonId>,
    nodes: &mut BTreeMap<IdentifierId, Node>,
    expected: &mut BTreeMap<PersonId, Expected>,
) -> Result<(), HandlerError> {
    if persons.is_empty() {
        return Ok(());
    }
    let persons: Vec<PersonId> = persons.iter().copied().collect();
    for Member { known, identity_version } in store::identifier::members(connection, &persons).await? {
        nodes.insert(known.node.id, known.node);
        expected.entry(known.person).or_default().see_version(identity_version);
    }
    Ok(())
}

/// Decides, and makes of the answers what rows and persons will be. Everybody concerned is locked.
pub(super) async fn carry_out(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
    work: &mut Work,
    questions: Vec<Question>,
    person_of: &mut [Option<PersonId>],
    rules: &Arc<Rules>,
) -> Result<(), HandlerError> {
    let made: HashMap<IdentifierId, PersonId> = batch
        .slots
        .iter()
        .filter(|slot| slot.is_new)
        .filter_map(|slot| slot.known.map(|known| (known.node.id, known.person)))
        .collect();
    let mut answers = Vec::with_capacity(questions.len());
    for (nodes, claims) in questions {
        let tied = tie(&nodes, &claims);
        answers.push(Ties { nodes, claims, tied, persons: Vec::new() });
    }
    let homeless = |group: &&Group| group.person.is_none() && !group.members.iter().any(|id| made.contains_key(id));
    let needed = answers.iter().flat_map(|ties| &ties.tied.persons.groups).filter(homeless).count();
    let mut drawn =
        if needed == 0 { Vec::new() } else { store::identifier::draw_person_ids(connection, needed).await? };
    let mut place_of: HashMap<IdentifierId, PersonId> = HashMap::new();
    for ties in &mut answers {
        for group in &ties.tied.persons.groups {
            let fresh = group.members.iter().find_map(|id| made.get(id)).copied();
            let Some(id) = group.person.or(fresh).or_else(|| drawn.pop()) else {
                return Err(HandlerError::Again("no person id was drawn"));
            };
            ties.persons.push(id);
            place_of.extend(group.members.iter().map(|member| (*member, id)));
            settle(work, group, id, &made, ties.claims[0].key.1, rules);
            let members = || ties.nodes.iter().filter(|node| group.members.binary_search(&node.id).is_ok());
            // A refused claim changes nobody: what is known of them stays what it was.
            if group.change == Change::Torn || members().any(|node| node.person != Some(id)) {
                work.changed.insert(id);
            }
            if let Some(person) = work.people.get_mut(&id) {
                person.state.identified = members().any(|node| node.kind.identifies());
            }
        }
    }
    for (slot, person) in batch.slots.iter().zip(person_of) {
        if let Some(place) = slot.known.and_then(|known| place_of.get(&known.node.id)) {
            *person = Some(*place);
        }
    }
    write(connection, work, &answers, &place_of, &made).await?;
    work.ties = answers;
    Ok(())
}

/// One group: its person exists, has the points of those who became one with it, and is noted if they cannot be trusted.
fn settle(
    work: &mut Work,
    group: &Group,
    id: PersonId,
    made: &HashMap<IdentifierId, PersonId>,
    cause: Uuid,
    rules: &Arc<Rules>,
) {
    // Persons that were made for new identifiers which turn out to belong to somebody.
    for other in group.members.iter().filter_map(|member| made.get(member)).filter(|other| **other != id) {
        work.people.remove(other);
        work.changed.remove(other);
    }
    let mut merged: Vec<Person> = group.merged.iter().filter_map(|other| work.people.remove(other)).collect();
    let now = work.now;
    let person = work.people.entry(id).or_insert_with(|| {
        let uid = Uuid::new_v5(&cause, format!("identifier:{}", group.root.0).as_bytes());
        Person::new(id, uid, rules, now)
    });
    for other in &mut merged {
        if person.absorb(other) == Sum::Stale {
            work.torn.insert(id);
        }
        work.merged.push((other.id, id));
    }
    person.identity_version += 1;
    person.is_changed = true;
    if group.change == Change::Torn {
        person.departures += 1;
        work.torn.insert(id);
    }
    work.people.extend(merged.into_iter().map(|other| (other.id, other)));
}

async fn write(
    connection: &mut PgConnection,
    work: &Work,
    answers: &[Ties],
    place_of: &HashMap<IdentifierId, PersonId>,
    made: &HashMap<IdentifierId, PersonId>,
) -> Result<(), HandlerError> {
    let mut places = Vec::new();
    let mut links = Vec::new();
    for ties in answers {
        let parents: HashMap<IdentifierId, _> = ties.tied.parents.iter().copied().collect();
        for node in &ties.nodes {
            let person = place_of[&node.id];
            let before = node.person.or_else(|| made.get(&node.id).copied());
            let parent = parents.get(&node.id).copied();
            // Whoever stays where others left is told that they did.
            if before != Some(person) || parent.is_some() || work.torn.contains(&person) {
                let departures = work.people.get(&person).map_or(0, |person| person.departures);
                places.push(Place { id: node.id, person, departures, parent: parent.or(node.parent) });
            }
        }
        links.extend_from_slice(&ties.tied.links);
    }
    if !places.is_empty() {
        store::identifier::place(connection, &places).await?;
    }
    store::link::save(connection, &links).await?;
    Ok(())
}
