//! From parents to persons. Every identifier has at most one parent, a stronger identifier, so the whole is a forest of
//! depth four: user, e-mail, phone, browser. Each tree is a person, after the limits have cut what came too late.
//!
//! The result depends on the parents and on who was a person before only for *naming*: which identifiers are together
//! follows from the links alone.

use std::collections::{BTreeMap, BTreeSet};

use super::{IdentifierId, IdentifierKind, MOST_ANONYMOUS, MOST_EMAILS, MOST_PHONES, OrderKey, PersonId};

/// The earliest link of an identifier to a stronger one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The stronger identifier.
    pub strong: IdentifierId,
    /// The event that tied them.
    pub key: OrderKey,
}

/// One identifier with its parent, and whose it was before; nobody's if it is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Which.
    pub id: IdentifierId,
    /// How strong.
    pub kind: IdentifierKind,
    /// After the new links.
    pub parent: Option<Parent>,
    /// Before them.
    pub person: Option<PersonId>,
}

/// What belongs together now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The strongest identifier.
    pub root: IdentifierId,
    /// All of them, sorted, the root included.
    pub members: Vec<IdentifierId>,
    /// The person who goes on under these identifiers; none: a new one.
    pub person: Option<PersonId>,
    /// Persons who end here because they became one with `person`; sorted.
    pub merged: Vec<PersonId>,
    /// An identifier came from a person who goes on elsewhere: the parts cannot be had by adding up.
    pub change: Change,
}

/// How a group came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Everything that its persons did belongs to it, and nothing else.
    Whole,
    /// Identifiers left or came over from somebody else: its timeline must be folded anew.
    Torn,
}

/// The outcome for a closed set of identifiers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Persons {
    /// Sorted by root.
    pub groups: Vec<Group>,
    /// Identifiers that a limit keeps from their parent; sorted.
    pub cut: Vec<IdentifierId>,
}

/// Makes persons of identifiers. `nodes` must be closed: all identifiers of every person that occurs, and everything whose
/// parent is among them. A parent outside of `nodes` counts as none.
#[must_use]
pub fn regroup(nodes: &[Node]) -> Persons {
    let by_id: BTreeMap<IdentifierId, Node> = nodes.iter().map(|node| (node.id, *node)).collect();
    let mut cut = BTreeSet::new();
    // From strong to weak: whom a limit cuts takes along what hangs below.
    for (kind, most) in [
        (IdentifierKind::Email, MOST_EMAILS),
        (IdentifierKind::Phone, MOST_PHONES),
        (IdentifierKind::Anonymous, MOST_ANONYMOUS),
    ] {
        let mut children: BTreeMap<IdentifierId, Vec<(OrderKey, IdentifierId)>> = BTreeMap::new();
        for node in by_id.values().filter(|node| node.kind == kind) {
            let root = root_of(node.id, &by_id, &cut);
            if let (Some(parent), true) = (node.parent, root != node.id) {
                children.entry(root).or_default().push((parent.key, node.id));
            }
        }
        for mut of_one in children.into_values() {
            of_one.sort_unstable();
            cut.extend(of_one.into_iter().skip(most).map(|(_, id)| id));
        }
    }
    let mut members: BTreeMap<IdentifierId, Vec<IdentifierId>> = BTreeMap::new();
    for id in by_id.keys() {
        members.entry(root_of(*id, &by_id, &cut)).or_default().push(*id);
    }
    Persons { groups: name(members, &by_id), cut: cut.into_iter().collect() }
}

/// Follows parents, strictly upwards in strength, as far as no limit cuts.
fn root_of(id: IdentifierId, by_id: &BTreeMap<IdentifierId, Node>, cut: &BTreeSet<IdentifierId>) -> IdentifierId {
    let mut at = id;
    while !cut.contains(&at)
        && let Some(parent) = by_id.get(&at).and_then(|node| node.parent)
        && let Some(above) = by_id.get(&parent.strong)
        && above.kind < by_id[&at].kind
    {
        at = above.id;
    }
    at
}

/// Decides which person goes on in which group: a person's home is where its strongest identifier is.
fn name(members: BTreeMap<IdentifierId, Vec<IdentifierId>>, by_id: &BTreeMap<IdentifierId, Node>) -> Vec<Group> {
    let group_of: BTreeMap<IdentifierId, IdentifierId> =
        members.iter().flat_map(|(root, ids)| ids.iter().map(|id| (*id, *root))).collect();
    let mut strongest: BTreeMap<PersonId, (IdentifierKind, IdentifierId)> = BTreeMap::new();
    for node in by_id.values() {
        if let Some(person) = node.person {
            let rank = (node.kind, node.id);
            strongest.entry(person).and_modify(|best| *best = rank.min(*best)).or_insert(rank);
        }
    }
    let home = |person: &PersonId| group_of[&strongest[person].1];
    let mut at_home: BTreeMap<IdentifierId, Vec<PersonId>> = BTreeMap::new();
    for person in strongest.keys() {
        at_home.entry(home(person)).or_default().push(*person);
    }
    let mut torn = BTreeSet::new();
    for node in by_id.values() {
        if let Some(person) = node.person.filter(|person| home(person) != group_of[&node.id]) {
            torn.insert(home(&person));
            torn.insert(group_of[&node.id]);
        }
    }
    members
        .into_iter()
        .map(|(root, members)| {
            let mut persons = at_home.remove(&root).unwrap_or_default();
            // The person whose root it was goes on; where the root is new, the oldest.
            let person = by_id[&root].person.filter(|person| persons.contains(person)).or(persons.first().copied());
            persons.retain(|other| Some(*other) != person);
            let change = if torn.contains(&root) { Change::Torn } else { Change::Whole };
            Group { root, members, person, merged: persons, change }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn key(second: i64) -> OrderKey {
        (Timestamp::from_second(second).expect("in range"), Uuid::from_u128(7))
    }

    fn node(id: i64, kind: IdentifierKind, parent: Option<(i64, i64)>, person: Option<i64>) -> Node {
        Node {
            id: IdentifierId(id),
            kind,
            parent: parent.map(|(strong, at)| Parent { strong: IdentifierId(strong), key: key(at) }),
            person: person.map(PersonId),
        }
    }

    /// Person, members, merged into, cut off, what happened.
    type Shape = (i64, Vec<i64>, Option<i64>, Vec<i64>, Change);

    fn shape(persons: &Persons) -> Vec<Shape> {
        persons
            .groups
            .iter()
            .map(|group| {
                (
                    group.root.0,
                    group.members.iter().map(|id| id.0).collect(),
                    group.person.map(|person| person.0),
                    group.merged.iter().map(|person| person.0).collect(),
                    group.change,
                )
            })
            .collect()
    }

    #[test]
    fn a_visitor_who_gives_an_address_goes_on_as_the_same_person() {
        let nodes =
            [node(1, IdentifierKind::Anonymous, Some((2, 10)), Some(100)), node(2, IdentifierKind::Email, None, None)];
        assert_eq!(shape(&regroup(&nodes)), [(2, vec![1, 2], Some(100), vec![], Change::Whole)]);
    }

    #[test]
    fn a_visitor_who_turns_out_to_be_known_is_merged_into_the_known_person() {
        let nodes = [
            node(1, IdentifierKind::Anonymous, Some((2, 10)), Some(100)),
            node(2, IdentifierKind::Email, None, Some(200)),
        ];
        assert_eq!(shape(&regroup(&nodes)), [(2, vec![1, 2], Some(200), vec![100], Change::Whole)]);
    }

    #[test]
    fn an_earlier_link_tears_a_browser_away_and_both_must_be_folded_anew() {
        let nodes = [
            node(1, IdentifierKind::Anonymous, Some((3, 5)), Some(100)),
            node(2, IdentifierKind::User, None, Some(100)),
            node(3, IdentifierKind::User, None, Some(200)),
        ];
        assert_eq!(
            shape(&regroup(&nodes)),
            [(2, vec![2], Some(100), vec![], Change::Torn), (3, vec![1, 3], Some(200), vec![], Change::Torn)]
        );
    }

    #[test]
    fn limits_keep_the_earliest_and_the_rest_stay_persons_of_their_own() {
        let mut nodes = vec![node(1, IdentifierKind::User, None, Some(1))];
        nodes.extend((0..7).map(|n| node(10 + n, IdentifierKind::Email, Some((1, 100 - n)), Some(1))));
        let persons = regroup(&nodes);
        assert_eq!(persons.cut, [IdentifierId(10), IdentifierId(11)]);
        assert_eq!(persons.groups.len(), 3);
        assert!(persons.groups.iter().all(|group| group.change == Change::Torn));
        let mut browsers =
            vec![node(1, IdentifierKind::User, None, Some(1)), node(2, IdentifierKind::Email, Some((1, 0)), Some(1))];
        // The limit is of the person, wherever in it the browsers hang.
        browsers.extend((0..60).map(|n| node(100 + n, IdentifierKind::Anonymous, Some((1, n)), Some(1))));
        browsers.extend((0..60).map(|n| node(200 + n, IdentifierKind::Anonymous, Some((2, n)), Some(1))));
        let persons = regroup(&browsers);
        assert_eq!(persons.cut.len(), 20);
        assert_eq!(persons.groups[0].members.len(), 102);
    }

    proptest! {
        #[test]
        fn who_is_together_does_not_depend_on_who_was_before(
            parents in proptest::collection::vec((0_usize..40, 0_i64..50), 40),
            before in proptest::collection::vec(proptest::option::of(0_i64..6), 40),
        ) {
            let kind = |n: usize| match n { 0..4 => IdentifierKind::User, 4..16 => IdentifierKind::Email, 16..22 => IdentifierKind::Phone, _ => IdentifierKind::Anonymous };
            let nodes = |with: bool| -> Vec<Node> {
                parents.iter().enumerate().map(|(n, (parent, at))| {
                    let parent = (kind(*parent) < kind(n)).then_some((*parent as i64, *at));
                    node(n as i64, kind(n), parent, before[n].filter(|_| with))
                }).collect()
            };
            let (with, without) = (regroup(&nodes(true)), regroup(&nodes(false)));
            prop_assert_eq!(&with.cut, &without.cut);
            let together = |persons: &Persons| persons.groups.iter().map(|group| group.members.clone()).collect::<Vec<_>>();
            prop_assert_eq!(together(&with), together(&without));
            // Nobody is lost and nobody is there twice.
            let mut named: Vec<PersonId> = with.groups.iter().flat_map(|group| group.person.iter().chain(&group.merged)).copied().collect();
            named.sort_unstable();
            let mut had: Vec<PersonId> = before.iter().flatten().map(|person| PersonId(*person)).collect();
            had.sort_unstable();
            had.dedup();
            prop_assert_eq!(named, had);
        }
    }
}
