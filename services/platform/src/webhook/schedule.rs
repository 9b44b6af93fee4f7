//! When a message is tried again, and when an endpoint is given up. Pure: the caller brings attempt, number and clock.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// The wait before each attempt: at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. By the Standard Webhooks
/// specification 1.0, section "Deliverability and reliability"; about three days in all.
pub const SCHEDULE: [Duration; 10] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_secs(5 * MINUTE),
    Duration::from_secs(30 * MINUTE),
    Duration::from_secs(2 * HOUR),
    Duration::from_secs(5 * HOUR),
    Duration::from_secs(10 * HOUR),
    Duration::from_secs(14 * HOUR),
    Duration::from_secs(20 * HOUR),
    Duration::from_secs(24 * HOUR),
];

/// An endpoint that has only failed for so long is disabled.
pub const DEAD_AFTER: Duration = Duration::from_secs(5 * 24 * HOUR);

/// A `Retry-After` beyond this is taken for this: nobody puts a message off for a year.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * HOUR);

/// The wait before attempt number `attempt`, which is also how many attempts have failed: 0 is the first and waits for
/// nothing. `jitter` is any number that spreads messages (bits of the message's id, say); it lengthens the wait by 0 (for 0)
/// up to a tenth (for `u32::MAX`), so that an endpoint that comes back is not hit by everything at once. `None`: given up.
#[must_use]
pub fn delay(attempt: u16, jitter: u32) -> Option<Duration> {
    let wait = *SCHEDULE.get(usize::from(attempt))?;
    let tenth_in_millis = wait.as_secs() * 100;
    Some(wait + Duration::from_millis(tenth_in_millis * u64::from(jitter) / u64::from(u32::MAX)))
}

/// As [`delay`], but not before what the endpoint asked for (`after` of [`super::Delivery::Retry`]), up to
/// [`LONGEST_RETRY_AFTER`]. Asking for a pause grants no attempt more.
#[must_use]
pub fn next_delay(attempt: u16, jitter: u32, after: Option<Duration>) -> Option<Duration> {
    let asked = after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
    delay(attempt, jitter).map(|delay| delay.max(asked))
}

/// Whether an endpoint has failed for five days: `first_failure` is the first one since it last answered 2xx.
#[must_use]
pub fn endpoint_is_dead(first_failure: Timestamp, now: Timestamp) -> bool {
    now.duration_since(first_failure).try_into().is_ok_and(|failing: Duration| failing >= DEAD_AFTER)
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date in any of the three forms that RFC 9110, 5.6.7 makes a reader
/// accept. At most [`LONGEST_RETRY_AFTER`]; a date that has passed is zero; nonsense is `None`.
#[must_use]
pub fn parse_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number can hold is a long time, too.
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER));
    }
    let until = parse_http_date(value)?.duration_since(now);
    Some(Duration::try_from(until).unwrap_or_default().min(LONGEST_RETRY_AFTER))
}

fn parse_http_date(value: &str) -> Option<Timestamp> {
    if let Ok(timestamp) = DateTimeParser::new().parse_timestamp(value) {
        return Some(timestamp);
    }
    // RFC 850, then asctime.
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"].into_iter().find_map(|form| {
        let date = DateTime::strptime(form, value).ok()?;
        Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn the_schedule_is_the_specifications() {
        let hours = |hours: u64| hours * 3600;
        let expected =
            [0, 5, 300, 1800, hours(2), hours(5), hours(10), hours(14), hours(20), hours(24)].map(Duration::from_secs);
        for (attempt, expected) in (0..).zip(expected) {
            assert_eq!(delay(attempt, 0), Some(expected), "attempt {attempt}");
            assert_eq!(delay(attempt, u32::MAX), Some(expected * 11 / 10), "attempt {attempt}");
        }
        for given_up in [10, 11, u16::MAX] {
            assert_eq!(delay(given_up, 0), None);
            assert_eq!(next_delay(given_up, 0, Some(Duration::from_secs(1))), None, "a pause grants no attempt more");
        }
    }

    #[test]
    fn what_the_endpoint_asks_for_lengthens_and_never_shortens() {
        for (attempt, asked, expected) in [
            (1, None, 5),
            (1, Some(120), 120),
            (3, Some(120), 1800),
            (1, Some(365 * 24 * 3600), 24 * 3600),
            (0, Some(7), 7),
        ] {
            let delay = next_delay(attempt, 0, asked.map(Duration::from_secs));
            assert_eq!(delay, Some(Duration::from_secs(expected)), "attempt {attempt}, asked for {asked:?}");
        }
    }

    #[test]
    fn five_days_of_failures_are_the_end() {
        let first = at("2026-03-01T12:00:00Z");
        for (now, dead) in [
            ("2026-03-06T11:59:59.999Z", false),
            ("2026-03-06T12:00:00Z", true),
            ("2027-03-06T12:00:00Z", true),
            // The clock was set back.
            ("2026-02-01T12:00:00Z", false),
        ] {
            assert_eq!(endpoint_is_dead(first, at(now)), dead, "{now}");
        }
    }

    #[test]
    fn retry_after_in_all_its_forms() {
        let now = at("1994-11-06T08:48:37Z");
        let longest = LONGEST_RETRY_AFTER.as_secs();
        for (value, expected) in [
            ("120", Some(120)),
            (" 0\t", Some(0)),
            ("86401", Some(longest)),
            ("99999999999999999999999999", Some(longest)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(60)),
            ("Sun Nov  6 08:49:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:47:37 GMT", Some(0)),
            ("Mon, 06 Nov 2094 08:49:37 GMT", None),
            ("Sat, 06 Nov 2094 08:49:37 GMT", Some(longest)),
            ("", None),
            ("-5", None),
            ("+5", None),
            ("1.5", None),
            ("soon", None),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ] {
            assert_eq!(parse_retry_after(value, now), expected.map(Duration::from_secs), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn jitter_stays_within_a_tenth_and_grows_with_the_number(attempt in 0_u16..10, one: u32, other: u32) {
            let wait = SCHEDULE[usize::from(attempt)];
            let delays = [one.min(other), one.max(other)].map(|jitter| delay(attempt, jitter).expect("scheduled"));
            prop_assert!(wait <= delays[0] && delays[0] <= delays[1] && delays[1] <= wait * 11 / 10);
        }

        #[test]
        fn any_text_is_a_bounded_wait_or_none(value in ".*", seconds in -10_000_000_000_i64..10_000_000_000) {
            let now = Timestamp::from_second(seconds).expect("in range");
            prop_assert!(parse_retry_after(&value, now).is_none_or(|after| after <= LONGEST_RETRY_AFTER));
        }
    }
}
