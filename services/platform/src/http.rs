//! What every HTTP answer of leadflow has in common: a request id, the caller's trace, a metric, a problem document for
//! every error, and a panic that is an error like any other. gRPC calls pass through the same layers and get a gRPC status.
//!
//! Roles call [`limited`] for each group of routes and [`layers`] once, last. What a route means is theirs.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use tower::ServiceBuilder;
use tower_http::limit::RequestBodyLimitLayer;

use crate::error::ApiError;
use crate::record::TraceParent;

mod body;
mod extract;
mod observe;
mod time;

pub use body::{check_json_depth, json, read_body};
pub use extract::{JsonBody, QueryParams};

/// Deepest JSON that is parsed.
pub const MAX_JSON_DEPTH: usize = 64;

/// What a group of routes takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Largest body, in bytes as they come.
    pub body_bytes: usize,
    /// Until the headers of the answer. A stream may go on after that.
    pub timeout: Duration,
}

impl RequestLimits {
    /// One event or command: 1 MiB, 30 s.
    pub const SINGLE: Self = Self { body_bytes: 1 << 20, timeout: Duration::from_secs(30) };
    /// A batch: 8 MiB, 30 s.
    pub const BATCH: Self = Self { body_bytes: 8 << 20, timeout: Duration::from_secs(30) };

    /// A long poll: nothing in the body, its wait and five seconds.
    #[must_use]
    pub const fn long_poll(longest_wait: Duration) -> Self {
        Self { body_bytes: 64 << 10, timeout: longest_wait.saturating_add(Duration::from_secs(5)) }
    }
}

/// Limits the body and the time of a group of routes.
pub fn limited<S: Clone + Send + Sync + 'static>(router: Router<S>, limits: RequestLimits) -> Router<S> {
    // As one layer: each `Router::layer` boxes the service and the future of every request once more.
    router.layer(
        ServiceBuilder::new()
            .layer(middleware::from_fn_with_state(limits.timeout, time::limit))
            .layer(RequestBodyLimitLayer::new(limits.body_bytes))
            .layer(DefaultBodyLimit::disable()),
    )
}

/// The layers around everything on a port. Call it once, on the router of all routes, gRPC's among them.
pub fn layers(router: Router) -> Router {
    let observer = Arc::new(observe::Observer::new());
    router
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(observer, observe::observe))
}

/// Id of the request that this task answers.
#[must_use]
pub fn current_request_id() -> Option<String> {
    CURRENT.try_with(|current| current.id.to_string()).ok()
}

/// Trace context that the request brought, if it is sampled.
#[must_use]
pub fn current_request_trace() -> Option<TraceParent> {
    CURRENT.try_with(|current| current.trace.clone()).ok().flatten()
}

tokio::task_local! {
    static CURRENT: Current;
}

/// What is known of the request that is being answered.
#[derive(Clone, Debug)]
struct Current {
    id: Arc<str>,
    trace: Option<TraceParent>,
}

/// The error on the carrier that the request came by.
fn respond(error: ApiError, is_grpc: bool) -> Response {
    if is_grpc { tonic::Status::from(error).into_http() } else { error.into_response() }
}

async fn no_such_route(request: axum::extract::Request) -> Response {
    let is_grpc = crate::grpc::is_grpc(request.headers().get(http::header::CONTENT_TYPE));
    if is_grpc {
        // What a gRPC client expects of a service that is not here.
        return tonic::Status::unimplemented("no such service here").into_http();
    }
    ApiError::not_found("path").with_reason("ROUTE_NOT_FOUND").into_response()
}

async fn no_such_method() -> ApiError {
    ApiError::new(crate::error::Code::MethodNotAllowed, "this path exists, but not with this method")
}
