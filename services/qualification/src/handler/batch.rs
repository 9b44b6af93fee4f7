//! A batch on its way through the transaction: which events are still in play, which identifiers they name, and what
//! became of those that are not.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use leadflow_platform::consumer::{Arrived, Outcome};
use leadflow_platform::record::TraceParent;
use leadflow_platform::topics::Topic;

use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::event::{EngagementEvent, UNDATED_WEEK};
use crate::domain::identity::{IdentifierKind, present};
use crate::domain::rules::Model;
use crate::store::identifier::{IdentifierKey, Known};
use crate::store::partition::{WEEKS_BACK, monday};

use super::Guards;
use super::incoming::Incoming;

/// One identifier that the batch names, once however often it is named.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    pub(super) key: IdentifierKey,
    /// Plain text, normalised.
    pub(super) value: &'a str,
    /// Identifies nobody, by the active model.
    pub(super) is_junk: bool,
    /// Its row, once it has been looked up or inserted.
    pub(super) known: Option<Known>,
    /// Inserted by this transaction.
    pub(super) is_new: bool,
    /// The first event of the batch that names it.
    pub(super) first_event: Uuid,
}

/// One event that is still in play.
#[derive(Debug)]
pub(super) struct Item<'a> {
    /// Place in the batch.
    pub(super) index: usize,
    pub(super) event: &'a EngagementEvent,
    pub(super) data: &'a [u8],
    pub(super) trace: Option<&'a TraceParent>,
    /// Short name, as lead events name their cause.
    pub(super) topic: &'static str,
    /// Its identifiers, strongest first: places in [`Batch::slots`].
    pub(super) slots: Vec<usize>,
    /// The strongest that is no junk: whose act it is.
    pub(super) credited: Option<usize>,
    /// Of an alias: the previous id as a user id, only looked up.
    pub(super) previous_user: Option<usize>,
}

/// The batch.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    pub(super) items: Vec<Item<'a>>,
    pub(super) slots: Vec<Slot<'a>>,
    /// By place in the batch; none while in play.
    pub(super) outcomes: Vec<Option<Outcome>>,
    pub(super) guards: Guards,
    by_key: HashMap<IdentifierKey, usize>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(arrived: &'a [Arrived<Incoming>], model: &Model, today: Day, guards: Guards) -> Self {
        let mut batch = Self {
            items: Vec::with_capacity(arrived.len()),
            slots: Vec::with_capacity(arrived.len()),
            outcomes: vec![None; arrived.len()],
            guards,
            by_key: HashMap::with_capacity(arrived.len()),
        };
        for (index, one) in arrived.iter().enumerate() {
            match &one.event.event {
                Err(refused) => batch.outcomes[index] = Some(Outcome::Ignored(refused.0)),
                Ok(event) => match refused_week(event.week, today) {
                    Some(reason) => batch.outcomes[index] = Some(Outcome::Ignored(reason)),
                    None => batch.add(index, event, one, model),
                },
            }
        }
        batch
    }

    fn add(&mut self, index: usize, event: &'a EngagementEvent, one: &'a Arrived<Incoming>, model: &Model) {
        let presented = present(event.kind, &event.identifiers);
        let named = presented.iter().zip(&one.event.keys);
        let slots: Vec<usize> =
            named.map(|(presented, key)| self.slot(*key, presented.value, model, event.event_id)).collect();
        let previous_user = one.event.previous_user.map(|key| {
            let value = event.identifiers.previous_id.as_deref().unwrap_or_default();
            self.slot(key, value, model, event.event_id)
        });
        let credited = slots.iter().copied().find(|slot| !self.slots[*slot].is_junk);
        self.items.push(Item {
            index,
            event,
            data: &one.event.data,
            trace: one.trace.as_ref(),
            topic: if one.position.topic.contains(Topic::EngagementBulk.short_name()) {
                Topic::EngagementBulk.short_name()
            } else {
                Topic::Engagement.short_name()
            },
            slots,
            credited,
            previous_user,
        });
    }

    fn slot(&mut self, key: IdentifierKey, value: &'a str, model: &Model, first_event: Uuid) -> usize {
        match self.by_key.entry(key) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(vacant) => {
                let is_junk = model.is_junk_identifier(value);
                self.slots.push(Slot { key, value, is_junk, known: None, is_new: false, first_event });
                *vacant.insert(self.slots.len() - 1)
            }
        }
    }

    /// The slot of an identifier that was inserted.
    pub(super) fn find(&self, key: &IdentifierKey) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    /// Takes out the items for which `reason` gives one.
    pub(super) fn drop_items(&mut self, outcome: impl Fn(&Item<'a>, &[Slot<'a>]) -> Option<Outcome>) {
        let (slots, outcomes) = (&self.slots, &mut self.outcomes);
        self.items.retain(|item| match outcome(item, slots) {
            Some(outcome) => {
                outcomes[item.index] = Some(outcome);
                false
            }
            None => true,
        });
    }

    /// Outcomes of all, those still in play being applied.
    pub(super) fn into_outcomes(self) -> Vec<Outcome> {
        self.outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Applied)).collect()
    }
}

impl Slot<'_> {
    /// What is kept in plain text: what people must be reached by.
    pub(super) fn kept_value(&self) -> Option<&str> {
        (self.key.kind != IdentifierKind::Anonymous).then_some(self.value)
    }
}

/// A week for which there is or was no partition. Events before the horizon would count for nothing; the door refuses the
/// future.
fn refused_week(week: i32, today: Day) -> Option<&'static str> {
    let this_week = monday(today).0;
    match week {
        UNDATED_WEEK => None,
        _ if week.rem_euclid(7) != 4 => Some("no_week"),
        _ if week < this_week - 7 * (WEEKS_BACK + 1) => Some("too_old"),
        _ if week > this_week + 7 => Some("future"),
        _ => None,
    }
}
