//! The closed set of error codes, and what each is on gRPC and on HTTP.

use http::StatusCode;

/// What kind of error it is. The two answers of each stand in [`Code::carriers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request itself is wrong; the same again fails again.
    InvalidArgument,
    /// No key, or one that is not valid.
    Unauthenticated,
    /// The key is valid but may not do this.
    PermissionDenied,
    /// No such thing, or not for this caller.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// It exists already.
    AlreadyExists,
    /// The idempotency key was used before with another body.
    KeyReused,
    /// `if_sequence` did not hold.
    Aborted,
    /// The cursor is older than what is kept.
    OutOfRange,
    /// Too many requests, or too much waiting already.
    ResourceExhausted,
    /// Not now; the same again later.
    Unavailable,
    /// Valid, but not in this state.
    FailedPrecondition,
    /// A defect of ours.
    Internal,
    /// The body is larger than this door takes.
    PayloadTooLarge,
    /// The body is of a type that this door does not read.
    UnsupportedMediaType,
    /// The client was too slow to send its request.
    RequestTimeout,
    /// We were too slow to answer.
    DeadlineExceeded,
}

/// One code, as each carrier says it.
#[derive(Clone, Copy, Debug)]
pub struct Carriers {
    /// gRPC status code.
    pub grpc: tonic::Code,
    /// HTTP status.
    pub http: StatusCode,
    /// Title of the problem document.
    pub title: &'static str,
    /// Reason where the error gives none.
    pub reason: &'static str,
}

impl Code {
    /// Every code.
    pub const ALL: [Code; 17] = [
        Code::InvalidArgument,
        Code::Unauthenticated,
        Code::PermissionDenied,
        Code::NotFound,
        Code::MethodNotAllowed,
        Code::AlreadyExists,
        Code::KeyReused,
        Code::Aborted,
        Code::OutOfRange,
        Code::ResourceExhausted,
        Code::Unavailable,
        Code::FailedPrecondition,
        Code::Internal,
        Code::PayloadTooLarge,
        Code::UnsupportedMediaType,
        Code::RequestTimeout,
        Code::DeadlineExceeded,
    ];

    /// The one table.
    #[must_use]
    pub const fn carriers(self) -> Carriers {
        use StatusCode as H;
        use tonic::Code as G;
        let (grpc, http, title, reason) = match self {
            Code::InvalidArgument => {
                (G::InvalidArgument, H::BAD_REQUEST, "The request is not valid", "INVALID_ARGUMENT")
            }
            Code::Unauthenticated => (G::Unauthenticated, H::UNAUTHORIZED, "No valid key", "UNAUTHENTICATED"),
            Code::PermissionDenied => (G::PermissionDenied, H::FORBIDDEN, "Not allowed", "PERMISSION_DENIED"),
            Code::NotFound => (G::NotFound, H::NOT_FOUND, "Not found", "NOT_FOUND"),
            Code::MethodNotAllowed => {
                (G::Unimplemented, H::METHOD_NOT_ALLOWED, "Method not allowed", "METHOD_NOT_ALLOWED")
            }
            Code::AlreadyExists => (G::AlreadyExists, H::CONFLICT, "It exists already", "ALREADY_EXISTS"),
            Code::KeyReused => {
                (G::AlreadyExists, H::UNPROCESSABLE_ENTITY, "Idempotency key used before", "IDEMPOTENCY_KEY_REUSED")
            }
            Code::Aborted => (G::Aborted, H::CONFLICT, "It changed in the meantime", "ABORTED"),
            Code::OutOfRange => (G::OutOfRange, H::GONE, "No longer kept", "OUT_OF_RANGE"),
            Code::ResourceExhausted => {
                (G::ResourceExhausted, H::TOO_MANY_REQUESTS, "Too many requests", "RESOURCE_EXHAUSTED")
            }
            Code::Unavailable => (G::Unavailable, H::SERVICE_UNAVAILABLE, "Not available now", "UNAVAILABLE"),
            Code::FailedPrecondition => {
                (G::FailedPrecondition, H::CONFLICT, "Not in this state", "FAILED_PRECONDITION")
            }
            Code::Internal => (G::Internal, H::INTERNAL_SERVER_ERROR, "Internal error", "INTERNAL"),
            Code::PayloadTooLarge => {
                (G::ResourceExhausted, H::PAYLOAD_TOO_LARGE, "The body is too large", "PAYLOAD_TOO_LARGE")
            }
            Code::UnsupportedMediaType => {
                (G::InvalidArgument, H::UNSUPPORTED_MEDIA_TYPE, "Type of body not supported", "UNSUPPORTED_MEDIA_TYPE")
            }
            Code::RequestTimeout => {
                (G::DeadlineExceeded, H::REQUEST_TIMEOUT, "The request came too slowly", "REQUEST_TIMEOUT")
            }
            Code::DeadlineExceeded => {
                (G::DeadlineExceeded, H::GATEWAY_TIMEOUT, "Not answered in time", "DEADLINE_EXCEEDED")
            }
        };
        Carriers { grpc, http, title, reason }
    }
}
