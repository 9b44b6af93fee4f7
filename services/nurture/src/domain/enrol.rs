//! Who enters a journey.

use super::advance::place_of;
use super::facts::{ActFacts, LeadFacts};
use super::journey::Journey;
use super::journey::source::ReentrySource;
use super::stage;

/// What is known of this lead's earlier times in the same instance of the journey.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Before {
    /// How often he was in it.
    #[prost(int32, tag = "1")]
    pub times: i32,
    /// He is in it now.
    #[prost(bool, tag = "2")]
    pub active: bool,
    /// When the last time ended.
    #[prost(int64, tag = "3")]
    pub ended_us: i64,
}

/// Whether somebody enters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// He does.
    Enters {
        /// Value of the instance key; empty: there is none.
        instance: String,
        /// He belongs to those with whom nothing is done.
        held_out: bool,
        /// Why, in one sentence.
        text: String,
    },
    /// He does not, and that is no news.
    No,
}

/// Of which instance this would be: the value of the instance key.
#[must_use]
pub fn instance(journey: &Journey, act: Option<&ActFacts>) -> String {
    let key = journey.entry.instance_key.as_ref();
    key.zip(act).and_then(|(key, act)| act.properties.get(key)).cloned().unwrap_or_default()
}

/// Decides. `historical` events enrol nobody.
#[must_use]
pub fn enrol(
    journey: &Journey,
    lead: &LeadFacts,
    act: Option<&ActFacts>,
    before: &Before,
    historical: bool,
    now_us: i64,
) -> Entry {
    let entry = &journey.entry;
    if historical || stage::is_closed(&lead.stage) || before.active || !may_again(journey, before, now_us) {
        return Entry::No;
    }
    if !entry.stage.is_empty() && !entry.stage.contains(&lead.stage) {
        return Entry::No;
    }
    // Whoever is with sales is nobody's to warm up, unless the journey names his stage.
    if entry.stage.is_empty() && (stage::is_qualified(&lead.stage) || lead.owned) && !is_transactional(journey) {
        return Entry::No;
    }
    if entry.segment.as_ref().is_some_and(|segment| !segment.holds(&lead.fields)) {
        return Entry::No;
    }
    let text = match (&entry.event, act) {
        (Some(event), Some(act)) if event.matches(act.act()) => format!("{} happened", event.kind),
        (Some(_), _) => return Entry::No,
        (None, _) if !entry.stage.is_empty() => format!("the lead is {}", lead.stage),
        (None, _) => "the lead belongs to the segment".to_owned(),
    };
    let held_out = place_of(&lead.lead_id, &journey.journey_id, "hold-out") < journey.hold_out_percent;
    Entry::Enters { instance: instance(journey, act), held_out, text }
}

/// Answers to what somebody asked for go to everybody who asked.
#[must_use]
pub fn is_transactional(journey: &Journey) -> bool {
    journey.purpose == "transactional"
}

fn may_again(journey: &Journey, before: &Before, now_us: i64) -> bool {
    match journey.entry.reentry {
        _ if before.times == 0 => true,
        ReentrySource::Never => false,
        ReentrySource::Always => true,
        ReentrySource::AfterDays(days) => now_us.saturating_sub(before.ended_us) >= i64::from(days) * 86_400_000_000,
    }
}
