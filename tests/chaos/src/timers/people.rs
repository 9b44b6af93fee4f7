//! The people of a run, drawn from its seed: where they live and what they will wait for. The driver and the oracle draw the
//! same.

use chrono::{Days, NaiveDate, TimeZone as _};
use chrono_tz::Tz;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use super::timetable::{CITIES, Kind, Wait, Way};

/// A lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) number: u32,
    pub(super) lead_id: Uuid,
    /// IANA name.
    pub(super) zone: &'static str,
    /// Index into the ways of the timetable; his trait `way` is its id.
    pub(super) way: usize,
    /// His trait `date`: "2026-04-05", or a moment of that local day in UTC; empty: he waits for no date.
    pub(super) date: String,
}

impl Person {
    pub(super) fn email(&self) -> String {
        format!("person{}@acme{}.example", self.number, self.number % 997)
    }
}

/// `leads` people: as many of each kind of wait, the waits of a kind alike.
pub(super) fn draw(seed: u64, leads: u32, ways: &[Way]) -> Vec<Person> {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x0071_3e25);
    let of_kind = |kind: Kind| -> Vec<usize> { (0..ways.len()).filter(|way| ways[*way].kind() == kind).collect() };
    let by_kind = Kind::ALL.map(of_kind);
    (0..leads)
        .map(|number| {
            let mine = &by_kind[random.random_range(0..by_kind.len())];
            let way = mine[random.random_range(0..mine.len())];
            let home = CITIES[random.random_range(0..CITIES.len())].zone;
            let zone = ways[way].zone.unwrap_or(home);
            let lead_id = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("chaos/timers/{seed}/{number}").as_bytes());
            Person { number, lead_id, zone, way, date: field(&ways[way], zone, number).unwrap_or_default() }
        })
        .collect()
}

/// What stands in the field: the day itself, or a moment shortly after its beginning or before its end, which is on another
/// day in UTC for most.
fn field(way: &Way, zone: &str, number: u32) -> Option<String> {
    let Wait::Date { date, offset_days, .. } = way.wait else { return None };
    let due: NaiveDate = date.parse().ok()?;
    let days = Days::new(offset_days.unsigned_abs().into());
    let day = if offset_days < 0 { due.checked_add_days(days)? } else { due.checked_sub_days(days)? };
    let (hour, minute) = match number % 3 {
        0 => return Some(day.to_string()),
        1 => (0, 20),
        _ => (23, 40),
    };
    let zone: Tz = zone.parse().ok()?;
    let moment = zone.from_local_datetime(&day.and_hms_opt(hour, minute, 0)?).earliest()?;
    Some(moment.to_utc().format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::timetable::ways;
    use super::*;

    #[test]
    fn the_seed_fixes_the_people() {
        let ways = ways();
        let people = draw(7, 5000, &ways);
        assert_eq!(people, draw(7, 5000, &ways));
        assert_ne!(people, draw(8, 5000, &ways));
        let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
        people.iter().for_each(|person| *kinds.entry(ways[person.way].kind()).or_default() += 1);
        assert!(kinds.len() == 3 && kinds.values().all(|n| (1500..1850).contains(n)), "{kinds:?}");
        let zones: BTreeSet<&str> = people.iter().map(|person| person.zone).collect();
        assert_eq!(zones.len(), CITIES.len());
        let used: BTreeSet<usize> = people.iter().map(|person| person.way).collect();
        assert_eq!(used.len(), ways.len());
    }

    #[test]
    fn a_date_is_a_day_or_a_moment_of_it() {
        let wait = Wait::Date { time: "02:05", date: "2026-04-05", offset_days: -7 };
        let way = Way { id: String::new(), zone: None, wait };
        let table = [
            (0, "Australia/Sydney", "2026-04-12"),
            (1, "Australia/Sydney", "2026-04-11T14:20:00Z"),
            (2, "Australia/Sydney", "2026-04-12T13:40:00Z"),
            (1, "America/New_York", "2026-04-12T04:20:00Z"),
            (2, "America/New_York", "2026-04-13T03:40:00Z"),
        ];
        for (number, zone, wanted) in table {
            assert_eq!(field(&way, zone, number).unwrap(), wanted, "{number} {zone}");
        }
    }
}
