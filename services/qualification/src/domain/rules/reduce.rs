//! An event without what no rule reads: what a decision keeps of it, so that it can be made again and keeps no more of a
//! person than it needs.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::event::{Context, EmailFacts, EngagementEvent, Identifiers};

use super::field::{EventField, TextField};

/// The fields that a model reads, of all its rules together.
#[derive(Debug, Default)]
pub(super) struct NamedFields {
    properties: BTreeSet<String>,
    context: BTreeMap<&'static str, &'static TextField<Context>>,
    email: BTreeMap<&'static str, &'static TextField<EmailFacts>>,
    text: bool,
}

impl NamedFields {
    /// Notes that a rule reads this field.
    pub(super) fn add(&mut self, field: &EventField) {
        match field {
            EventField::Property(name) => self.add_property(name),
            EventField::Context(field) => drop(self.context.insert(field.name, field)),
            EventField::Email(field) => drop(self.email.insert(field.name, field)),
            EventField::Text => self.text = true,
            EventField::Source | EventField::BotReason | EventField::Historical => (),
        }
    }

    /// Notes that a property is read or goes along.
    pub(super) fn add_property(&mut self, name: &str) {
        self.properties.insert(name.to_owned());
    }

    pub(super) fn reduce(&self, event: &EngagementEvent) -> EngagementEvent {
        let named = event.properties.iter().filter(|(name, _)| self.properties.contains(*name));
        let mut context = Context::default();
        for field in self.context.values() {
            field.copy(&event.context, &mut context);
        }
        let email_facts = event.email_facts.as_ref().filter(|_| !self.email.is_empty()).map(|facts| {
            let mut reduced = EmailFacts::default();
            for field in self.email.values() {
                field.copy(facts, &mut reduced);
            }
            reduced
        });
        EngagementEvent {
            event_id: event.event_id,
            kind: event.kind,
            name: event.name.clone(),
            source: event.source.clone(),
            identifiers: Identifiers::default(),
            occurred_at: event.occurred_at,
            received_at: event.received_at,
            week: event.week,
            properties: named.map(|(name, value)| (name.clone(), value.clone())).collect(),
            traits: BTreeMap::new(),
            consent: BTreeMap::new(),
            context,
            bot_reason: event.bot_reason.clone(),
            historical: event.historical,
            test: event.test,
            text: if self.text { event.text.clone() } else { String::new() },
            email_facts,
            origin_hash: 0,
        }
    }
}
