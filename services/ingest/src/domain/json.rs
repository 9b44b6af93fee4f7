//! JSON read in place: an object is walked member by member, each value stays a slice of the body until somebody wants
//! it. Nothing is built that the event does not keep. The grammar is serde_json's; the limits are ours.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::limits;
use super::reject::{Reason, Reject};

/// One JSON value, not yet walked.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` and `false`.
    Bool(bool),
    /// A number as it was written.
    Number(&'a str),
    /// A string, unescaped; without U+0000.
    Text(Cow<'a, str>),
    /// An array as it was written.
    Array(&'a str),
    /// An object as it was written.
    Object(&'a str),
}

impl<'a> Json<'a> {
    /// Looks at a value. `pointer` makes the field's JSON pointer, if it must be named.
    ///
    /// # Errors
    /// `INVALID_JSON` for half of a surrogate pair, `NUL_CHARACTER` for U+0000.
    pub fn of(raw: &'a RawValue, pointer: impl FnOnce() -> String) -> Result<Self, Reject> {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'"') => unescape(text).map(Json::Text).map_err(|(reason, message)| Reject {
                reason,
                pointer: pointer().into(),
                message: message.into(),
            }),
            Some(b'{') => Ok(Json::Object(text)),
            Some(b'[') => Ok(Json::Array(text)),
            Some(b't') => Ok(Json::Bool(true)),
            Some(b'f') => Ok(Json::Bool(false)),
            Some(b'n') => Ok(Json::Null),
            _ => Ok(Json::Number(text)),
        }
    }
}

/// The text of a string literal with its quotes: borrowed unless it has escapes.
fn unescape(literal: &str) -> Result<Cow<'_, str>, (Reason, &'static str)> {
    let inner = &literal[1..literal.len() - 1];
    if !inner.as_bytes().contains(&b'\\') {
        return Ok(Cow::Borrowed(inner));
    }
    let text: String = serde_json::from_str(literal)
        .map_err(|_| (Reason::InvalidJson, "half of a surrogate pair: send well-formed Unicode"))?;
    if text.contains('\0') {
        return Err((Reason::NulCharacter, "U+0000 cannot be kept: remove it"));
    }
    Ok(Cow::Owned(text))
}

/// Whether a JSON text has an escaped U+0000 in one of its strings.
#[must_use]
pub fn has_escaped_nul(raw: &str) -> bool {
    let bytes = raw.as_bytes();
    raw.match_indices("\\u0000").any(|(at, _)| {
        let slashes = bytes[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        slashes % 2 == 0
    })
}

/// Refuses what is nested deeper than [`limits::JSON_DEPTH`]. Counts brackets first, which is enough for nearly all.
///
/// # Errors
/// `JSON_TOO_DEEP`.
pub fn check_depth(raw: &str) -> Result<(), Reject> {
    let opening = raw.bytes().map(|byte| usize::from(byte == b'{') + usize::from(byte == b'[')).sum::<usize>();
    if opening <= limits::JSON_DEPTH || depth(raw.as_bytes()) <= limits::JSON_DEPTH {
        return Ok(());
    }
    Err(Reject::new(Reason::JsonTooDeep, "", "more than 64 objects and arrays inside each other: flatten it"))
}

fn depth(bytes: &[u8]) -> usize {
    let (mut now, mut most, mut in_text, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                now += 1;
                most = most.max(now);
            }
            b'}' | b']' if !in_text => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// Calls `each` for the members of the object `raw`, in order; a key that comes twice is given twice.
///
/// # Errors
/// `INVALID_JSON` or `NOT_AN_OBJECT` (pointer empty), or what `each` refused.
pub fn members<'a, F>(raw: &'a str, each: F) -> Result<(), Reject>
where
    F: FnMut(Cow<'a, str>, &'a RawValue) -> Result<(), Reject>,
{
    if raw.trim_ascii_start().as_bytes().first() != Some(&b'{') {
        return Err(not_the_type(raw, "an object"));
    }
    let mut refused = None;
    let mut reader = serde_json::Deserializer::from_str(raw);
    let walked = (&mut reader).deserialize_map(Members { each, refused: &mut refused }).and_then(|()| reader.end());
    finish(walked, refused)
}

/// Calls `each` for the elements of the array `raw`, in order.
///
/// # Errors
/// `INVALID_JSON` or `WRONG_TYPE` (pointer empty), or what `each` refused.
pub fn elements<'a, F>(raw: &'a str, each: F) -> Result<(), Reject>
where
    F: FnMut(&'a RawValue) -> Result<(), Reject>,
{
    if raw.trim_ascii_start().as_bytes().first() != Some(&b'[') {
        return Err(Reject::new(Reason::WrongType, "", "must be an array"));
    }
    let mut refused = None;
    let mut reader = serde_json::Deserializer::from_str(raw);
    let walked = (&mut reader).deserialize_seq(Elements { each, refused: &mut refused }).and_then(|()| reader.end());
    finish(walked, refused)
}

fn not_the_type(raw: &str, wanted: &'static str) -> Reject {
    if serde_json::from_str::<serde::de::IgnoredAny>(raw).is_ok() {
        return Reject { reason: Reason::NotAnObject, pointer: "".into(), message: format!("must be {wanted}").into() };
    }
    Reject::new(Reason::InvalidJson, "", "the body is not JSON")
}

fn finish(walked: Result<(), serde_json::Error>, refused: Option<Reject>) -> Result<(), Reject> {
    match (refused, walked) {
        (Some(reject), _) => Err(reject),
        (None, Err(error)) => Err(Reject {
            reason: Reason::InvalidJson,
            pointer: "".into(),
            message: format!("not JSON at line {} column {}", error.line(), error.column()).into(),
        }),
        (None, Ok(())) => Ok(()),
    }
}

struct Members<'r, F> {
    each: F,
    refused: &'r mut Option<Reject>,
}

impl<'a, F> Visitor<'a> for Members<'_, F>
where
    F: FnMut(Cow<'a, str>, &'a RawValue) -> Result<(), Reject>,
{
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key)? {
            let value = map.next_value::<&'a RawValue>()?;
            if let Err(reject) = (self.each)(key, value) {
                *self.refused = Some(reject);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

struct Elements<'r, F> {
    each: F,
    refused: &'r mut Option<Reject>,
}

impl<'a, F> Visitor<'a> for Elements<'_, F>
where
    F: FnMut(&'a RawValue) -> Result<(), Reject>,
{
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(value) = seq.next_element::<&'a RawValue>()? {
            if let Err(reject) = (self.each)(value) {
                *self.refused = Some(reject);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

/// An object's key, borrowed unless it has escapes.
struct Key;

impl<'a> DeserializeSeed<'a> for Key {
    type Value = Cow<'a, str>;

    fn deserialize<D: serde::Deserializer<'a>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Key {
    type Value = Cow<'a, str>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'a str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}
