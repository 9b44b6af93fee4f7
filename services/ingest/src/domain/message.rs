//! The members of one Segment-compatible call, as slices of the body: which call it is, who, when, and the objects that
//! are walked later. RudderStack's differences (originalTimestamp, sentAt per message) are read here too.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::json::{self, Json};
use super::limits;
use super::reject::{Reason, Reject};
use super::time;

/// The kinds of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Traits of a person.
    Identify,
    /// Something was done.
    Track,
    /// A page was seen.
    Page,
    /// A screen of an app was seen.
    Screen,
    /// A person belongs to a company.
    Group,
    /// Two ids are one person's.
    Alias,
}

impl Call {
    /// By the word of the protocol, or its first letter as in the short paths.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "identify" | "i" => Some(Self::Identify),
            "track" | "t" => Some(Self::Track),
            "page" | "p" => Some(Self::Page),
            "screen" | "s" => Some(Self::Screen),
            "group" | "g" => Some(Self::Group),
            "alias" | "a" => Some(Self::Alias),
            _ => None,
        }
    }

    /// The word of the protocol.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Track => "track",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Group => "group",
            Self::Alias => "alias",
        }
    }
}

/// One call. Texts are empty and objects `None` where the sender left them out or sent `null`.
#[derive(Debug, Default)]
pub struct Message<'a> {
    /// `type`; the path decides where it names one.
    pub call: Option<Call>,
    /// `event` of a track.
    pub event: Cow<'a, str>,
    /// `name` of a page or screen.
    pub name: Cow<'a, str>,
    /// `category` of a page or screen.
    pub category: Cow<'a, str>,
    /// `messageId`.
    pub message_id: Cow<'a, str>,
    /// `userId`.
    pub user_id: Cow<'a, str>,
    /// `anonymousId`.
    pub anonymous_id: Cow<'a, str>,
    /// `previousId`.
    pub previous_id: Cow<'a, str>,
    /// `groupId`.
    pub group_id: Cow<'a, str>,
    /// `timestamp`, else `originalTimestamp`: the sender's own time.
    pub original: Option<Timestamp>,
    /// `sentAt`.
    pub sent_at: Option<Timestamp>,
    /// `properties`.
    pub properties: Option<&'a str>,
    /// `traits`.
    pub traits: Option<&'a str>,
    /// `context`.
    pub context: Option<&'a str>,
    /// `writeKey`, for senders that cannot set headers.
    pub write_key: Cow<'a, str>,
}

/// Reads one call.
///
/// # Errors
/// `INVALID_JSON`, `NOT_AN_OBJECT`, `WRONG_TYPE`, `UNKNOWN_TYPE`, `INVALID_TIMESTAMP`, `TOO_LONG`, `NUL_CHARACTER`.
pub fn read(raw: &str) -> Result<Message<'_>, Reject> {
    let mut message = Message::default();
    let mut original_timestamp = None;
    json::members(raw, |key, value| {
        match key.as_ref() {
            "type" => message.call = call(value)?,
            "event" => message.event = name(value, "/event")?,
            "name" => message.name = name(value, "/name")?,
            "category" => message.category = name(value, "/category")?,
            "messageId" => message.message_id = name(value, "/messageId")?,
            "userId" => message.user_id = text(value, "/userId")?,
            "anonymousId" => message.anonymous_id = text(value, "/anonymousId")?,
            "previousId" => message.previous_id = text(value, "/previousId")?,
            "groupId" => message.group_id = text(value, "/groupId")?,
            "writeKey" => message.write_key = text(value, "/writeKey")?,
            "timestamp" => message.original = timestamp(value, "/timestamp")?,
            "originalTimestamp" => original_timestamp = timestamp(value, "/originalTimestamp")?,
            // A sentAt that cannot be read corrects nothing.
            "sentAt" => message.sent_at = timestamp(value, "/sentAt").unwrap_or(None),
            "properties" => message.properties = object(value, "/properties")?,
            "traits" => message.traits = object(value, "/traits")?,
            "context" => message.context = object(value, "/context")?,
            _ => {}
        }
        Ok(())
    })?;
    message.original = message.original.or(original_timestamp);
    Ok(message)
}

fn call(value: &RawValue) -> Result<Option<Call>, Reject> {
    let word = text(value, "/type")?;
    if word.is_empty() {
        return Ok(None);
    }
    let message = "must be identify, track, page, screen, group or alias";
    Call::from_name(&word).map(Some).ok_or_else(|| Reject::new(Reason::UnknownType, "/type", message))
}

/// A string, or a number as text: programs send numeric user ids.
fn text<'a>(value: &'a RawValue, pointer: &'static str) -> Result<Cow<'a, str>, Reject> {
    match Json::of(value, || pointer.to_owned())? {
        Json::Null => Ok(Cow::Borrowed("")),
        Json::Text(text) => Ok(text),
        Json::Number(text) => Ok(Cow::Borrowed(text)),
        _ => Err(Reject::new(Reason::WrongType, pointer, "must be a string")),
    }
}

fn name<'a>(value: &'a RawValue, pointer: &'static str) -> Result<Cow<'a, str>, Reject> {
    let text = text(value, pointer)?;
    if text.len() > limits::NAME_BYTES {
        return Err(Reject::new(Reason::TooLong, pointer, "at most 256 bytes: shorten it"));
    }
    Ok(text)
}

fn object<'a>(value: &'a RawValue, pointer: &'static str) -> Result<Option<&'a str>, Reject> {
    match value.get().as_bytes().first() {
        Some(b'{') => Ok(Some(value.get())),
        Some(b'n') => Ok(None),
        _ => Err(Reject::new(Reason::WrongType, pointer, "must be an object")),
    }
}

fn timestamp(value: &RawValue, pointer: &'static str) -> Result<Option<Timestamp>, Reject> {
    let wrong = || Reject::new(Reason::InvalidTimestamp, pointer, "must be ISO 8601, like 2026-11-23T10:00:00.000Z");
    match Json::of(value, || pointer.to_owned())? {
        Json::Null => Ok(None),
        Json::Text(text) if text.is_empty() => Ok(None),
        Json::Text(text) => time::parse(&text).map(Some).ok_or_else(wrong),
        Json::Number(text) => time::parse_number(text).map(Some).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}
