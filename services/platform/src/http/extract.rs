//! Extractors whose errors are problem documents with the field that is wrong.

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::header;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::body::{json, read_body, without_value};
use crate::error::ApiError;

/// A JSON body. The size is limited by [`super::limited`], the depth always.
#[derive(Clone, Copy, Debug)]
pub struct JsonBody<T>(pub T);

impl<T, S> FromRequest<S> for JsonBody<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(is_json) {
            return Err(ApiError::unsupported_media_type("content-type: application/json"));
        }
        let body = read_body(request.into_body(), super::RequestLimits::BATCH.body_bytes).await?;
        Ok(Self(json(&body)?))
    }
}

/// `application/json` and `application/*+json`, with any parameters.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The parameters of the query string.
#[derive(Clone, Copy, Debug)]
pub struct QueryParams<T>(pub T);

impl<T, S> FromRequestParts<S> for QueryParams<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let deserializer = serde_urlencoded::Deserializer::new(url_pairs(query));
        serde_path_to_error::deserialize(deserializer).map(Self).map_err(|error| {
            let name = error.path().to_string();
            let message = without_value(&error.inner().to_string());
            if name == "." { ApiError::invalid("query", message) } else { ApiError::invalid(name, message) }
        })
    }
}

fn url_pairs(query: &str) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(query.as_bytes())
}
