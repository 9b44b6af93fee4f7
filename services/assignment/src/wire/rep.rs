//! Reps as rows, as protobuf and as what rules know of them.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use leadflow_proto::assignment::v1::{Assignment, ExternalId};
use prost::Message as _;

use crate::domain::schedule::{Hours, Schedule};

/// Working hours from a row. None: written by a version that knew another form, or a zone that this machine does not.
#[must_use]
pub fn schedule(time_zone: &str, triples: &[i32], holidays: &[String]) -> Option<Schedule> {
    let time_zone = TimeZone::get(time_zone).ok()?;
    let hours = triples.chunks(3).map(|triple| {
        let [weekday, start, end] = *triple else { return None };
        Some(Hours {
            weekday: i8::try_from(weekday).ok()?,
            start_minute: i16::try_from(start).ok()?,
            end_minute: i16::try_from(end).ok()?,
        })
    });
    let holidays = holidays.iter().map(|date| date.parse().ok()).collect::<Option<BTreeSet<_>>>()?;
    Schedule::new(time_zone, hours.collect::<Option<Vec<_>>>()?, holidays).ok()
}

/// As kept in `rep.external_ids`.
#[must_use]
pub fn external_ids_to_bytes(external_ids: Vec<ExternalId>) -> Vec<u8> {
    Assignment { rep_external_ids: external_ids, ..Assignment::default() }.encode_to_vec()
}

/// From `rep.external_ids`.
#[must_use]
pub fn external_ids_from_bytes(bytes: &[u8]) -> Vec<ExternalId> {
    Assignment::decode(bytes).unwrap_or_default().rep_external_ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_a_row() {
        assert!(schedule("Europe/Berlin", &[1, 540, 1020, 2, 540, 1020], &["2026-12-25".to_owned()]).is_some());
        assert!(schedule("Europe/Berlin", &[], &[]).is_some());
        assert!(schedule("Mars/Olympus", &[], &[]).is_none());
        assert!(schedule("UTC", &[1, 540], &[]).is_none(), "not in threes");
        assert!(schedule("UTC", &[9, 540, 600], &[]).is_none(), "no ninth day");
        assert!(schedule("UTC", &[], &["2026-13-01".to_owned()]).is_none());
    }
}
