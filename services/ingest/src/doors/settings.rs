//! What browser libraries ask for before they send anything: analytics-next wants its integrations and where to post,
//! RudderStack's wants its source and destinations. There is one destination, and it is this door.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, header};
use leadflow_platform::clock::wall_now;
use leadflow_platform::error::ApiError;
use serde_json::json;

use super::body::header_text;
use super::{Doors, answer, sender};

/// `GET /v1/projects/{writeKey}/settings`.
pub(super) async fn analytics_next(
    State(doors): State<Arc<Doors>>,
    Path(write_key): Path<String>,
    headers: HeaderMap,
) -> Response {
    if doors.access.authenticate(&write_key, wall_now()).is_err() {
        return ApiError::not_found("write key").into_response();
    }
    let (protocol, host) = address(&doors, &headers);
    // `metrics` must say 0: absent, the library reports about itself to its maker.
    let settings = json!({
        "integrations": {
            "Segment.io": {
                "apiKey": write_key,
                "apiHost": format!("{host}/v1"),
                "protocol": protocol,
                "unbundledIntegrations": [],
                "addBundledMetadata": true,
                "maybeBundledConfigIds": {},
                "versionSettings": { "version": "4.4.7", "componentTypes": ["browser"] },
                "retryQueue": true,
            },
        },
        "plan": { "track": { "__default": { "enabled": true, "integrations": {} } }, "identify": { "__default": { "enabled": true } }, "group": { "__default": { "enabled": true } } },
        "edgeFunction": {},
        "analyticsNextEnabled": true,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": { "sampleRate": 0 },
        "legacyVideoPluginsEnabled": false,
        "remotePlugins": [],
        "consentSettings": null,
    });
    briefly(answer::json(settings.to_string()))
}

/// `GET /sourceConfig/?writeKey=...` or with Basic auth.
pub(super) async fn rudderstack(
    State(doors): State<Arc<Doors>>,
    Query(query): Query<std::collections::HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let write_key = query.get("writeKey").map_or("", String::as_str);
    let grant = match sender::authenticate(&doors.access, &headers, write_key, wall_now()) {
        Ok(grant) => grant,
        Err(error) => return error.into_response(),
    };
    let off = json!({ "enabled": false });
    let config = json!({
        "source": {
            "id": grant.source(),
            "name": grant.source(),
            "writeKey": write_key,
            "config": { "statsCollection": { "errors": off, "metrics": off } },
            "enabled": true,
            "workspaceId": "leadflow",
            "destinations": [],
            "connections": [],
            "dataplanes": {},
        },
        "updatedAt": "1970-01-01T00:00:00.000Z",
        "consentManagementMetadata": { "providers": [] },
    });
    briefly(answer::json(config.to_string()))
}

/// How the page reaches this door: as configured, else as it asked for the settings.
fn address(doors: &Doors, headers: &HeaderMap) -> (String, String) {
    if let Some((protocol, host)) = doors.public_url.as_deref().and_then(|url| url.split_once("://")) {
        return (protocol.to_owned(), host.to_owned());
    }
    let forwarded = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    let protocol = if forwarded == Some("https") { "https" } else { "http" };
    (protocol.to_owned(), header_text(headers, header::HOST).to_owned())
}

/// A key that was revoked must not be handed out for long.
fn briefly(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=60"));
    response
}
