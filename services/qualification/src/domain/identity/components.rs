//! Which identifiers and claims have to be decided together: those of one person, and those that a claim or a parent ties.

use std::collections::BTreeMap;

use super::{Claim, IdentifierId, Node, PersonId};

/// Splits into sets that have nothing to do with each other, in the order of their smallest identifier; without those that
/// have no claim.
#[must_use]
pub fn components(nodes: Vec<Node>, claims: Vec<Claim>) -> Vec<(Vec<Node>, Vec<Claim>)> {
    let place: BTreeMap<IdentifierId, usize> = nodes.iter().enumerate().map(|(place, node)| (node.id, place)).collect();
    let mut sets: Vec<usize> = (0..nodes.len()).collect();
    let mut first_of: BTreeMap<PersonId, usize> = BTreeMap::new();
    for (at, node) in nodes.iter().enumerate() {
        if let Some(person) = node.person {
            let first = *first_of.entry(person).or_insert(at);
            union(&mut sets, first, at);
        }
        if let Some(above) = node.parent.and_then(|parent| place.get(&parent.strong)) {
            union(&mut sets, *above, at);
        }
    }
    for claim in &claims {
        if let (Some(weak), Some(strong)) = (place.get(&claim.weak), place.get(&claim.strong)) {
            union(&mut sets, *weak, *strong);
        }
    }
    let mut parts: BTreeMap<usize, (Vec<Node>, Vec<Claim>)> = BTreeMap::new();
    for claim in claims {
        if let Some(weak) = place.get(&claim.weak) {
            parts.entry(find(&mut sets, *weak)).or_default().1.push(claim);
        }
    }
    for (at, node) in nodes.into_iter().enumerate() {
        if let Some((part, _)) = parts.get_mut(&find(&mut sets, at)) {
            part.push(node);
        }
    }
    parts.into_values().collect()
}

fn find(sets: &mut [usize], mut at: usize) -> usize {
    while sets[at] != at {
        sets[at] = sets[sets[at]];
        at = sets[at];
    }
    at
}

fn union(sets: &mut [usize], one: usize, other: usize) {
    let (one, other) = (find(sets, one), find(sets, other));
    sets[one.max(other)] = one.min(other);
}
