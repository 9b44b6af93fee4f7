//! When somebody is due, computed from what was produced and by another library than the product's: `chrono` with its own
//! copy of the time zones. The rule is the documented one: a local time that does not exist on its day is later by the gap,
//! one that exists twice is the first.

use chrono::{Datelike as _, Days, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _};
use chrono_tz::Tz;

use super::super::people::Person;
use super::super::timetable::{START, Wait, Way};

/// Moments as the product writes them.
const MOMENT: &str = "%Y-%m-%dT%H:%M:%S%.fZ";
/// No gap of any zone is longer.
const LONGEST_GAP_MINUTES: i64 = 240;

/// How often a local time exists on its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existence {
    Never,
    Once,
    Twice,
}

/// When somebody is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// Microseconds since 1970.
    pub(super) at: i64,
    /// Of the local time; a fixed wait has none.
    pub(super) existence: Existence,
}

/// None: the timetable or the person says something that is no time.
pub(super) fn due(person: &Person, way: &Way) -> Option<Due> {
    let zone: Tz = person.zone.parse().ok()?;
    let start = utc(START)?;
    match way.wait {
        Wait::For { seconds } => {
            let at = start.checked_add_signed(TimeDelta::seconds(seconds.into()))?;
            Some(Due { at: micros(at), existence: Existence::Once })
        }
        Wait::Until { time, weekday } => {
            let today = start.and_utc().with_timezone(&zone).date_naive();
            (0..15).find_map(|ahead| {
                let date = today.checked_add_days(Days::new(ahead))?;
                let is_day = weekday.is_none_or(|day| date.weekday().to_string().eq_ignore_ascii_case(day));
                local(date, time, zone).filter(|due| is_day && due.at > micros(start))
            })
        }
        Wait::Date { time, offset_days, .. } => {
            let field = person.date.as_str();
            let date = match field.parse::<NaiveDate>() {
                Ok(date) => date,
                Err(_) => utc(field)?.and_utc().with_timezone(&zone).date_naive(),
            };
            local(date.checked_add_signed(TimeDelta::days(offset_days.into()))?, time, zone)
        }
    }
}

/// A moment as text, in microseconds since 1970.
pub(super) fn moment(text: &str) -> Option<i64> {
    utc(text).map(micros)
}

fn utc(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, MOMENT).ok()
}

fn micros(utc: NaiveDateTime) -> i64 {
    utc.and_utc().timestamp_micros()
}

fn local(date: NaiveDate, time: &str, zone: Tz) -> Option<Due> {
    let wanted = date.and_time(NaiveTime::parse_from_str(time, "%H:%M").ok()?);
    match zone.from_local_datetime(&wanted) {
        MappedLocalTime::Single(at) => Some(Due { at: at.timestamp_micros(), existence: Existence::Once }),
        MappedLocalTime::Ambiguous(first, _) => Some(Due { at: first.timestamp_micros(), existence: Existence::Twice }),
        // From the last minute that existed, as much later as the clock would have shown without the change.
        MappedLocalTime::None => (1..LONGEST_GAP_MINUTES).find_map(|back| {
            let before = zone.from_local_datetime(&(wanted - TimeDelta::minutes(back))).latest()?;
            let at = before.checked_add_signed(TimeDelta::minutes(back))?;
            Some(Due { at: at.timestamp_micros(), existence: Existence::Never })
        }),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::super::timetable::{HOURS, Kind, ways};
    use super::*;

    fn person(zone: &'static str, date: &str) -> Person {
        Person { number: 0, lead_id: Uuid::nil(), zone, way: 0, date: date.to_owned() }
    }

    fn at(time: &str) -> i64 {
        moment(time).unwrap()
    }

    /// By hand, from the announcements of the changes.
    #[test]
    fn local_times_are_due_when_people_would_say_so() {
        let table = [
            // Two o'clock becomes three: half past one and four minutes after two are 34 minutes apart.
            ("until-berlin-0137", "", "2026-03-29T00:37:00Z", Existence::Once),
            ("until-berlin-0204", "", "2026-03-29T01:04:00Z", Existence::Never),
            ("until-berlin-0229", "", "2026-03-29T01:29:00Z", Existence::Never),
            ("until-berlin-0309", "", "2026-03-29T01:09:00Z", Existence::Once),
            ("until-berlin-1658", "", "2026-04-04T14:58:00Z", Existence::Once),
            ("until-london-0034", "", "2026-03-29T00:34:00Z", Existence::Once),
            ("until-london-0106", "", "2026-03-29T01:06:00Z", Existence::Never),
            ("until-london-1559", "", "2026-04-04T14:59:00Z", Existence::Once),
            ("until-new-york-2036", "", "2026-03-29T00:36:00Z", Existence::Once),
            ("until-new-york-1131", "", "2026-04-04T15:31:00Z", Existence::Once),
            ("until-kolkata-0657", "", "2026-03-29T01:27:00Z", Existence::Once),
            ("until-sydney-1138", "", "2026-03-29T00:38:00Z", Existence::Once),
            // Three o'clock becomes two: the first of both is 11 hours before UTC.
            ("until-sydney-0205", "", "2026-04-04T15:05:00Z", Existence::Twice),
            // Two o'clock becomes half past one.
            ("until-lord-howe-0157", "", "2026-04-04T14:57:00Z", Existence::Twice),
            ("until-lord-howe-0202", "", "2026-04-04T15:32:00Z", Existence::Once),
            ("date-berlin-0204", "2026-03-27", "2026-03-29T01:04:00Z", Existence::Never),
            ("date-berlin-0137", "2026-03-29T21:59:00Z", "2026-03-29T00:37:00Z", Existence::Once),
            ("date-sydney-0222", "2026-04-11T14:30:00Z", "2026-04-04T15:22:00Z", Existence::Twice),
            ("date-new-york-2036", "2026-03-29T03:40:00Z", "2026-03-29T00:36:00Z", Existence::Once),
            ("for-3504s", "", "2026-03-29T01:28:24Z", Existence::Once),
            ("for-572231s", "", "2026-04-04T15:27:11Z", Existence::Once),
        ];
        let ways = ways();
        for (id, date, time, existence) in table {
            let way = ways.iter().find(|way| way.id == id).unwrap();
            let person = person(way.zone.unwrap_or("Asia/Kolkata"), date);
            assert_eq!(due(&person, way), Some(Due { at: at(time), existence }), "{id}");
        }
    }

    #[test]
    fn everybody_is_due_in_one_of_the_hours() {
        let ways = ways();
        let mut moments = std::collections::BTreeSet::new();
        for person in super::super::super::people::draw(1, 20_000, &ways) {
            let (way, due) = (&ways[person.way], due(&person, &ways[person.way]).unwrap());
            let in_hour = |from: &str, wakes: &str| due.at > at(from) && due.at <= at(wakes);
            assert!(HOURS.iter().any(|hour| in_hour(hour.from, hour.wakes)), "{} {person:?}", way.id);
            moments.insert(due.at);
        }
        assert!(moments.len() > 90, "{} moments", moments.len());
        assert!(ways.iter().any(|way| way.kind() == Kind::Date));
        for hour in &HOURS {
            assert_eq!(at(hour.wakes) - at(hour.from), i64::from(hour.minutes) * 60_000_000);
        }
    }
}
