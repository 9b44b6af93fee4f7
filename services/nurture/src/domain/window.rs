//! Times of day, days of the week and durations, in the lead's own time zone. Daylight saving time is jiff's business: a
//! time that does not exist on a day is the next one that does, one that exists twice is the first.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SpanRelativeTo, Timestamp, ToSpan as _};

use super::journey::source::{DaySource, WindowSource};

/// Every day of the week.
pub const EVERY_DAY: u8 = 0b111_1111;
/// Longest duration in a journey.
const LONGEST_DAYS: i64 = 400;

/// Days and minutes in which mails may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Bit 0 is Monday.
    pub days: u8,
    /// Minute of the day.
    pub from: u16,
    /// Minute of the day, exclusive; not above `from`: it ends on the next day.
    pub until: u16,
}

impl Window {
    /// Of the YAML.
    ///
    /// # Errors
    /// A sentence.
    pub fn parse(source: &WindowSource) -> Result<Self, String> {
        let read = |text: &str| minute(text).ok_or_else(|| format!("{text:?} is no time of day: write \"09:00\""));
        let window = Self { days: day_bits(&source.days), from: read(&source.from)?, until: read(&source.until)? };
        if window.from == window.until {
            return Err(
                "`from` and `until` are the same: leave the window out, or let it be open for some time".to_owned()
            );
        }
        Ok(window)
    }

    /// The next moment, not before `now`, at which it is open in this zone. None: not within two weeks.
    #[must_use]
    pub fn next_open(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = now.to_zoned(zone.clone()).date();
        // From yesterday: a window over midnight may still be open.
        for ahead in -1..15 {
            let date = today.checked_add(ahead.days()).ok()?;
            if !has_day(self.days, date) {
                continue;
            }
            let opens = at(date, self.from, zone)?;
            let last_day = if self.until > self.from { date } else { date.tomorrow().ok()? };
            let closes = at(last_day, self.until, zone)?;
            if closes > now {
                return Some(opens.max(now));
            }
        }
        None
    }
}

/// The next time of day on one of these days, after `now`.
#[must_use]
pub fn next_local(now: Timestamp, zone: &TimeZone, minute: u16, days: u8) -> Option<Timestamp> {
    let today = now.to_zoned(zone.clone()).date();
    (0..15).find_map(|ahead| {
        let date = today.checked_add(ahead.days()).ok()?;
        let time = at(date, minute, zone)?;
        (has_day(days, date) && time > now).then_some(time)
    })
}

/// A date or a time in a field, moved by some days, at a time of day in this zone.
#[must_use]
pub fn date_time(text: &str, offset_days: i16, minute: u16, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    let date = text
        .parse::<Date>()
        .ok()
        .or_else(|| text.parse::<Timestamp>().ok().map(|time| time.to_zoned(zone.clone()).date()))?;
    at(date.checked_add(i64::from(offset_days).days()).ok()?, minute, zone)
}

fn at(date: Date, minute: u16, zone: &TimeZone) -> Option<Timestamp> {
    let hour = i8::try_from(minute / 60).ok()?;
    let time = Time::new(hour, i8::try_from(minute % 60).ok()?, 0, 0).ok()?;
    zone.to_ambiguous_zoned(date.to_datetime(time)).compatible().ok().map(|zoned| zoned.timestamp())
}

fn has_day(days: u8, date: Date) -> bool {
    days & (1 << date.weekday().to_monday_zero_offset()) != 0
}

/// Bits of days; none named is every day.
#[must_use]
pub fn day_bits(days: &[DaySource]) -> u8 {
    match days {
        [] => EVERY_DAY,
        days => days.iter().fold(0, |bits, day| bits | (1 << (*day as u8))),
    }
}

/// "09:30" as minute of the day.
#[must_use]
pub fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number =
        |text: &str| (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<u16>().ok())?;
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// "3d", "2 weeks", "90m" in microseconds; days have 24 hours. Positive, at most 400 days.
#[must_use]
pub fn duration_us(text: &str) -> Option<i64> {
    let span: jiff::Span = text.parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    let micros = i64::try_from(duration.as_micros()).ok()?;
    (micros > 0 && micros <= LONGEST_DAYS * 86_400_000_000).then_some(micros)
}

/// The zone of this name; none if nobody knows it.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    if name.is_empty() { None } else { TimeZone::get(name).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn window(days: u8, from: &str, until: &str) -> Window {
        Window { days, from: minute(from).expect("from"), until: minute(until).expect("until") }
    }

    #[test]
    fn a_window_opens_in_the_leads_own_zone() {
        let office = window(0b001_1111, "09:00", "17:00");
        let table = [
            // Tuesday, 03:00 in Berlin.
            ("2026-11-24T02:00:00Z", "Europe/Berlin", "2026-11-24T08:00:00Z"),
            ("2026-11-24T08:00:00Z", "Europe/Berlin", "2026-11-24T08:00:00Z"),
            ("2026-11-24T15:59:59Z", "Europe/Berlin", "2026-11-24T15:59:59Z"),
            ("2026-11-24T16:00:00Z", "Europe/Berlin", "2026-11-25T08:00:00Z"),
            // Friday evening: Monday.
            ("2026-11-27T20:00:00Z", "Europe/Berlin", "2026-11-30T08:00:00Z"),
            ("2026-11-24T12:00:00Z", "America/New_York", "2026-11-24T14:00:00Z"),
            ("2026-11-24T12:00:00Z", "Asia/Kolkata", "2026-11-25T03:30:00Z"),
        ];
        for (now, name, wanted) in table {
            let zone = zone(name).expect("a zone");
            assert_eq!(office.next_open(time(now), &zone), Some(time(wanted)), "{now} {name}");
        }
    }

    #[test]
    fn a_window_over_midnight_is_open_on_both_sides() {
        let night = window(EVERY_DAY, "22:00", "06:00");
        let zone = zone("UTC").expect("a zone");
        for now in ["2026-11-24T23:00:00Z", "2026-11-24T05:59:00Z"] {
            assert_eq!(night.next_open(time(now), &zone), Some(time(now)));
        }
        assert_eq!(night.next_open(time("2026-11-24T06:00:00Z"), &zone), Some(time("2026-11-24T22:00:00Z")));
    }

    #[test]
    fn the_days_of_the_change_have_their_times_too() {
        let berlin = zone("Europe/Berlin").expect("a zone");
        // 02:30 does not exist on this day.
        let spring = next_local(time("2026-03-28T22:00:00Z"), &berlin, 150, EVERY_DAY);
        assert_eq!(spring, Some(time("2026-03-29T01:30:00Z")), "03:30 summer time");
        // 02:30 exists twice on this one.
        let autumn = next_local(time("2026-10-24T22:00:00Z"), &berlin, 150, EVERY_DAY);
        assert_eq!(autumn, Some(time("2026-10-25T00:30:00Z")), "the first one");
        let across = window(EVERY_DAY, "09:00", "10:00").next_open(time("2026-10-24T20:00:00Z"), &berlin);
        assert_eq!(across, Some(time("2026-10-25T08:00:00Z")), "nine o'clock winter time");
    }

    #[test]
    fn durations_dates_and_times_are_read_or_refused() {
        assert_eq!(duration_us("3d"), Some(3 * 86_400_000_000));
        assert_eq!(duration_us("2w"), Some(14 * 86_400_000_000));
        assert_eq!(duration_us("90m"), Some(5_400_000_000));
        for text in ["", "0d", "-3d", "3", "401d", "3 months", "soon"] {
            assert_eq!(duration_us(text), None, "{text}");
        }
        assert_eq!(minute("09:30"), Some(570));
        for text in ["9:30", "24:00", "09:60", "0930", "ab:cd", "+9:30"] {
            assert_eq!(minute(text), None, "{text}");
        }
        let berlin = zone("Europe/Berlin").expect("a zone");
        assert_eq!(date_time("2026-12-01", -7, 540, &berlin), Some(time("2026-11-24T08:00:00Z")));
        assert_eq!(date_time("2026-12-01T23:30:00Z", 0, 540, &berlin), Some(time("2026-12-02T08:00:00Z")));
        assert_eq!(date_time("tomorrow", 0, 540, &berlin), None);
    }
}
