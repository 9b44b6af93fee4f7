//! `leadflow.ingest.v1.Event` as the domain reads it: times checked, structs flattened.

use std::borrow::Cow;

use jiff::Timestamp;
use leadflow_proto::ingest::v1::Event;
use pbjson_types::value::Kind;
use pbjson_types::{Struct, Value};
use prost::Message as _;

use crate::domain::flatten::Fields;
use crate::domain::limits;
use crate::domain::published::Published;
use crate::domain::reject::{Reason, Reject};

/// Reads an event.
///
/// # Errors
/// `EVENT_TOO_LARGE`, `INVALID_TIMESTAMP`, `TOO_MANY_FIELDS`, `NUL_CHARACTER`.
pub fn read(event: &Event) -> Result<Published<'_>, Reject> {
    if event.encoded_len() - event.text.len() > limits::EVENT_BYTES {
        return Err(Reject::new(Reason::EventTooLarge, "", "an event has at most 32 KiB without its text: send less"));
    }
    Ok(Published {
        message_id: &event.message_id,
        name: &event.r#type,
        anonymous_id: &event.anonymous_id,
        user_id: &event.user_id,
        email: &event.email,
        phone: &event.phone,
        previous_id: &event.previous_id,
        group_id: &event.group_id,
        occurred_at: timestamp(event.occurred_at.as_ref(), "occurred_at")?,
        sent_at: timestamp(event.sent_at.as_ref(), "sent_at")?,
        properties: flatten(event.properties.as_ref(), "properties")?,
        traits: flatten(event.traits.as_ref(), "traits")?,
        context: event.context.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        consent: event.consent.iter().map(|(purpose, given)| (purpose.as_str(), *given)).collect(),
        test: event.test,
        historical: event.historical,
        text: &event.text,
    })
}

fn timestamp(at: Option<&pbjson_types::Timestamp>, field: &'static str) -> Result<Option<Timestamp>, Reject> {
    let Some(at) = at else { return Ok(None) };
    let valid = (0..1_000_000_000).contains(&at.nanos);
    let read = Timestamp::new(at.seconds, at.nanos).ok().filter(|_| valid);
    read.map(Some).ok_or_else(|| Reject::new(Reason::InvalidTimestamp, field, "is no valid google.protobuf.Timestamp"))
}

fn flatten<'a>(from: Option<&'a Struct>, field: &'static str) -> Result<Fields<'a>, Reject> {
    let mut fields = Vec::new();
    if let Some(from) = from {
        flatten_below(from, "", field, 1, &mut fields)?;
    }
    Ok(fields)
}

fn flatten_below<'a>(
    from: &'a Struct,
    prefix: &str,
    field: &'static str,
    level: usize,
    out: &mut Fields<'a>,
) -> Result<(), Reject> {
    for (key, value) in &from.fields {
        let full = if prefix.is_empty() { Cow::Borrowed(key.as_str()) } else { Cow::Owned(format!("{prefix}.{key}")) };
        if full.len() > limits::NAME_BYTES || out.len() >= limits::FIELDS {
            let message = "at most 512 fields with names of at most 256 bytes: send fewer";
            return Err(Reject::new(Reason::TooManyFields, field, message));
        }
        let text = match value.kind.as_ref() {
            None | Some(Kind::NullValue(_)) => continue,
            Some(Kind::StringValue(text)) => Cow::Borrowed(text.as_str()),
            Some(Kind::BoolValue(flag)) => Cow::Borrowed(if *flag { "true" } else { "false" }),
            Some(Kind::NumberValue(number)) => Cow::Owned(number_text(*number)),
            Some(Kind::StructValue(inner)) if level < limits::FLATTEN_DEPTH => {
                flatten_below(inner, &full, field, level + 1, out)?;
                continue;
            }
            Some(Kind::StructValue(_) | Kind::ListValue(_)) => Cow::Owned(json_text(value, field)?),
        };
        if key.contains('\0') || text.contains('\0') || text.contains("\\u0000") && is_nested(value) {
            return Err(Reject::new(Reason::NulCharacter, field, "U+0000 cannot be kept: remove it"));
        }
        out.push((full, text));
    }
    Ok(())
}

fn is_nested(value: &Value) -> bool {
    matches!(value.kind, Some(Kind::StructValue(_) | Kind::ListValue(_)))
}

/// As JSON writes it: whole numbers without a point.
fn number_text(number: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
    if number.fract() == 0.0 && number.abs() < 9.0e15 { (number as i64).to_string() } else { number.to_string() }
}

fn json_text(value: &Value, field: &'static str) -> Result<String, Reject> {
    serde_json::to_string(value)
        .map_err(|_| Reject::new(Reason::WrongType, field, "has a number that JSON cannot write"))
}
