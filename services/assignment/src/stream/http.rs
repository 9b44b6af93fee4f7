//! The long poll: `GET /v1/assignment-events?after=&limit=&wait=`, the same events and cursors as over gRPC, as JSON.

use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Json;
use axum::routing::get;
use leadflow_platform::access::{Access, Scope};
use leadflow_platform::clock::wall_now;
use leadflow_platform::error::ApiError;
use leadflow_platform::http::{QueryParams, RequestLimits, limited};
use leadflow_proto::assignment::v1::{Filter, ListAssignmentEventsResponse, Start, start::Position};
use serde::Deserialize;

use super::cursor::Cursor;
use super::{Stream, page_size};

/// Longest wait of a poll, seconds.
pub const LONGEST_WAIT: u64 = 60;

/// Query of the long poll.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Query {
    /// Cursor; without it, `from` decides.
    after: Option<String>,
    /// `earliest` (the default) or `latest`, without `after`.
    from: Option<String>,
    /// 1 to 1000.
    limit: i32,
    /// Seconds to wait for an event, 0 to 60.
    wait: u64,
    /// Event types, separated by commas.
    types: String,
    /// Pools, separated by commas.
    pools: String,
    /// Reps, separated by commas.
    rep_ids: String,
    /// Smoke-test leads too.
    include_test: bool,
}

/// The routes, to be merged with the others of the role.
pub fn router(stream: Stream, access: Access) -> axum::Router {
    let routes = axum::Router::new().route("/v1/assignment-events", get(events)).with_state((stream, access));
    limited(routes, RequestLimits::long_poll(Duration::from_secs(LONGEST_WAIT)))
}

async fn events(
    State((stream, access)): State<(Stream, Access)>,
    headers: HeaderMap,
    QueryParams(query): QueryParams<Query>,
) -> Result<Json<ListAssignmentEventsResponse>, ApiError> {
    access.from_headers(&headers, wall_now())?.require(Scope::ReadAssignments)?;
    if query.wait > LONGEST_WAIT {
        return Err(ApiError::invalid("wait", "takes 0 to 60 seconds"));
    }
    let limit = page_size("limit", query.limit)?;
    let filter = Stream::filter("types", Some(query.filter()))?;
    let cursor = stream.resolve(query.start()?).await.map_err(|error| error.rename("start.after_cursor", "after"))?;
    poll(&stream, cursor, &filter, limit, Duration::from_secs(query.wait)).await.map(Json)
}

impl Query {
    fn start(&self) -> Result<Option<Start>, ApiError> {
        let position = match (&self.after, self.from.as_deref()) {
            (Some(cursor), _) => Position::AfterCursor(cursor.clone()),
            (None, None | Some("earliest")) => return Ok(None),
            (None, Some("latest")) => Position::Latest(true),
            (None, Some(_)) => return Err(ApiError::invalid("from", "takes earliest or latest")),
        };
        Ok(Some(Start { position: Some(position) }))
    }

    fn filter(&self) -> Filter {
        let list =
            |text: &str| text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Filter {
            types: list(&self.types),
            pools: list(&self.pools),
            rep_ids: list(&self.rep_ids),
            include_test: self.include_test,
        }
    }
}

/// Answers as soon as there is an event, at the latest after `wait`; the cursor moves in any case.
pub(super) async fn poll(
    stream: &Stream,
    mut cursor: Cursor,
    filter: &Filter,
    limit: usize,
    wait: Duration,
) -> Result<ListAssignmentEventsResponse, ApiError> {
    let deadline = tokio::time::Instant::now() + wait;
    let mut changed = stream.changed.clone();
    loop {
        changed.borrow_and_update();
        let batch = stream.read(&cursor, filter, limit).await?;
        cursor = batch.cursor;
        let over = tokio::time::Instant::now() >= deadline || stream.stop.is_cancelled();
        if !batch.items.is_empty() || (batch.caught_up && over) {
            let caught_up = batch.caught_up;
            return Ok(ListAssignmentEventsResponse { items: batch.items, cursor: cursor.to_string(), caught_up });
        }
        if batch.caught_up {
            tokio::select! {
                _ = changed.changed() => {}
                () = stream.stop.cancelled() => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
    }
}
