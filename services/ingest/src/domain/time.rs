//! When it happened: the sender's time corrected by the sender's clock skew, and the week that is part of the
//! deduplication key. There is no clock here: `received_at` comes from the door.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::reject::{Reason, Reject};

/// Week of an event whose original time is unknown or outside the window: Monday 0001-01-01, as days since 1970-01-01.
pub const UNDATED: i32 = -719_162;

const DAY_SECONDS: i64 = 86_400;
/// How far back an original time may lie and still have a week of its own.
const WINDOW_SECONDS: i64 = 26 * 7 * DAY_SECONDS;

/// The times of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// `received_at - (sent_at - original)`; the original where there is no `sent_at`; `received_at` where there is neither.
    pub occurred_at: Timestamp,
    /// When the door took it.
    pub received_at: Timestamp,
    /// Monday (UTC) of the original time in days since 1970-01-01, or [`UNDATED`].
    pub week: i32,
    /// The sender's own time, uncorrected: the same for every copy of an event.
    pub original: Option<Timestamp>,
}

impl Times {
    /// Corrects the skew and finds the week.
    ///
    /// # Errors
    /// `TIMESTAMP_IN_FUTURE` when the corrected time is more than 24 hours after `received_at`; `INVALID_TIMESTAMP` when it
    /// lies before 1970.
    pub fn of(original: Option<Timestamp>, sent: Option<Timestamp>, received_at: Timestamp) -> Result<Self, Reject> {
        let occurred_at = match (original, sent) {
            (Some(original), Some(sent)) => received_at
                .checked_sub(sent.duration_since(original))
                .map_err(|_| Reject::new(Reason::InvalidTimestamp, "", "outside the years 1970 to 9999"))?,
            (Some(original), None) => original,
            (None, _) => received_at,
        };
        if occurred_at < Timestamp::UNIX_EPOCH {
            return Err(Reject::new(Reason::InvalidTimestamp, "", "before 1970: send when it happened"));
        }
        if occurred_at.duration_since(received_at) > SignedDuration::from_hours(24) {
            let message = "more than 24 hours in the future: check the sender's clock, send sentAt";
            return Err(Reject::new(Reason::TimestampInFuture, "", message));
        }
        let week = original.map_or(UNDATED, |original| week(original, received_at));
        Ok(Self { occurred_at, received_at, week, original })
    }
}

/// Monday (UTC) of `original` in days since 1970-01-01 if it lies in [received_at - 26 weeks, received_at + 24 h].
#[must_use]
pub fn week(original: Timestamp, received_at: Timestamp) -> i32 {
    let (at, now) = (original.as_second(), received_at.as_second());
    if at < now - WINDOW_SECONDS || at > now + DAY_SECONDS {
        return UNDATED;
    }
    let day = at.div_euclid(DAY_SECONDS);
    // 1970-01-01 was a Thursday, three days after its Monday.
    i32::try_from(day - (day + 3).rem_euclid(7)).unwrap_or(UNDATED)
}

/// Reads ISO 8601 ("2026-11-23T10:00:00.000Z", "2026-11-23 10:00:00+01:00", "2026-11-23"); without an offset it is UTC.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim_ascii();
    text.parse::<Timestamp>().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

/// Reads a number of milliseconds (from the year 1973 on) or of seconds since 1970.
#[must_use]
pub fn parse_number(text: &str) -> Option<Timestamp> {
    let number: f64 = text.parse().ok()?;
    let millis = if number.abs() >= 1e11 { number } else { number * 1e3 };
    if !millis.is_finite() || millis.abs() >= 2.6e14 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded above; fractions of a millisecond are dropped")]
    Timestamp::from_millisecond(millis as i64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        parse(text).unwrap()
    }

    #[test]
    fn the_clock_skew_of_the_sender_is_taken_out() {
        // The sender's clock is an hour fast; the event happened five minutes before it was sent.
        let times =
            Times::of(Some(at("2026-11-23T11:55:00Z")), Some(at("2026-11-23T12:00:00Z")), at("2026-11-23T11:00:00Z"));
        assert_eq!(times.unwrap().occurred_at, at("2026-11-23T10:55:00Z"));
    }

    #[test]
    fn without_sent_at_the_time_stands_and_without_both_it_is_now() {
        let now = at("2026-11-23T11:00:00Z");
        assert_eq!(
            Times::of(Some(at("2026-11-20T01:00:00Z")), None, now).unwrap().occurred_at,
            at("2026-11-20T01:00:00Z")
        );
        let none = Times::of(None, Some(at("2026-11-20T01:00:00Z")), now).unwrap();
        assert_eq!((none.occurred_at, none.week), (now, UNDATED));
    }

    #[test]
    fn more_than_a_day_ahead_is_refused_and_a_day_is_not() {
        let now = at("2026-11-23T11:00:00Z");
        assert!(Times::of(Some(at("2026-11-24T11:00:00Z")), None, now).is_ok());
        let refused = Times::of(Some(at("2026-11-24T11:00:01Z")), None, now).unwrap_err();
        assert_eq!(refused.reason, Reason::TimestampInFuture);
    }

    #[test]
    fn a_week_begins_on_monday_utc_and_comes_from_the_original_time() {
        let now = at("2026-11-23T11:00:00Z");
        let monday = |text: &str| i32::try_from(at(text).as_second() / DAY_SECONDS).unwrap();
        let table = [
            ("2026-11-23T00:00:00Z", monday("2026-11-23")),
            ("2026-11-22T23:59:59Z", monday("2026-11-16")),
            ("2026-11-23T00:30:00+01:00", monday("2026-11-16")),
            ("2026-05-25T11:00:00Z", monday("2026-05-25")),
            ("2026-05-25T10:59:59Z", UNDATED),
            ("2026-11-24T11:00:00Z", monday("2026-11-23")),
            ("2026-11-24T11:00:01Z", UNDATED),
        ];
        for (original, expected) in table {
            assert_eq!(week(at(original), now), expected, "{original}");
        }
        // A clock that is a year fast: the time is mended, the week is not guessed.
        let fast = Times::of(Some(at("2027-11-23T10:00:00Z")), Some(at("2027-11-23T10:00:00Z")), now).unwrap();
        assert_eq!((fast.occurred_at, fast.week), (now, UNDATED));
    }

    #[test]
    fn undated_is_the_monday_that_begins_the_calendar() {
        assert_eq!(i64::from(UNDATED) * DAY_SECONDS, at("0001-01-01T00:00:00Z").as_second());
    }

    #[test]
    fn times_of_many_clients_are_read() {
        let expected = at("2026-11-23T10:00:00Z");
        for text in
            ["2026-11-23T10:00:00.000Z", "2026-11-23T11:00:00+01:00", "2026-11-23 10:00:00", " 2026-11-23T10:00:00"]
        {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        assert_eq!(parse("2026-11-23"), Some(at("2026-11-23T00:00:00Z")));
        assert_eq!(parse_number("1795428000000"), Some(expected));
        assert_eq!(parse_number("1795428000"), Some(expected));
        for text in ["", "yesterday", "2026-13-01T00:00:00Z"] {
            assert_eq!(parse(text), None, "{text}");
        }
        for text in ["1e400", "1e300", "-1e300"] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }

    #[test]
    fn extreme_times_are_refused_without_a_panic() {
        let now = at("2026-11-23T11:00:00Z");
        for (original, sent) in
            [(Timestamp::MIN, Timestamp::MAX), (Timestamp::MAX, Timestamp::MIN), (Timestamp::MIN, now)]
        {
            assert!(Times::of(Some(original), Some(sent), now).is_err());
        }
    }
}
