//! Nested JSON objects as flat text, within bounds: what rules and timelines read.

use std::borrow::Cow;

use super::json::{self, Json};
use super::limits;
use super::reject::{Reason, Reject, pointer_step};

/// Flat text of an object: nested objects become dotted keys, numbers and booleans their JSON text, arrays and objects
/// nested deeper than [`limits::FLATTEN_DEPTH`] stay JSON text; `null` and empty objects are left out.
pub type Fields<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Flattens the object `raw` into `out`; `pointer` is where it stands ("/properties").
///
/// # Errors
/// `TOO_MANY_FIELDS` over [`limits::FIELDS`] or for a key over [`limits::NAME_BYTES`]; `NUL_CHARACTER`; `INVALID_JSON`.
pub fn flatten<'a>(raw: &'a str, pointer: &'static str, out: &mut Fields<'a>) -> Result<(), Reject> {
    flatten_below(raw, "", pointer, 1, out)
}

fn flatten_below<'a>(
    raw: &'a str,
    prefix: &str,
    pointer: &str,
    level: usize,
    out: &mut Fields<'a>,
) -> Result<(), Reject> {
    json::members(raw, |key, value| {
        let full = if prefix.is_empty() { key.clone() } else { Cow::Owned(format!("{prefix}.{key}")) };
        let step = || pointer_step(pointer, &key);
        if full.len() > limits::NAME_BYTES || out.len() >= limits::FIELDS {
            let message = "at most 512 fields with names of at most 256 bytes: send fewer";
            return Err(Reject { reason: Reason::TooManyFields, pointer: step().into(), message: message.into() });
        }
        if key.contains('\0') {
            let message = "U+0000 cannot be kept: remove it";
            return Err(Reject {
                reason: Reason::NulCharacter,
                pointer: pointer.to_owned().into(),
                message: message.into(),
            });
        }
        match Json::of(value, step)? {
            Json::Null => {}
            Json::Text(text) => out.push((full, text)),
            Json::Bool(_) | Json::Number(_) => out.push((full, Cow::Borrowed(value.get()))),
            Json::Object(inner) if level < limits::FLATTEN_DEPTH => {
                flatten_below(inner, &full, &pointer_step(pointer, &key), level + 1, out)?;
            }
            Json::Array(inner) | Json::Object(inner) => {
                if json::has_escaped_nul(inner) {
                    let message = "U+0000 cannot be kept: remove it";
                    return Err(Reject {
                        reason: Reason::NulCharacter,
                        pointer: step().into(),
                        message: message.into(),
                    });
                }
                out.push((full, Cow::Borrowed(inner)));
            }
        }
        Ok(())
    })
}

/// Sorts by key and keeps the last of those that came twice, as protobuf maps and JSON readers do.
pub fn tidy(fields: &mut Fields<'_>) {
    fields.sort_by(|left, right| left.0.cmp(&right.0));
    fields.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            std::mem::swap(&mut later.1, &mut kept.1);
        }
        same
    });
}
