//! Points as an author writes them (`2.5`) and as they are counted: in thousandths, in integers. No float takes part in
//! a score.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::source_when::Text;

/// Most points that a rule, a cap or a threshold may name. Together with the limit on the sum of all caps it keeps every
/// line of an explanation inside 32 bits of milli-points.
pub(super) const MOST_POINTS: i32 = 100_000;

/// Milli-points: 1 point = 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Points(pub(super) i32);

impl fmt::Display for Points {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&in_points(i64::from(self.0)))
    }
}

/// Milli-points as people read them: `2.5`, `-10`.
pub fn in_points(milli: i64) -> String {
    let sign = if milli < 0 { "-" } else { "" };
    let (whole, rest) = (milli.unsigned_abs() / 1000, milli.unsigned_abs() % 1000);
    if rest == 0 {
        return format!("{sign}{whole}");
    }
    let decimals = format!("{rest:03}");
    format!("{sign}{whole}.{}", decimals.trim_end_matches('0'))
}

/// What YAML gave as a number, exactly as it was written: the shortest text of a float is what the author typed, so
/// `0.1` is one hundred milli-points and not a little more.
fn parse(text: &str) -> Option<i32> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let decimals = decimals.trim_end_matches('0');
    if decimals.len() > 3 || whole.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let thousandths: i32 = format!("{decimals:0<3}").parse().ok()?;
    let milli = whole.parse::<i32>().ok().filter(|&whole| whole <= MOST_POINTS)? * 1000 + thousandths;
    (milli <= MOST_POINTS * 1000).then_some(if negative { -milli } else { milli })
}

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_any(NumberText)?;
        parse(&text).map(Points).ok_or_else(|| D::Error::custom(POINTS_ARE))
    }
}

/// Said wherever a number cannot be points.
pub(super) const POINTS_ARE: &str = "points are a number from -100000 to 100000 with at most three decimals";

impl JsonSchema for Points {
    fn schema_name() -> Cow<'static, str> {
        "Points".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Points, at most three decimals.",
            "type": "number",
            "minimum": -MOST_POINTS,
            "maximum": MOST_POINTS,
            // Ours: how many decimals. `multipleOf` would make editors fail on floats such as 0.3.
            "x-decimals": 3,
        })
    }
}

/// Takes a number and gives its text.
struct NumberText;

impl Visitor<'_> for NumberText {
    type Value = String;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a number")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<String, E> {
        Ok(number.to_string())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarText).map(Text)
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A text; a number or truth value is taken as its text.",
            "type": ["string", "number", "boolean"],
            "maxLength": 1000,
        })
    }
}

/// Takes any scalar and gives the text that an event's property would have for it: whole numbers without a point.
struct ScalarText;

impl Visitor<'_> for ScalarText {
    type Value = String;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text, number or truth value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        NumberText.visit_i64(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
        NumberText.visit_u64(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<String, E> {
        NumberText.visit_f64(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_exactly_or_not_at_all() {
        for (text, milli) in [
            ("0", Some(0)),
            ("5", Some(5_000)),
            ("-10", Some(-10_000)),
            ("0.1", Some(100)),
            ("2.345", Some(2_345)),
            ("-0.001", Some(-1)),
            ("2.3400", Some(2_340)),
            ("100000", Some(100_000_000)),
            ("100000.001", None),
            ("0.0001", None),
            ("1e3", None),
            ("NaN", None),
            ("inf", None),
            ("", None),
            (".5", None),
            ("99999999999999999999", None),
            ("1.2.3", None),
        ] {
            assert_eq!(parse(text), milli, "{text}");
        }
    }

    #[test]
    fn points_are_written_as_they_were_read() {
        for text in ["0", "5", "-10", "0.1", "2.345", "-0.001", "100000"] {
            assert_eq!(Points(parse(text).expect("points")).to_string(), text);
        }
    }
}
