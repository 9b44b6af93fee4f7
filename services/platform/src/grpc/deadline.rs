//! The caller's deadline (`grpc-timeout`) or ours, whichever is earlier, until the headers of the answer.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::error::{ApiError, Code};

pub(super) async fn limit(State(longest): State<Duration>, request: Request, next: Next) -> Response {
    let asked = request.headers().get("grpc-timeout").and_then(|value| parse(value.to_str().ok()?));
    let timeout = asked.map_or(longest, |asked| asked.min(longest));
    match tokio::time::timeout(timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let message = format!("there was no answer within {} s", timeout.as_secs_f32());
            tonic::Status::from(ApiError::new(Code::DeadlineExceeded, message)).into_http()
        }
    }
}

/// At most eight digits and a unit (gRPC over HTTP/2, `Timeout`).
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit_and_nothing_else() {
        assert_eq!(parse("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(parse("3M"), Some(Duration::from_secs(180)));
        assert_eq!(parse("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("7u"), Some(Duration::from_micros(7)));
        assert_eq!(parse("7n"), Some(Duration::from_nanos(7)));
        for text in ["", "S", "1", "-1S", "1.5S", "999999999S", "1s", "1 S", "½S"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
