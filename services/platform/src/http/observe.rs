//! Around each request: its id, its trace, its metric, its panic, and the form of its error.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures::FutureExt as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;
use tracing::{Instrument as _, Span};

use super::{CURRENT, Current, respond};
use crate::error::{ApiError, Code};
use crate::grpc::{self, CallObserver};
use crate::telemetry::{metrics, trace};

const REQUEST_ID: &str = "x-request-id";

/// Instruments, made once.
#[derive(Debug)]
pub(super) struct Observer {
    http: Histogram<f64>,
    grpc: Histogram<f64>,
}

impl Observer {
    pub(super) fn new() -> Self {
        Self {
            http: metrics::HTTP_SERVER_REQUEST_DURATION.histogram(),
            grpc: metrics::RPC_SERVER_CALL_DURATION.histogram(),
        }
    }
}

pub(super) async fn observe(State(observer): State<Arc<Observer>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let is_grpc = grpc::is_grpc(request.headers().get(header::CONTENT_TYPE));
    let id = request_id(request.headers());
    let current = Current { id: Arc::clone(&id), trace: trace::extract(request.headers()) };
    let method = known_method(request.method());
    let route = if is_grpc { None } else { request.extensions().get::<MatchedPath>().cloned() };
    let call = is_grpc.then(|| grpc::call_name(request.uri().path()));
    let span = match trace::is_unsampled(request.headers()) {
        true => Span::none(),
        false => span(&current, method, route.as_ref(), call.as_deref()),
    };
    let work = CURRENT.scope(current, async move {
        match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) if is_grpc => grpc::blame_the_caller(response),
            Ok(response) => as_problem(response),
            // The panic's own line was written by the hook, in the same task and span.
            Err(_) => respond(ApiError::internal("a request handler panicked", "see the line before"), is_grpc),
        }
    });
    // A disabled span would still be entered and left at each poll.
    let mut response = if span.is_none() { work.await } else { work.instrument(span.clone()).await };
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    match call {
        Some(call) => CallObserver::new(observer.grpc.clone(), call, started, span).watch(response),
        None => {
            record_http(&observer, method, route.as_ref(), response.status(), started, &span);
            response
        }
    }
}

/// The caller's id if it is one that may stand in a log line, else a new one.
fn request_id(headers: &HeaderMap) -> Arc<str> {
    let theirs = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let usable = |id: &&str| {
        (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    match theirs.filter(usable) {
        Some(id) => id.into(),
        None => uuid::Uuid::now_v7().to_string().into(),
    }
}

/// Methods are a label: one that a client made up must not be.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}

fn span(current: &Current, method: &'static str, route: Option<&MatchedPath>, call: Option<&str>) -> Span {
    let name = || match (call, route) {
        (Some(call), _) => call.to_owned(),
        (None, Some(route)) => format!("{method} {}", route.as_str()),
        (None, None) => method.to_owned(),
    };
    let span = trace::root_span(name, trace::Kind::Server, current.trace.as_ref());
    if !span.is_none() {
        span.record("request_id", &*current.id);
        match (call, route) {
            (Some(call), _) => drop(span.record("rpc.method", call)),
            (None, route) => {
                span.record("http.request.method", method);
                span.record("http.route", route.map_or("", MatchedPath::as_str));
            }
        }
    }
    span
}

fn record_http(
    observer: &Observer,
    method: &'static str,
    route: Option<&MatchedPath>,
    status: StatusCode,
    started: Instant,
    span: &Span,
) {
    let labels = [
        KeyValue::new("http.request.method", method),
        KeyValue::new("http.route", route.map_or_else(String::new, |route| route.as_str().to_owned())),
        KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
    ];
    observer.http.record(started.elapsed().as_secs_f64(), &labels);
    if !span.is_none() {
        span.record("http.response.status_code", status.as_u16());
        if status.is_server_error() {
            span.record("otel.status_code", "error");
        }
    }
}

/// Errors that axum and its layers answer in plain words become problem documents. Those words may repeat what was sent,
/// so they are not kept; routes that have more to say answer with an [`ApiError`] themselves.
fn as_problem(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let has_form =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|value| !value.as_bytes().starts_with(b"text/plain"));
    if !is_error || has_form {
        return response;
    }
    let error = match status {
        StatusCode::UNAUTHORIZED => ApiError::new(Code::Unauthenticated, "send a valid key"),
        StatusCode::FORBIDDEN => ApiError::new(Code::PermissionDenied, "this is not allowed"),
        StatusCode::NOT_FOUND => ApiError::not_found("path").with_reason("ROUTE_NOT_FOUND"),
        StatusCode::METHOD_NOT_ALLOWED => {
            ApiError::new(Code::MethodNotAllowed, "this path exists, but not with this method")
        }
        StatusCode::REQUEST_TIMEOUT => ApiError::new(Code::RequestTimeout, "the request came too slowly"),
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(Code::PayloadTooLarge, "the body is larger than this path takes")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ApiError::new(Code::UnsupportedMediaType, "the content-type is not one that this path reads")
        }
        StatusCode::TOO_MANY_REQUESTS => ApiError::new(Code::ResourceExhausted, "too many requests"),
        StatusCode::SERVICE_UNAVAILABLE => ApiError::unavailable("not available at the moment, try again"),
        status if status.is_client_error() => ApiError::new(Code::InvalidArgument, "the request could not be read"),
        _ => ApiError::new(Code::Internal, "an internal error; the request id finds it in our log"),
    };
    let mut problem = respond(error, false);
    if let Some(allow) = response.headers().get(header::ALLOW) {
        problem.headers_mut().insert(header::ALLOW, allow.clone());
    }
    problem
}
