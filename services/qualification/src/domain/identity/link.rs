//! What becomes of links: which identifier now belongs to which, which claims are refused, whom a claim tears away. Given
//! the identifiers concerned and the claims of some events, it decides once for all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    IdentifierId, IdentifierKind, MOST_ANONYMOUS, MOST_EMAILS, MOST_PHONES, Node, OrderKey, Parent, PersonId, Persons,
    regroup,
};

/// Two identifiers that an event named together: the weaker should belong to the stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The weaker identifier.
    pub weak: IdentifierId,
    /// The stronger one.
    pub strong: IdentifierId,
    /// The earliest event that says so.
    pub key: OrderKey,
}

/// What is known of a link afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Which.
    pub claim: Claim,
    /// Whether it holds.
    pub state: LinkState,
    /// Why not.
    pub reason: &'static str,
}

/// Whether a link holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LinkState {
    /// Both are the same person.
    Active = 1,
    /// They are not: a suggestion for people at most.
    Refused = 2,
    /// They were, until an earlier link came to light.
    Withdrawn = 3,
}

impl LinkState {
    /// As stored.
    #[must_use]
    pub const fn number(self) -> i16 {
        self as i16
    }
}

/// The outcome for a closed set of identifiers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tied {
    /// Identifiers whose parent changed, with the new one; sorted.
    pub parents: Vec<(IdentifierId, Parent)>,
    /// Links whose row is new or different; sorted by (weak, strong).
    pub links: Vec<Link>,
    /// Who is together now.
    pub persons: Persons,
}

/// Decides about `claims`, at most one per pair. `nodes` must be closed as for [`regroup`], with every identifier of the
/// claims among them. Claims between equal kinds are never more than suggestions.
#[must_use]
pub fn tie(nodes: &[Node], claims: &[Claim]) -> Tied {
    let mut after: BTreeMap<IdentifierId, Node> = nodes.iter().map(|node| (node.id, *node)).collect();
    let mut withdrawn = BTreeMap::new();
    let mut parents = BTreeMap::new();
    let mut sorted: Vec<Claim> = claims.to_vec();
    sorted.sort_unstable_by_key(|claim| (claim.key, claim.weak, claim.strong));
    for claim in &sorted {
        let stronger = after.get(&claim.strong).map(|node| node.kind);
        let Some(node) = after.get_mut(&claim.weak) else { continue };
        if stronger.is_none_or(|kind| kind >= node.kind) || node.parent.is_some_and(|had| had.key <= claim.key) {
            continue;
        }
        let new = Parent { strong: claim.strong, key: claim.key };
        if let Some(had) = node.parent.replace(new).filter(|had| had.strong != claim.strong) {
            withdrawn.insert((claim.weak, had.strong), had.key);
        }
        parents.insert(claim.weak, new);
    }
    let nodes_after: Vec<Node> = after.values().copied().collect();
    let persons = regroup(&nodes_after);
    let cut_before: BTreeSet<IdentifierId> = regroup(nodes).cut.into_iter().collect();
    let group_of: BTreeMap<IdentifierId, IdentifierId> =
        persons.groups.iter().flat_map(|group| group.members.iter().map(|id| (*id, group.root))).collect();
    let is_together = |claim: &Claim| group_of.get(&claim.weak) == group_of.get(&claim.strong);

    let mut links = BTreeMap::new();
    for ((weak, strong), key) in withdrawn {
        let claim = Claim { weak, strong, key };
        if !is_together(&claim) {
            links.insert((weak, strong), Link { claim, state: LinkState::Withdrawn, reason: "earlier_link" });
        }
    }
    for claim in &sorted {
        links.insert((claim.weak, claim.strong), judge(claim, &after, is_together(claim)));
    }
    // Limits cut and release others than those that were claimed.
    let cut: BTreeSet<IdentifierId> = persons.cut.iter().copied().collect();
    for weak in cut.symmetric_difference(&cut_before) {
        if let Some(Parent { strong, key }) = after[weak].parent {
            let claim = Claim { weak: *weak, strong, key };
            links.entry((*weak, strong)).or_insert_with(|| judge(&claim, &after, is_together(&claim)));
        }
    }
    Tied { parents: parents.into_iter().collect(), links: links.into_values().collect(), persons }
}

/// Persons that lose an identifier by these claims: it goes to somebody else, or a limit pushes it out. Arguments as for
/// [`tie`], but the identifiers that limits keep out may be missing.
#[must_use]
pub fn losers(nodes: &[Node], claims: &[Claim]) -> BTreeSet<PersonId> {
    if !may_lose(nodes, claims) {
        return BTreeSet::new();
    }
    let groups = tie(nodes, claims).persons.groups;
    let mut root_of: BTreeMap<IdentifierId, IdentifierId> = BTreeMap::new();
    root_of.extend(groups.iter().flat_map(|group| group.members.iter().map(|id| (*id, group.root))));
    let mut homes: BTreeMap<PersonId, IdentifierId> = BTreeMap::new();
    let owned = nodes.iter().filter_map(|node| Some((node.person?, root_of[&node.id])));
    owned.filter(|(person, root)| homes.entry(*person).or_insert(*root) != root).map(|(person, _)| person).collect()
}

/// Without a parent that is replaced and without more of a kind than one person may have, nobody loses anything.
fn may_lose(nodes: &[Node], claims: &[Claim]) -> bool {
    let count = |kind| nodes.iter().filter(|node| node.kind == kind).count();
    let limits = [
        (IdentifierKind::Email, MOST_EMAILS),
        (IdentifierKind::Phone, MOST_PHONES),
        (IdentifierKind::Anonymous, MOST_ANONYMOUS),
    ];
    let replaces = |claim: &Claim| {
        let parent = nodes.iter().find(|node| node.id == claim.weak).and_then(|node| node.parent);
        parent.is_some_and(|parent| parent.strong != claim.strong && claim.key < parent.key)
    };
    limits.into_iter().any(|(kind, most)| count(kind) > most) || claims.iter().any(replaces)
}

fn judge(claim: &Claim, nodes: &BTreeMap<IdentifierId, Node>, is_together: bool) -> Link {
    if is_together {
        return Link { claim: *claim, state: LinkState::Active, reason: "" };
    }
    let weak = nodes.get(&claim.weak);
    let is_parent = weak.and_then(|node| node.parent).is_some_and(|parent| parent.strong == claim.strong);
    let reason = match weak.map(|node| node.kind) {
        _ if is_parent => "limit",
        Some(IdentifierKind::User) => "two_users",
        Some(IdentifierKind::Email) => "email_of_another_user",
        Some(IdentifierKind::Phone) => "shared_phone",
        Some(IdentifierKind::Anonymous) | None => "browser_of_another_person",
    };
    Link { claim: *claim, state: LinkState::Refused, reason }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::super::PersonId;
    use super::*;

    const BROWSER: i64 = 1;
    const ADA: i64 = 2;
    const BEN: i64 = 3;

    fn claim(weak: i64, strong: i64, second: i64) -> Claim {
        let key = (Timestamp::from_second(second).expect("in range"), Uuid::from_u128(second.unsigned_abs().into()));
        Claim { weak: IdentifierId(weak), strong: IdentifierId(strong), key }
    }

    fn node(id: i64, kind: IdentifierKind, person: i64) -> Node {
        Node { id: IdentifierId(id), kind, parent: None, person: Some(PersonId(person)) }
    }

    fn people() -> Vec<Node> {
        vec![
            node(BROWSER, IdentifierKind::Anonymous, 10),
            node(ADA, IdentifierKind::User, 20),
            node(BEN, IdentifierKind::User, 30),
        ]
    }

    fn states(tied: &Tied) -> Vec<(i64, i64, LinkState, &str)> {
        tied.links.iter().map(|link| (link.claim.weak.0, link.claim.strong.0, link.state, link.reason)).collect()
    }

    #[test]
    fn two_people_on_one_browser_stay_two() {
        let tied = tie(&people(), &[claim(BROWSER, BEN, 9), claim(BROWSER, ADA, 5)]);
        assert_eq!(tied.persons.groups.len(), 2);
        assert_eq!(
            states(&tied),
            [(BROWSER, ADA, LinkState::Active, ""), (BROWSER, BEN, LinkState::Refused, "browser_of_another_person")]
        );
    }

    #[test]
    fn an_earlier_link_that_comes_late_withdraws_the_winner() {
        let mut nodes = people();
        let first = tie(&nodes, &[claim(BROWSER, BEN, 9)]);
        for (id, parent) in &first.parents {
            let node = nodes.iter_mut().find(|node| node.id == *id).expect("there");
            (node.parent, node.person) = (Some(*parent), Some(PersonId(30)));
        }
        let tied = tie(&nodes, &[claim(BROWSER, ADA, 5)]);
        assert_eq!(
            states(&tied),
            [(BROWSER, ADA, LinkState::Active, ""), (BROWSER, BEN, LinkState::Withdrawn, "earlier_link")]
        );
        let all_at_once = tie(&people(), &[claim(BROWSER, ADA, 5), claim(BROWSER, BEN, 9)]);
        let together = |tied: &Tied| tied.persons.groups.iter().map(|group| group.members.clone()).collect::<Vec<_>>();
        assert_eq!(together(&tied), together(&all_at_once));
    }

    #[test]
    fn two_user_ids_are_never_tied_by_an_event() {
        let tied = tie(&people(), &[claim(ADA, BEN, 1)]);
        assert_eq!(tied.persons.groups.len(), 3);
        assert_eq!(states(&tied), [(ADA, BEN, LinkState::Refused, "two_users")]);
    }
}
