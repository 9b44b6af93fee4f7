//! Which events of a lead are told to the other services, and with which properties. Whether the lead is open is for the
//! caller to know.

use std::collections::BTreeMap;

use crate::domain::event::{EngagementEvent, EventKind};

use super::model::Model;

/// Most bytes of names and values that go along.
const MOST_BYTES: usize = 2048;

/// Whether an event of a lead makes a `LeadEngaged`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Emission {
    /// Never.
    No,
    /// While the lead is open, with these properties.
    WhileOpen(BTreeMap<String, String>),
    /// In every stage, with these properties: what became of a mail, and what people allow. Nurture learns of them only
    /// here.
    Always(BTreeMap<String, String>),
}

/// An entry under `emit`.
#[derive(Debug)]
pub(super) struct EmitRule {
    pub(super) kind: EventKind,
    pub(super) properties: Vec<String>,
}

impl Model {
    /// Whether `event` is told. `hand_raised`: whether [`Model::evaluate`] found a raised hand in it.
    #[must_use]
    pub fn emission(&self, event: &EngagementEvent, hand_raised: bool) -> Emission {
        let rule = self.emit.iter().find(|rule| rule.kind == event.kind);
        let properties = || rule.map_or_else(BTreeMap::new, |rule| chosen(&rule.properties, event));
        // An answer of a machine is no answer, but a machine's report that a mail bounced is one.
        let is_answer_of_machine = event.is_bot() && event.kind == EventKind::EmailReplied;
        if is_always_told(event.kind) && !is_answer_of_machine {
            Emission::Always(properties())
        } else if !event.is_bot() && (hand_raised || rule.is_some()) {
            Emission::WhileOpen(properties())
        } else {
            Emission::No
        }
    }
}

const fn is_always_told(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::EmailReplied
            | EventKind::EmailBounced
            | EventKind::EmailComplained
            | EventKind::EmailDelivered
            | EventKind::Unsubscribed
            | EventKind::Consent
    )
}

/// In the order of the model, as far as there is room: one that is too long leaves room for those after it.
fn chosen(names: &[String], event: &EngagementEvent) -> BTreeMap<String, String> {
    let mut room = MOST_BYTES;
    let mut chosen = BTreeMap::new();
    for (name, value) in names.iter().filter_map(|name| event.properties.get_key_value(name)) {
        if let Some(left) = room.checked_sub(name.len() + value.len()) {
            room = left;
            chosen.insert(name.clone(), value.clone());
        }
    }
    chosen
}
