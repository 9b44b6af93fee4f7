//! Times: nanoseconds on the wire, microseconds in PostgreSQL. The domain sees microseconds only, so that a time compares
//! the same before and after it was stored.

use jiff::Timestamp;

/// Microseconds since 1970.
#[must_use]
pub fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// The time so many microseconds after 1970; what is out of range becomes the end of the range.
#[must_use]
pub fn from_micros(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// A wire time in whole microseconds, rounded down; none if there is none or it is not in the years 1 to 9999.
#[must_use]
pub fn from_proto_time(time: Option<&pbjson_types::Timestamp>) -> Option<Timestamp> {
    let time = time?;
    let whole = Timestamp::new(time.seconds, time.nanos).ok()?;
    let floor = Timestamp::from_microsecond(whole.as_nanosecond().div_euclid(1000).try_into().ok()?).ok()?;
    // What PostgreSQL and every calendar can hold.
    (floor.as_second() >= -62_135_596_800).then_some(floor)
}

/// The wire's form.
#[must_use]
pub fn to_proto_time(time: Timestamp) -> pbjson_types::Timestamp {
    let (seconds, nanos) = (time.as_second(), time.subsec_nanosecond());
    // The wire counts nanoseconds upwards, jiff towards zero.
    if nanos < 0 {
        pbjson_types::Timestamp { seconds: seconds - 1, nanos: nanos + 1_000_000_000 }
    } else {
        pbjson_types::Timestamp { seconds, nanos }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_wire_also_before_1970() {
        for text in ["2026-11-24T09:00:00.123456Z", "1969-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"] {
            let time: Timestamp = text.parse().expect("a time");
            assert_eq!(from_proto_time(Some(&to_proto_time(time))), Some(time), "{text}");
            assert_eq!(from_micros(micros(time)), time);
        }
        let nanos = pbjson_types::Timestamp { seconds: 1, nanos: 1_999 };
        assert_eq!(from_proto_time(Some(&nanos)).map(micros), Some(1_000_001));
        for (seconds, nanos) in [(i64::MAX, 0), (-62_135_596_801, 0)] {
            assert_eq!(from_proto_time(Some(&pbjson_types::Timestamp { seconds, nanos })), None);
        }
        assert_eq!(from_proto_time(None), None);
    }
}
