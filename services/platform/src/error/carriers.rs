//! An [`ApiError`] on its two carriers: `google.rpc.Status` with details, and RFC 9457 `application/problem+json`.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::Serialize;
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{ApiError, DOMAIN};

/// Details of a gRPC status travel in one header, and clients cap the size of headers at 8 KiB.
const MAX_FIELDS: usize = 20;
const MAX_FIELD_TEXT: usize = 160;
const MAX_MESSAGE: usize = 512;

/// Problem document of RFC 9457.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Stable reason, `UPPER_SNAKE`: the same as `ErrorInfo.reason` on gRPC.
    pub code: String,
    /// The kind of error in words.
    pub title: String,
    /// This error in a sentence.
    pub detail: String,
    /// Fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// Further facts by name.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub metadata: std::collections::BTreeMap<String, String>,
    /// Finds the request in our log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// One field in a [`Problem`].
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct FieldProblem {
    /// JSON pointer, or the name of a parameter.
    pub pointer: String,
    /// What is wrong.
    pub detail: String,
}

impl ApiError {
    /// The problem document, with the id of the request that is being answered.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let carriers = self.code.carriers();
        Problem {
            status: carriers.http.as_u16(),
            code: self.reason.to_owned(),
            title: carriers.title.to_owned(),
            detail: self.message.clone(),
            errors: (self.fields.iter().take(MAX_FIELDS))
                .map(|field| FieldProblem { pointer: field.pointer.clone(), detail: field.message.clone() })
                .collect(),
            metadata: self.metadata.clone(),
            request_id: crate::http::current_request_id(),
        }
    }

    /// Whole seconds for `Retry-After`, rounded up so that nobody comes too early.
    fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(|after| after.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.code.carriers().http;
        let body = serde_json::to_vec(&self.problem()).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == http::StatusCode::UNAUTHORIZED {
            // RFC 9110 section 15.5.2 wants a challenge.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"leadflow\""));
        }
        response
    }
}

impl From<ApiError> for tonic::Status {
    fn from(error: ApiError) -> Self {
        let mut details = ErrorDetails::new();
        details.set_error_info(
            error.reason,
            DOMAIN,
            error.metadata.into_iter().collect::<std::collections::HashMap<_, _>>(),
        );
        for field in error.fields.iter().take(MAX_FIELDS) {
            details.add_bad_request_violation(&field.pointer, shortened(&field.message, MAX_FIELD_TEXT));
        }
        if let Some(after) = error.retry_after {
            details.set_retry_info(Some(after));
        }
        if let Some(request_id) = crate::http::current_request_id() {
            details.set_request_info(request_id, "");
        }
        let message = shortened(&error.message, MAX_MESSAGE);
        tonic::Status::with_error_details(error.code.carriers().grpc, message, details)
    }
}

fn shortened(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
