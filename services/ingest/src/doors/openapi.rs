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

#[cfg(test)]
mod tests {
    use super::DOCUMENT;
    use crate::domain::reject::Reason;

    #[test]
    fn every_code_is_documented() {
        let document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
        let codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["description"].as_str().unwrap();
        for reason in Reason::ALL {
            assert!(codes.contains(&format!("`{}`", reason.code())), "{}", reason.code());
        }
    }
}
