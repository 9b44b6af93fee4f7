//! Where a request carries its key.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderValue;

use crate::error::ApiError;

/// The key of an `Authorization` header: `Bearer lf_...`, or `Basic base64(lf_...:)` as Segment's libraries send it. gRPC
/// metadata carries the same text. `None` if there is no such header.
///
/// # Errors
/// `UNAUTHENTICATED`, reason `API_KEY_INVALID`, for a header that is neither.
pub fn presented_key(authorization: Option<&str>) -> Result<Option<Cow<'_, str>>, ApiError> {
    let Some(value) = authorization else { return Ok(None) };
    let value = value.trim();
    match bearer(value).map(Cow::Borrowed).or_else(|| basic_user(value).map(Cow::Owned)) {
        Some(key) => Ok(Some(key)),
        None => Err(ApiError::unauthenticated(
            "API_KEY_INVALID",
            "the authorization header must be `Bearer lf_...`, or Basic with the key as user and an empty password",
        )),
    }
}

/// A header as text; one that is none is a header that is wrong, not one that is missing.
pub(super) fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

/// The token of `Bearer ...`.
#[must_use]
pub fn bearer(authorization: &str) -> Option<&str> {
    after_scheme(authorization, "bearer").filter(|token| !token.is_empty())
}

/// The user of `Basic ...`; the password is not looked at.
#[must_use]
pub fn basic_user(authorization: &str) -> Option<String> {
    let bytes = decode_base64(after_scheme(authorization, "basic")?)?;
    let text = String::from_utf8(bytes).ok()?;
    let user = text.split_once(':').map_or(text.as_str(), |(user, _)| user);
    (!user.is_empty()).then(|| user.to_owned())
}

fn after_scheme<'a>(authorization: &'a str, scheme: &str) -> Option<&'a str> {
    let (found, rest) = authorization.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// Standard and URL-safe alphabet, padding optional: clients differ.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const LONGEST: usize = 1024;
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    (text.len() <= LONGEST).then(|| LENIENT.decode(text.replace('-', "+").replace('_', "/")).ok()).flatten()
}
