//! The OpenAPI 3.1 document of the HTTP doors. Written by hand, because the doors read bytes and not types; a test holds it
//! against the router.

use axum::response::Response;

use super::answer;

/// The document.
pub(crate) const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /openapi.json`.
pub(super) async fn document() -> Response {
    answer::json(DOCUMENT)
}
