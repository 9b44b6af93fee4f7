//! What a door says: Segment's word for success, and a refusal as a problem document.

use std::borrow::Cow;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use leadflow_platform::error::{ApiError, Code, FieldError};
use serde::Serialize;

use crate::domain::limits;
use crate::domain::reject::Reject;

/// So many events of a batch are told why they were refused; all of them are kept with their reasons.
const MOST_ERRORS: usize = 100;

/// The answer for a batch of which some events were refused.
#[derive(Debug, Serialize)]
struct PartlyTaken {
    success: bool,
    rejected: usize,
    errors: Vec<RefusedEvent>,
}

/// One of them.
#[derive(Debug, Serialize)]
struct RefusedEvent {
    /// In the batch, from 0.
    index: usize,
    code: &'static str,
    message: String,
}

/// 200 `{"success":true}`.
pub(crate) fn success() -> Response {
    json("{\"success\":true}")
}

/// 200 for a batch of which some events were refused: they are kept, and sending them again would not help. With places and
/// reasons. Segment's libraries look at the status alone; whoever wrote the sender looks here.
pub(crate) fn success_without(rejects: &[(usize, Reject)]) -> Response {
    let refused = |(index, reject): &(usize, Reject)| RefusedEvent {
        index: *index,
        code: reject.reason.code(),
        message: sentence(reject).into_owned(),
    };
    let errors = rejects.iter().take(MOST_ERRORS).map(refused).collect();
    let answer = PartlyTaken { success: true, rejected: rejects.len(), errors };
    json(serde_json::to_vec(&answer).unwrap_or_default())
}

/// 200 with a JSON text.
pub(crate) fn json(body: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// 303: a browser that posted a form goes on to another page.
pub(crate) fn see_other(page: &str) -> Response {
    match HeaderValue::from_str(page) {
        Ok(page) => (StatusCode::SEE_OTHER, [(header::LOCATION, page)]).into_response(),
        Err(_) => success(),
    }
}

/// A refusal of the whole request.
pub(crate) fn refusal(reject: &Reject) -> ApiError {
    refusals([reject])
}

/// A refusal of everything in a request: the code of the first, every field.
pub(crate) fn refusals<'a>(rejects: impl IntoIterator<Item = &'a Reject>) -> ApiError {
    let mut rejects = rejects.into_iter().peekable();
    let Some(first) = rejects.peek().copied() else { return ApiError::new(Code::InvalidArgument, "nothing was sent") };
    let code = if first.reason.is_size() { Code::PayloadTooLarge } else { Code::InvalidArgument };
    let mut error = ApiError::new(code, sentence(first)).with_reason(first.reason.code());
    error.fields = (rejects.filter(|reject| !reject.pointer.is_empty()))
        .map(|reject| FieldError {
            pointer: reject.pointer.clone().into_owned(),
            message: reject.message.clone().into_owned(),
        })
        .collect();
    error
}

/// What is wrong, and where.
fn sentence(reject: &Reject) -> Cow<'_, str> {
    if reject.pointer.is_empty() {
        return Cow::Borrowed(&reject.message);
    }
    Cow::Owned(format!("{}: {}", limits::prefix(&reject.pointer, limits::NAME_BYTES), reject.message))
}
