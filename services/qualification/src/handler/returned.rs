//! Who comes back after an erasure: a tombstone that a later act names has its plain text again, so that the new person can
//! be reached and is judged by the address. The tombstone itself stays: what is older is dropped before it comes here.

use std::collections::BTreeSet;

use leadflow_platform::consumer::HandlerError;
use sqlx::PgConnection;

use crate::domain::identity::PersonId;
use crate::store;
use crate::work::Work;

use super::batch::Batch;

/// Tombstones without text that events in play name. Their persons have to be locked; junk names nobody and stays as it is.
pub(super) fn slots(batch: &Batch<'_>) -> BTreeSet<usize> {
    let is_nameless = |slot: &usize| {
        let slot = &batch.slots[*slot];
        let without_text = slot.known.is_some_and(|known| known.erased_at.is_some() && !known.has_value);
        without_text && !slot.is_new && !slot.is_junk && slot.kept_value().is_some()
    };
    batch.items.iter().flat_map(|item| item.slots.iter().copied()).filter(is_nameless).collect()
}

/// Writes the text, once it is known which events are no copies: a copy makes nobody new. `person_of`: by slot; what the
/// address says of them has to be asked again.
pub(super) async fn name(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
    work: &mut Work,
    person_of: &[Option<PersonId>],
) -> Result<(), HandlerError> {
    let slots = slots(batch);
    if slots.is_empty() {
        return Ok(());
    }
    let text = |slot: &usize| {
        let slot = &batch.slots[*slot];
        Some((slot.known?.node.id, slot.kept_value()?))
    };
    let named: Vec<_> = slots.iter().filter_map(text).collect();
    store::tombstone::name_again(connection, &named).await?;
    work.changed.extend(slots.iter().filter_map(|slot| person_of[*slot]));
    Ok(())
}
