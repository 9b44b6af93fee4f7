//! What a door says: Segment's word for success, and a refusal as a problem document.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use leadflow_platform::error::{ApiError, Code, FieldError};

use crate::domain::limits;
use crate::domain::reject::Reject;

/// 200 `{"success":true}`.
pub(crate) fn success() -> Response {
    json("{\"success\":true}")
}

/// 200 for a batch of which some events were refused: they are kept, and sending them again would not help.
pub(crate) fn success_but(rejected: usize) -> Response {
    json(format!("{{\"success\":true,\"rejected\":{rejected}}}"))
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
    refusals(std::slice::from_ref(reject))
}

/// A refusal of everything in a request: the code of the first, every field.
pub(crate) fn refusals(rejects: &[Reject]) -> ApiError {
    let Some(first) = rejects.first() else { return ApiError::new(Code::InvalidArgument, "nothing was sent") };
    let code = if first.reason.is_size() { Code::PayloadTooLarge } else { Code::InvalidArgument };
    let message = if first.pointer.is_empty() {
        first.message.clone().into_owned()
    } else {
        format!("{}: {}", limits::prefix(&first.pointer, limits::NAME_BYTES), first.message)
    };
    let mut error = ApiError::new(code, message).with_reason(first.reason.code());
    error.fields = (rejects.iter().filter(|reject| !reject.pointer.is_empty()))
        .map(|reject| FieldError {
            pointer: reject.pointer.clone().into_owned(),
            message: reject.message.clone().into_owned(),
        })
        .collect();
    error
}
