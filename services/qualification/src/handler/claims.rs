//! What the events of a batch say about who is whom, as far as it is not known yet.

use std::collections::{BTreeMap, BTreeSet};

use leadflow_platform::consumer::HandlerError;
use sqlx::PgConnection;

use crate::domain::identity::{Claim, IdentifierId, IdentifierKind};
use crate::store;

use super::batch::{Batch, Item, Slot};

type Pair = (IdentifierId, IdentifierId);

/// At most one claim per pair, the earliest. Machines and junk say nothing.
pub(super) async fn new_claims(connection: &mut PgConnection, batch: &Batch<'_>) -> Result<Vec<Claim>, HandlerError> {
    let mut earliest: BTreeMap<Pair, Claim> = BTreeMap::new();
    let mut may_be_known: BTreeSet<Pair> = BTreeSet::new();
    for item in batch.items.iter().filter(|item| !item.event.is_bot()) {
        let Some(strong) = item.credited else { continue };
        let others = item.slots.iter().filter(|slot| **slot != strong).chain(&item.previous_user);
        for weak in others {
            let (weak, strong) = (&batch.slots[*weak], &batch.slots[strong]);
            let Some(claim) = claim_of(item, weak, strong) else { continue };
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

/// What an event says about two of its identifiers; none if it is known already or says nothing.
fn claim_of(item: &Item<'_>, weak: &Slot<'_>, strong: &Slot<'_>) -> Option<Claim> {
    let (weak_row, strong_row) = (weak.known?, strong.known?);
    // An alias from a known user id to another: never tied, but kept as a suggestion.
    let names_two_users = weak.key.kind == IdentifierKind::User && strong.key.kind == IdentifierKind::User;
    let says_nothing = weak.is_junk
        || weak_row.node.id == strong_row.node.id
        || (weak.key.kind <= strong.key.kind && !names_two_users);
    if says_nothing {
        return None;
    }
    let claim = Claim { weak: weak_row.node.id, strong: strong_row.node.id, key: item.event.order_key() };
    let parent = weak_row.node.parent.filter(|parent| parent.strong == claim.strong);
    let is_known = parent.is_some_and(|parent| parent.key <= claim.key);
    (!is_known).then_some(claim)
}
