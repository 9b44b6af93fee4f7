//! First and last touch: the earliest and the latest human act by (occurred_at, event_id), with where it came from.

use crate::domain::event::{EngagementEvent, EventKind};
use crate::domain::identity::OrderKey;

/// Most bytes of source and campaign each.
const MOST_BYTES: usize = 100;

/// One human act, as attribution needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// When and which.
    pub key: OrderKey,
    /// What.
    pub kind: EventKind,
    /// Id of the source.
    pub source: String,
    /// Name of the campaign, else its source; empty if there is none.
    pub campaign: String,
}

/// The two ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touches {
    /// None before the first human act.
    pub ends: Option<(Touch, Touch)>,
}

impl Touches {
    /// Takes in an act; a machine's is none.
    pub fn apply(&mut self, event: &EngagementEvent) {
        if event.is_bot() {
            return;
        }
        let key = event.order_key();
        match &mut self.ends {
            None => {
                let touch = Touch::of(event);
                self.ends = Some((touch.clone(), touch));
            }
            Some((first, _)) if key < first.key => *first = Touch::of(event),
            Some((_, last)) if key > last.key => *last = Touch::of(event),
            Some(_) => {}
        }
    }

    /// Keeps what was before `start`: what the timeline no longer has.
    pub fn keep_before(&mut self, start: jiff::Timestamp) {
        self.ends = match self.ends.take() {
            Some((first, last)) if last.key.0 < start => Some((first, last)),
            Some((first, _)) if first.key.0 < start => Some((first.clone(), first)),
            _ => None,
        };
    }

    /// Takes in all acts of another.
    pub fn merge(&mut self, other: &Self) {
        let Some((first, last)) = &other.ends else { return };
        match &mut self.ends {
            None => self.ends = Some((first.clone(), last.clone())),
            Some((own_first, own_last)) => {
                if first.key < own_first.key {
                    *own_first = first.clone();
                }
                if last.key > own_last.key {
                    *own_last = last.clone();
                }
            }
        }
    }
}

impl Touch {
    fn of(event: &EngagementEvent) -> Self {
        let context = &event.context;
        let campaign = if context.campaign_name.is_empty() { &context.campaign_source } else { &context.campaign_name };
        Self { key: event.order_key(), kind: event.kind, source: cut(&event.source), campaign: cut(campaign) }
    }
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MOST_BYTES)].to_owned()
}
