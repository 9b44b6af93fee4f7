//! Figures in words: points, times, counts. Pure.

/// Thousandths as a decimal with sign: 12500 -> "+12.5".
pub(crate) fn signed_points(milli: i32) -> String {
    let sign = if milli < 0 { '-' } else { '+' };
    format!("{sign}{}", decimal(i64::from(milli).abs()))
}

/// Thousandths as a decimal: 12500 -> "12.5".
pub(crate) fn points(milli: i32) -> String {
    decimal(i64::from(milli))
}

/// Millionths of a lead as a decimal of thousandths, the sign kept: -300000 -> "-0.3".
pub(crate) fn leads(micro: i64) -> String {
    decimal(micro / 1000)
}

/// As [`leads`], with its sign always: 300000 -> "+0.3".
pub(crate) fn signed_leads(micro: i64) -> String {
    let milli = micro / 1000;
    if milli <= 0 { decimal(milli) } else { format!("+{}", decimal(milli)) }
}

fn decimal(milli: i64) -> String {
    let sign = if milli < 0 { "-" } else { "" };
    let milli = milli.unsigned_abs();
    let (whole, rest) = (milli / 1000, milli % 1000);
    if rest == 0 {
        return format!("{sign}{whole}");
    }
    let rest = format!("{rest:03}");
    format!("{sign}{whole}.{}", rest.trim_end_matches('0'))
}

/// "1 event", "3 events".
pub(crate) fn count(number: impl TryInto<u64>, what: &str) -> String {
    match number.try_into().unwrap_or_default() {
        1 => format!("1 {what}"),
        number if what.ends_with('y') => format!("{number} {}ies", what.trim_end_matches('y')),
        number => format!("{number} {what}s"),
    }
}

/// A protobuf time as RFC 3339 in UTC to the second; a dash if absent.
pub(crate) fn time(at: Option<&pbjson_types::Timestamp>) -> String {
    at.and_then(|at| jiff::Timestamp::new(at.seconds, at.nanos).ok())
        .map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_decimal_without_rounding() {
        assert_eq!(points(12_500), "12.5");
        assert_eq!(points(-7), "-0.007");
        assert_eq!(points(i32::MIN), "-2147483.648");
        assert_eq!(signed_points(-1500), "-1.5");
        assert_eq!(signed_points(40_000), "+40");
        assert_eq!(signed_points(i32::MIN), "-2147483.648");
    }

    #[test]
    fn a_share_below_one_keeps_its_sign() {
        assert_eq!(leads(-300_000), "-0.3");
        assert_eq!(leads(-1_250_000), "-1.25");
        assert_eq!(leads(30_000_000), "30");
        assert_eq!(
            (signed_leads(-300_000), signed_leads(300_000), signed_leads(0)),
            ("-0.3".into(), "+0.3".into(), "0".into())
        );
    }

    #[test]
    fn one_is_one() {
        assert_eq!(count(1, "event"), "1 event");
        assert_eq!(count(0, "event"), "0 events");
        assert_eq!(count(2_usize, "timeline entry"), "2 timeline entries");
        assert_eq!(count(-3, "lead"), "0 leads");
    }
}
