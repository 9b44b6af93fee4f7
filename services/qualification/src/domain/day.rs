//! A UTC day as a number. Decay goes in day steps, so scoring knows no hours; it never asks what day it is.

use jiff::Timestamp;

const SECONDS_PER_DAY: i64 = 86_400;

/// Days since 1970-01-01 in UTC; negative before. The calendar of scoring: an act belongs to the day on which it
/// occurred, whatever the zone of the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Day(pub i32);

impl Day {
    /// The UTC day that contains `at`.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        // jiff's range is years -9999 to 9999, about +-4.4 million days.
        let seconds = at.as_nanosecond().div_euclid(1_000_000_000).div_euclid(i128::from(SECONDS_PER_DAY));
        Self(i32::try_from(seconds).expect("every jiff timestamp lies within +-5 million days"))
    }

    /// The day `days` later (earlier if negative); stops at the ends of `i32`.
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// How many days lie between `earlier` and this day; negative if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0 as i64 - earlier.0 as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_starts_at_midnight_utc_also_before_1970() {
        for (text, day) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T23:59:59.999999999Z", 0),
            ("1970-01-02T00:00:00Z", 1),
            ("1969-12-31T23:59:59.999999999Z", -1),
            ("2000-03-01T12:00:00Z", 11_017),
            ("2026-11-24T00:30:00+01:00", 20_780),
            ("0001-01-01T00:00:00Z", -719_162),
        ] {
            let at: Timestamp = text.parse().expect("a timestamp");
            assert_eq!(Day::of(at), Day(day), "{text}");
        }
        assert_eq!(Day::of(Timestamp::MAX).since(Day::of(Timestamp::MIN)) / 365, 20_012);
    }
}
