//! What people did with our mails, as events on `engagement`: clicks, opens, "stop", and what a journey has to say to the
//! scoring model. Made from an address, since that is all that a link knows.

use std::collections::BTreeMap;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use leadflow_platform::identity_key::{IdentityKey, record_key};
use leadflow_platform::outbox::OutboxRow;
use leadflow_platform::record::{CloudEvent, TraceParent};
use leadflow_platform::topics::Topic;
use leadflow_proto::engagement::v1::{EngagementEvent, EngagementKind};
use prost::Message as _;
use uuid::Uuid;

use super::to_proto_time;

/// Source of everything that nurture says itself.
pub const SOURCE_ID: &str = "nurture";

/// An act.
#[derive(Clone, Debug)]
pub struct Act<'a> {
    /// Made of its inputs: the same act twice has the same id.
    pub event_id: Uuid,
    /// What.
    pub kind: EngagementKind,
    /// The name that rules look for.
    pub name: &'a str,
    /// Whose; normalised.
    pub email: &'a str,
    /// When.
    pub at: Timestamp,
    /// Flat.
    pub properties: BTreeMap<String, String>,
    /// By purpose.
    pub consent: BTreeMap<String, bool>,
    /// Why it is no human act; empty for people.
    pub bot_reason: &'a str,
    /// Sample traffic.
    pub test: bool,
    /// Of what caused it.
    pub trace: Option<&'a str>,
}

/// The outbox row of an act.
#[must_use]
pub fn row(act: Act<'_>, key: &IdentityKey) -> OutboxRow {
    let event_id = act.event_id.to_string();
    let record_key = record_key(key, None, Some(act.email), None, None).unwrap_or_default().into_bytes();
    let event = EngagementEvent {
        event_id: event_id.clone(),
        kind: act.kind.into(),
        name: act.name.to_owned(),
        source: SOURCE_ID.to_owned(),
        email: act.email.to_owned(),
        occurred_at: Some(to_proto_time(act.at)),
        received_at: Some(to_proto_time(act.at)),
        week: week(act.at),
        properties: act.properties,
        consent: act.consent,
        bot_reason: act.bot_reason.to_owned(),
        test: act.test,
        ..EngagementEvent::default()
    };
    OutboxRow {
        topic: Topic::Engagement,
        key: record_key,
        event: CloudEvent {
            id: event_id.clone(),
            source: "/leadflow/nurture",
            kind: format!("leadflow.engagement.{}.v1", kind_name(act.kind)),
            subject: event_id,
            time: act.at,
            dataschema: "leadflow.engagement.v1.EngagementEvent",
        },
        trace: act.trace.map(|trace| TraceParent(trace.into())),
        payload: event.encode_to_vec(),
    }
}

/// "email_clicked".
#[must_use]
pub fn kind_name(kind: EngagementKind) -> String {
    kind.as_str_name().trim_start_matches("ENGAGEMENT_KIND_").to_lowercase()
}

/// Monday (UTC) of this day, as days since 1970-01-01: part of the key by which copies are known.
#[must_use]
pub fn week(at: Timestamp) -> i32 {
    let date = at.to_zoned(TimeZone::UTC).date();
    let back = date.weekday().since(Weekday::Monday);
    let monday = date.checked_sub(i64::from(back).days()).unwrap_or(date);
    let days = at.as_second().div_euclid(86_400) - i64::from(date.since(monday).map_or(0, |span| span.get_days()));
    i32::try_from(days).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_begins_on_monday() {
        for (at, days) in [
            ("2026-11-23T00:00:00Z", 20_780),
            ("2026-11-29T23:59:59Z", 20_780),
            ("2026-11-30T00:00:00Z", 20_787),
            ("1970-01-01T00:00:00Z", -3),
        ] {
            assert_eq!(week(at.parse().expect("a time")), days, "{at}");
        }
    }
}
