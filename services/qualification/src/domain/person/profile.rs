//! What senders said about a person: per field the last writer by (occurred_at, event_id). Machines say nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::event::{EngagementEvent, EventKind};
use crate::domain::identity::OrderKey;
use crate::domain::rules::DisqualificationReason;

/// The purpose of consent that `unsubscribed` withdraws.
pub const MARKETING_EMAIL: &str = "marketing_email";

/// Most fields of each map. Of more, those with the smallest names stay: which ones does not depend on the order of
/// arrival, and a sender cannot make a person grow without end.
const MOST_FIELDS: usize = 200;
/// Most bytes of a value; the rest is cut off.
const MOST_BYTES: usize = 1024;

/// A value with the event that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<T> {
    /// What was said.
    pub value: T,
    /// When and by which event.
    pub key: OrderKey,
}

/// Last writers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// About the person: "given_name", "company", "country" ...
    pub traits: BTreeMap<String, Written<String>>,
    /// About the company, from `group`.
    pub account_traits: BTreeMap<String, Written<String>>,
    /// The sender's id of the company, from `group`.
    pub group_id: Option<Written<String>>,
    /// By purpose.
    pub consents: BTreeMap<String, Written<bool>>,
    /// Why an event put the person out, with the latest such event: such a fact outlives the timeline.
    pub outs: BTreeMap<DisqualificationReason, OrderKey>,
}

impl Profile {
    /// Whether `event` can say anything here: a question about the event alone, asked before any profile is loaded.
    #[must_use]
    pub fn is_told_by(event: &EngagementEvent) -> bool {
        !event.is_bot()
            && (!event.traits.is_empty()
                || !event.consent.is_empty()
                || event.identifiers.group_id.is_some()
                || event.kind == EventKind::Unsubscribed
                || implied(event).next().is_some())
    }

    /// Takes in what an event says. True if anything is different now.
    pub fn apply(&mut self, event: &EngagementEvent) -> bool {
        if event.is_bot() {
            return false;
        }
        let key = event.order_key();
        let mut changed = false;
        let is_group = event.kind == EventKind::Group;
        let about = if is_group { &mut self.account_traits } else { &mut self.traits };
        for (name, value) in &event.traits {
            changed |= write(about, name, cut(value), key);
        }
        for (name, value) in implied(event).filter(|(name, _)| is_group || !event.traits.contains_key(*name)) {
            changed |= write(&mut self.traits, name, cut(value), key);
        }
        if let Some(group) = event.identifiers.group_id.as_deref().filter(|_| is_group) {
            let is_newer = self.group_id.as_ref().is_none_or(|had| had.key < key);
            if is_newer {
                self.group_id = Some(Written { value: cut(group), key });
                changed = true;
            }
        }
        for (purpose, given) in &event.consent {
            changed |= write(&mut self.consents, purpose, *given, key);
        }
        if event.kind == EventKind::Unsubscribed && !event.consent.contains_key(MARKETING_EMAIL) {
            changed |= write(&mut self.consents, MARKETING_EMAIL, false, key);
        }
        changed
    }

    /// Notes that an event put the person out.
    pub fn note_out(&mut self, reason: DisqualificationReason, key: OrderKey) {
        self.outs.entry(reason).and_modify(|had| *had = key.max(*had)).or_insert(key);
    }

    /// Keeps what was written before `start`: what the timeline no longer has, so that folding it anew cannot find it.
    pub fn keep_before(&mut self, start: Timestamp) {
        self.traits.retain(|_, written| written.key.0 < start);
        self.account_traits.retain(|_, written| written.key.0 < start);
        self.consents.retain(|_, written| written.key.0 < start);
        self.outs.retain(|_, key| key.0 < start);
        self.group_id = self.group_id.take().filter(|written| written.key.0 < start);
    }

    /// Takes in all that another person's profile says.
    pub fn merge(&mut self, other: &Self) {
        merge_map(&mut self.traits, &other.traits);
        merge_map(&mut self.account_traits, &other.account_traits);
        merge_map(&mut self.consents, &other.consents);
        for (reason, key) in &other.outs {
            self.note_out(*reason, *key);
        }
        if let Some(group) = &other.group_id
            && self.group_id.as_ref().is_none_or(|had| had.key < group.key)
        {
            self.group_id = Some(group.clone());
        }
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The value of a trait; empty if there is none.
    #[must_use]
    pub fn trait_value(&self, name: &str) -> &str {
        self.traits.get(name).map_or("", |written| &written.value)
    }
}

/// What the context of an event tells of the person. Page views and the like are left out: they are many, and whoever
/// identifies himself, asks or writes has a context too.
fn implied(event: &EngagementEvent) -> impl Iterator<Item = (&'static str, &String)> {
    let context = &event.context;
    let told = match event.kind {
        EventKind::PageView
        | EventKind::Product
        | EventKind::Custom
        | EventKind::Alias
        | EventKind::EmailOpened
        | EventKind::EmailClicked
        | EventKind::EmailBounced
        | EventKind::EmailComplained
        | EventKind::EmailDelivered => None,
        _ => Some([("country", &context.country), ("locale", &context.locale), ("time_zone", &context.time_zone)]),
    };
    told.into_iter().flatten().filter(|(_, value)| !value.is_empty())
}

fn write<T: PartialEq>(map: &mut BTreeMap<String, Written<T>>, name: &str, value: T, key: OrderKey) -> bool {
    match map.get_mut(name) {
        Some(had) if had.key >= key => false,
        Some(had) => {
            *had = Written { value, key };
            true
        }
        None => {
            map.insert(name.to_owned(), Written { value, key });
            if map.len() <= MOST_FIELDS {
                return true;
            }
            // What goes out has more than MOST_FIELDS smaller names, and always will.
            map.pop_last().is_some_and(|(gone, _)| gone != name)
        }
    }
}

fn merge_map<T: Clone + PartialEq>(into: &mut BTreeMap<String, Written<T>>, from: &BTreeMap<String, Written<T>>) {
    for (name, written) in from {
        write(into, name, written.value.clone(), written.key);
    }
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MOST_BYTES)].to_owned()
}
