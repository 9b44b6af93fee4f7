//! Why an event was not taken: a code that never changes, the field, and a sentence that says what to do. The same three
//! go to the sender and onto the topic `rejected`.

use std::borrow::Cow;

/// The codes, public and documented: they stand in answers, on the topic and in metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Not JSON, or not UTF-8.
    InvalidJson,
    /// JSON, but no object where one is needed.
    NotAnObject,
    /// More than 64 objects and arrays inside each other.
    JsonTooDeep,
    /// A string holds U+0000, which no database column takes.
    NulCharacter,
    /// One event is over 32 KiB.
    EventTooLarge,
    /// More events than one request may carry.
    TooManyEvents,
    /// More properties or traits than an event may have, or a name over 256 bytes.
    TooManyFields,
    /// A required field is absent or empty.
    MissingField,
    /// Nothing says who did it.
    MissingIdentifier,
    /// An id, an e-mail address or a phone number is not one.
    InvalidIdentifier,
    /// A field has another JSON type than it must have.
    WrongType,
    /// No such kind of call.
    UnknownType,
    /// A time is not ISO 8601, or lies outside the years 1970 to 9999.
    InvalidTimestamp,
    /// More than 24 hours ahead.
    TimestampInFuture,
    /// A name or message id over 256 bytes.
    TooLong,
    /// The field that people do not see was filled.
    Honeypot,
    /// The body is no form of the kind its content type says.
    InvalidForm,
    /// No MIME message.
    InvalidMime,
    /// Over the depth, part or header limits of MIME.
    MimeTooComplex,
    /// A bounce or complaint that does not say whose mail it was.
    UnknownRecipient,
    /// A mail came to a hook that has no mailbox.
    NoMailbox,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 21] = [
        Self::InvalidJson,
        Self::NotAnObject,
        Self::JsonTooDeep,
        Self::NulCharacter,
        Self::EventTooLarge,
        Self::TooManyEvents,
        Self::TooManyFields,
        Self::MissingField,
        Self::MissingIdentifier,
        Self::InvalidIdentifier,
        Self::WrongType,
        Self::UnknownType,
        Self::InvalidTimestamp,
        Self::TimestampInFuture,
        Self::TooLong,
        Self::Honeypot,
        Self::InvalidForm,
        Self::InvalidMime,
        Self::MimeTooComplex,
        Self::UnknownRecipient,
        Self::NoMailbox,
    ];

    /// UPPER_SNAKE.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidJson => "INVALID_JSON",
            Self::NotAnObject => "NOT_AN_OBJECT",
            Self::JsonTooDeep => "JSON_TOO_DEEP",
            Self::NulCharacter => "NUL_CHARACTER",
            Self::EventTooLarge => "EVENT_TOO_LARGE",
            Self::TooManyEvents => "TOO_MANY_EVENTS",
            Self::TooManyFields => "TOO_MANY_FIELDS",
            Self::MissingField => "MISSING_FIELD",
            Self::MissingIdentifier => "MISSING_IDENTIFIER",
            Self::InvalidIdentifier => "INVALID_IDENTIFIER",
            Self::WrongType => "WRONG_TYPE",
            Self::UnknownType => "UNKNOWN_TYPE",
            Self::InvalidTimestamp => "INVALID_TIMESTAMP",
            Self::TimestampInFuture => "TIMESTAMP_IN_FUTURE",
            Self::TooLong => "TOO_LONG",
            Self::Honeypot => "HONEYPOT",
            Self::InvalidForm => "INVALID_FORM",
            Self::InvalidMime => "INVALID_MIME",
            Self::MimeTooComplex => "MIME_TOO_COMPLEX",
            Self::UnknownRecipient => "UNKNOWN_RECIPIENT",
            Self::NoMailbox => "NO_MAILBOX",
        }
    }

    /// Whether the sender is told that the body is too large (413) instead of wrong (400).
    #[must_use]
    pub const fn is_size(self) -> bool {
        matches!(self, Self::EventTooLarge)
    }
}

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The code.
    pub reason: Reason,
    /// JSON pointer of the field (RFC 6901), or the field's name in forms; empty for the whole.
    pub pointer: Cow<'static, str>,
    /// What is wrong and what to do. Never holds what was sent.
    pub message: Cow<'static, str>,
}

impl Reject {
    /// A refusal of the field at `pointer`.
    #[must_use]
    pub fn new(reason: Reason, pointer: &'static str, message: &'static str) -> Self {
        Self { reason, pointer: Cow::Borrowed(pointer), message: Cow::Borrowed(message) }
    }

    /// The same below `prefix` ("/batch/3").
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        if !prefix.is_empty() {
            self.pointer = Cow::Owned(format!("{prefix}{}", self.pointer));
        }
        self
    }
}

/// One step of a JSON pointer: `~` and `/` escaped, at most 64 bytes of what was sent.
#[must_use]
pub fn pointer_step(parent: &str, key: &str) -> String {
    let shown = super::limits::prefix(key, 64);
    format!("{parent}/{}", shown.replace('~', "~0").replace('/', "~1"))
}
