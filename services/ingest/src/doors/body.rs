//! The body of a request as foreign clients send it: within its limit before and after decompression, and as text.

use std::io::Read as _;
use std::str::Utf8Error;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use leadflow_platform::error::{ApiError, Code};
use leadflow_platform::http::read_body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::limits;

/// Bodies up to here take nothing from the budget.
const SMALL: usize = 64 * 1024;
/// How long a large body waits for memory before it is told to come later.
const PATIENCE: Duration = Duration::from_secs(1);

/// The memory that large bodies share. A connection that sends one holds its part until it is answered.
#[derive(Clone, Debug)]
pub(crate) struct BodyBudget {
    kib: Arc<Semaphore>,
}

impl BodyBudget {
    pub(crate) fn new(mib: u32) -> Self {
        Self { kib: Arc::new(Semaphore::new(mib as usize * 1024)) }
    }

    /// Takes what the body may need: its length if it says so, else the limit.
    ///
    /// # Errors
    /// 413 if it says that it is over the limit; 503 if there was no memory for a second.
    pub(crate) async fn take(
        &self,
        headers: &HeaderMap,
        limit: usize,
    ) -> Result<Option<OwnedSemaphorePermit>, ApiError> {
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > limit) {
            return Err(ApiError::payload_too_large(limit));
        }
        let packed = headers.contains_key(header::CONTENT_ENCODING);
        let need = if packed { limit } else { length.unwrap_or(limit) };
        if need <= SMALL {
            return Ok(None);
        }
        let kib = u32::try_from(need.div_ceil(1024)).unwrap_or(u32::MAX);
        match tokio::time::timeout(PATIENCE, Arc::clone(&self.kib).acquire_many_owned(kib)).await {
            Ok(Ok(permit)) => Ok(Some(permit)),
            _ => Err(ApiError::unavailable("too many large bodies at a time, send the same again")
                .with_reason("BODY_MEMORY")),
        }
    }
}

/// Reads a body and unpacks it; at most `limit` bytes before and after.
///
/// # Errors
/// 413 over the limit, 415 for an encoding that is not gzip, 400 for gzip that is broken or blows up more than a hundredfold.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let encoding = headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim());
    let bytes = read_body(body, limit).await?;
    match encoding {
        None | Some("" | "identity") => Ok(bytes),
        Some(name) if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => unpack(&bytes, limit),
        Some(_) => Err(ApiError::unsupported_media_type("content-encoding: gzip, or none")),
    }
}

fn unpack(packed: &[u8], limit: usize) -> Result<Bytes, ApiError> {
    // A tiny body may well unpack to more than a hundred times its size without being a bomb.
    let most = limit.min(limits::DECOMPRESSED_BYTES).min((packed.len() * limits::COMPRESSION_RATIO).max(SMALL));
    let mut bytes = Vec::with_capacity((packed.len() * 6).min(most));
    flate2::read::MultiGzDecoder::new(packed)
        .take(most as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|_| ApiError::new(Code::InvalidArgument, "the body is not valid gzip").with_reason("INVALID_GZIP"))?;
    if bytes.len() <= most {
        return Ok(bytes.into());
    }
    if most == limit {
        return Err(ApiError::payload_too_large(limit));
    }
    let message = "the body unpacks to more than a hundred times its size";
    Err(ApiError::new(Code::InvalidArgument, message).with_reason("COMPRESSION_RATIO"))
}

/// The body as text, without a byte order mark.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Utf8Error> {
    let text = std::str::from_utf8(bytes)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The media type without its parameters, lower case; empty if there is none.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A header as text; empty if it is absent or no text.
pub(crate) fn header_text(headers: &HeaderMap, name: http::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
