//! Errors of the public surface: one small closed set of codes, mapped once to gRPC and once to HTTP, so that the two
//! doors cannot drift apart. What is told to a client never carries personal data or the inside of the system.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::pg::{FailureKind, PgError};
use crate::seldom::Seldom;

mod carriers;
mod code;

pub use carriers::{FieldProblem, Problem};
pub use code::{Carriers, Code};

/// `ErrorInfo.domain` of every error.
pub const DOMAIN: &str = "leadflow";

/// One field of the request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer into the body (`/events/3/email`), or a path of the protobuf message (`events[3].email`).
    pub pointer: String,
    /// What is wrong and what would be right; never the value.
    pub message: String,
}

/// An error as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct ApiError {
    /// Decides the two status codes.
    pub code: Code,
    /// `UPPER_SNAKE`; a stable name that programs may match on.
    pub reason: &'static str,
    /// One sentence for a person: what, and what to do about it.
    pub message: String,
    /// Which fields are wrong.
    pub fields: Vec<FieldError>,
    /// When the same again may succeed.
    pub retry_after: Option<Duration>,
    /// Further facts by name ("oldest_cursor").
    pub metadata: BTreeMap<String, String>,
}

impl ApiError {
    /// An error with the code's own reason.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: code.carriers().reason,
            message: message.into(),
            fields: Vec::new(),
            retry_after: None,
            metadata: BTreeMap::new(),
        }
    }

    /// One field is wrong.
    #[must_use]
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (pointer, message) = (field.into(), message.into());
        let mut error = Self::new(Code::InvalidArgument, format!("{pointer}: {message}"));
        error.fields.push(FieldError { pointer, message });
        error
    }

    /// The same about a field that has another name on this carrier.
    #[must_use]
    pub fn rename(mut self, from: &str, to: &str) -> Self {
        if let Some(rest) = self.message.strip_prefix(from) {
            self.message = format!("{to}{rest}");
        }
        for field in self.fields.iter_mut().filter(|field| field.pointer == from) {
            to.clone_into(&mut field.pointer);
        }
        self
    }

    /// Several fields are wrong.
    #[must_use]
    pub fn invalid_fields(fields: Vec<FieldError>) -> Self {
        let message = match fields.as_slice() {
            [one] => format!("{}: {}", one.pointer, one.message),
            many => format!("{} fields are not valid", many.len()),
        };
        Self { fields, ..Self::new(Code::InvalidArgument, message) }
    }

    /// No valid key.
    #[must_use]
    pub fn unauthenticated(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::Unauthenticated, message).with_reason(reason)
    }

    /// The key may not do this.
    #[must_use]
    pub fn permission_denied(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::PermissionDenied, message).with_reason(reason)
    }

    /// No such thing: `what` is its kind ("order").
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("no such {what}"))
    }

    /// It exists already: `what` is its kind.
    #[must_use]
    pub fn already_exists(what: &str) -> Self {
        Self::new(Code::AlreadyExists, format!("this {what} exists already"))
    }

    /// The idempotency key came before with another body.
    #[must_use]
    pub fn idempotency_key_reused() -> Self {
        Self::new(Code::KeyReused, "this idempotency key was used within 24 hours with another body; use a new one")
    }

    /// `if_sequence` did not hold.
    #[must_use]
    pub fn aborted(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::Aborted, message).with_reason(reason)
    }

    /// Older than what is kept.
    #[must_use]
    pub fn out_of_range(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::OutOfRange, message).with_reason(reason)
    }

    /// Too much; the same again after `retry_after`.
    #[must_use]
    pub fn resource_exhausted(reason: &'static str, message: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(Code::ResourceExhausted, message).with_reason(reason).with_retry_after(retry_after)
    }

    /// Not now; the same again after two seconds.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, message).with_retry_after(Duration::from_secs(2))
    }

    /// Valid, but not in this state.
    #[must_use]
    pub fn failed_precondition(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, message).with_reason(reason)
    }

    /// A defect of ours. Logged here, with the cause; the client hears nothing of it but the request id.
    #[must_use]
    pub fn internal(what: &'static str, cause: impl std::fmt::Display) -> Self {
        let request_id = crate::http::current_request_id().unwrap_or_default();
        tracing::error!(request_id, "{what}: {cause:#}");
        Self::new(Code::Internal, "an internal error; the request id finds it in our log")
    }

    /// The body is larger than this door takes.
    #[must_use]
    pub fn payload_too_large(limit_bytes: usize) -> Self {
        Self::new(Code::PayloadTooLarge, format!("the body is larger than {limit_bytes} bytes"))
    }

    /// The body is of a type that this door does not read.
    #[must_use]
    pub fn unsupported_media_type(expected: &str) -> Self {
        Self::new(Code::UnsupportedMediaType, format!("expected {expected}"))
    }

    /// With a reason of its own (`UPPER_SNAKE`).
    #[must_use]
    pub fn with_reason(mut self, reason: &'static str) -> Self {
        self.reason = reason;
        self
    }

    /// With the time after which the same again may succeed.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Duration) -> Self {
        self.retry_after = Some(retry_after);
        self
    }

    /// With a further fact.
    #[must_use]
    pub fn with_metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }
}

/// What no table can hold came with the request: a NUL in a text, a time before -4713. Ours have neither.
fn of_the_caller(error: &PgError) -> bool {
    matches!(error.source, sqlx::Error::Encode(_))
        || error.sqlstate().is_some_and(|code| ["22021", "22P05", "22008"].contains(&code.as_str()))
}

impl From<PgError> for ApiError {
    fn from(error: PgError) -> Self {
        match error.kind {
            FailureKind::Data if of_the_caller(&error) => ApiError::new(
                Code::InvalidArgument,
                "a text of the request has a NUL character, or a time in it lies outside of the years that are kept",
            ),
            FailureKind::Data => ApiError::internal("the database refused our own data", &error),
            FailureKind::Transient | FailureKind::Stop => {
                // Whoever asks often hears it often; the log does not, and that the database is away stands there already.
                static SAID: Seldom = Seldom::new(Duration::from_secs(60));
                let is_told = error.is_disconnect() && !matches!(error.source, sqlx::Error::PoolTimedOut);
                if !is_told && SAID.may_say() {
                    tracing::warn!("answered 503, the database is not available: {error}");
                } else {
                    tracing::debug!("answered 503, the database is not available: {error}");
                }
                ApiError::unavailable("the database is not available at the moment, try again")
            }
        }
    }
}
