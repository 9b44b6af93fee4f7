//! Reading a body within a limit, and JSON without its traps. Errors name the field and never repeat what stood there.

use std::error::Error;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::MAX_JSON_DEPTH;
use crate::error::{ApiError, Code};
use crate::server::BodyIdle;

/// The whole body, at most `limit` bytes.
///
/// # Errors
/// `PAYLOAD_TOO_LARGE`, `REQUEST_TIMEOUT` if the client stopped in the middle, `INVALID_ARGUMENT` if it went away.
pub async fn read_body(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if is_caused_by::<LengthLimitError>(&*error) => Err(ApiError::payload_too_large(limit)),
        Err(error) if is_caused_by::<BodyIdle>(&*error) => {
            Err(ApiError::new(Code::RequestTimeout, "the body stopped coming"))
        }
        Err(_) => Err(ApiError::new(Code::InvalidArgument, "the body could not be read to its end")
            .with_reason("BODY_INCOMPLETE")),
    }
}

/// JSON as a value.
///
/// # Errors
/// `INVALID_ARGUMENT` with a JSON pointer to what is wrong.
pub fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    check_json_depth(bytes, MAX_JSON_DEPTH)?;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = pointer(error.path());
        not_valid(&path, error.inner())
    })?;
    deserializer.end().map_err(|error| not_valid("", &error))?;
    Ok(value)
}

/// Refuses JSON that is nested deeper than `deepest`, before anything is built from it. Does not look at anything else.
///
/// # Errors
/// `INVALID_ARGUMENT`, reason `JSON_TOO_DEEP`.
pub fn check_json_depth(bytes: &[u8], deepest: usize) -> Result<(), ApiError> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => {
                depth += 1;
                if depth > deepest {
                    let message = format!("the JSON is nested deeper than {deepest} levels");
                    return Err(ApiError::new(Code::InvalidArgument, message).with_reason("JSON_TOO_DEEP"));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

fn not_valid(pointer: &str, error: &serde_json::Error) -> ApiError {
    if error.is_data() {
        let message = without_value(&error.to_string());
        return if pointer.is_empty() {
            ApiError::new(Code::InvalidArgument, format!("the body {message}"))
        } else {
            ApiError::invalid(pointer, message)
        };
    }
    let message = format!("the body is not valid JSON (line {}, column {})", error.line(), error.column());
    ApiError::new(Code::InvalidArgument, message).with_reason("JSON_SYNTAX")
}

/// serde's messages repeat the value ("invalid type: string "jane@...", expected u32"): only what was expected is kept.
pub(super) fn without_value(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or_default();
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None if message.starts_with("missing field") || message.starts_with("duplicate field") => message.to_owned(),
        None => "is not valid here".to_owned(),
    }
}

/// RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn is_caused_by<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<E>() {
            return true;
        }
        cause = error.source();
    }
    false
}
