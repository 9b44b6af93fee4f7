//! What became of one attempt, and how it is told from what the HTTP client says. No text of the other side gets in here:
//! answers can hold anything.

use std::error::Error;
use std::io;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;

use super::address::NotPublic;
use super::endpoint::Refusal;
use super::schedule::parse_retry_after;

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Delivery {
    /// The endpoint answered 2xx; whether the body of its answer came is of no interest.
    Delivered {
        /// 200 to 299.
        status: u16,
    },
    /// Not delivered, as far as we know. To be tried again.
    Retry {
        /// Why.
        reason: Failure,
        /// What `Retry-After` of a 429 or 503 asked for, at most [`super::LONGEST_RETRY_AFTER`]: for [`super::next_delay`].
        after: Option<Duration>,
    },
    /// 410: the endpoint is gone and wants nothing any more, this message or another.
    Disabled,
    /// Not sent, and never will be.
    Refused {
        /// Why.
        reason: Refusal,
    },
}

/// Why an attempt failed that may succeed another time. The texts may be shown and stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Anything but 2xx, 3xx and 410.
    #[error("the endpoint answered {0}")]
    Status(u16),
    /// 3xx: where it points to is not followed, and not looked at.
    #[error("the endpoint answered {0}; redirects are not followed, enter the new address as the webhook's URL")]
    Redirect(u16),
    /// The name was not resolved.
    #[error("the name of the endpoint could not be resolved")]
    Name,
    /// No connection: refused, unreachable.
    #[error("could not connect to the endpoint: {0}")]
    Connect(io::ErrorKind),
    /// No connection within [`super::Limits::connect`], or no TLS on it.
    #[error("could not connect to the endpoint in time")]
    ConnectTimeout,
    /// A certificate that does not hold, or no TLS at all.
    #[error("no TLS with the endpoint: {0}")]
    Tls(&'static str),
    /// No answer within [`super::Limits::total`]. Whether the message was taken is unknown.
    #[error("the endpoint did not answer in time")]
    Timeout,
    /// The connection ended before the answer, or what came is no HTTP. Whether the message was taken is unknown.
    #[error("the endpoint gave no proper answer")]
    Cut,
}

impl Failure {
    /// One word for metrics and ledger rows; never changes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Failure::Status(_) => "status",
            Failure::Redirect(_) => "redirect",
            Failure::Name => "name",
            Failure::Connect(_) => "connect",
            Failure::ConnectTimeout => "connect_timeout",
            Failure::Tls(_) => "tls",
            Failure::Timeout => "timeout",
            Failure::Cut => "cut",
        }
    }
}

/// The verdict of an answer's head.
pub(super) fn of_answer(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Delivery {
    let code = status.as_u16();
    let retry = |reason| Delivery::Retry { reason, after: None };
    match code {
        200..=299 => Delivery::Delivered { status: code },
        300..=399 => retry(Failure::Redirect(code)),
        410 => Delivery::Disabled,
        429 | 503 => {
            let asked = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            Delivery::Retry {
                reason: Failure::Status(code),
                after: asked.and_then(|value| parse_retry_after(value, now)),
            }
        }
        _ => retry(Failure::Status(code)),
    }
}

/// The verdict of a request without an answer.
pub(super) fn of_error(error: &reqwest::Error) -> Delivery {
    if let Some(refused) = chain(error).find_map(|cause| cause.downcast_ref::<NotPublic>()) {
        return Delivery::Refused { reason: Refusal::Address(*refused) };
    }
    Delivery::Retry { reason: failure(error), after: None }
}

fn failure(error: &reqwest::Error) -> Failure {
    if let Some(tls) = chain(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return Failure::Tls(tls_words(tls));
    }
    if error.is_timeout() {
        return if error.is_connect() { Failure::ConnectTimeout } else { Failure::Timeout };
    }
    if error.is_dns() {
        return Failure::Name;
    }
    if error.is_connect() {
        let kind = chain(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
        return Failure::Connect(kind.unwrap_or(io::ErrorKind::Other));
    }
    Failure::Cut
}

/// Our words: those of the library repeat what the other side's certificate says.
fn tls_words(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError as Bad;
    match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::Expired | Bad::ExpiredContext { .. } => "its certificate has expired",
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => "its certificate is not valid yet",
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => "its certificate is for another name",
            Bad::UnknownIssuer => "its certificate comes from an authority that is not trusted here",
            Bad::Revoked => "its certificate was revoked",
            _ => "its certificate is not valid",
        },
        rustls::Error::AlertReceived(_) => "it ended the handshake",
        _ => "the handshake failed",
    }
}

/// The error and its causes. An `io::Error` leaves out what it wraps when asked for its source.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_verdict() {
        let now = Timestamp::UNIX_EPOCH;
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, "7".parse().expect("a value"))]);
        for code in 100..=599 {
            let status = StatusCode::from_u16(code).expect("a status");
            let verdict = of_answer(status, &headers, now);
            let retry = |reason, after: Option<u64>| Delivery::Retry { reason, after: after.map(Duration::from_secs) };
            let expected = match code {
                200..300 => Delivery::Delivered { status: code },
                300..400 => retry(Failure::Redirect(code), None),
                410 => Delivery::Disabled,
                429 | 503 => retry(Failure::Status(code), Some(7)),
                _ => retry(Failure::Status(code), None),
            };
            assert_eq!(verdict, expected, "{code}");
        }
    }

    #[test]
    fn a_cause_inside_of_an_io_error_is_found() {
        let inner = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let outer = io::Error::other(io::Error::other(inner));
        let found = chain(&outer).find_map(|cause| cause.downcast_ref::<rustls::Error>());
        assert_eq!(found.map(tls_words), Some("its certificate has expired"));
    }
}
