//! The metric and the span of one call, which end with its trailers: only they tell how it went.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Frame, SizeHint};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;
use tonic::{Code, Status};
use tracing::Span;

/// Names of methods are a label: at most this long, and unknown ones are one.
const LONGEST_NAME: usize = 128;
const UNKNOWN: &str = "_OTHER";

/// "leadflow.ingest.v1.IngestService/PublishEvents".
pub(crate) fn call_name(path: &str) -> String {
    let name = path.trim_start_matches('/');
    if name.len() <= LONGEST_NAME { name.to_owned() } else { UNKNOWN.to_owned() }
}

/// One call that is being answered.
pub(crate) struct CallObserver {
    duration: Histogram<f64>,
    call: String,
    started: Instant,
    span: Span,
    code: Option<Code>,
}

impl CallObserver {
    pub(crate) fn new(duration: Histogram<f64>, call: String, started: Instant, span: Span) -> Self {
        Self { duration, call, started, span, code: None }
    }

    /// Watches the answer to its trailers.
    pub(crate) fn watch(mut self, response: Response) -> Response {
        self.note(response.headers());
        response.map(|body| Body::new(Watched { body, observer: self }))
    }

    fn note(&mut self, headers: &HeaderMap) {
        if let Some(status) = Status::from_header_map(headers) {
            self.code = Some(status.code());
        }
    }
}

impl Drop for CallObserver {
    fn drop(&mut self) {
        // Without a status the client went away first.
        let code = self.code.unwrap_or(Code::Cancelled);
        let call = if code == Code::Unimplemented { UNKNOWN } else { &self.call };
        let labels = [
            KeyValue::new("rpc.system.name", "grpc"),
            KeyValue::new("rpc.method", call.to_owned()),
            KeyValue::new("rpc.response.status_code", code_name(code)),
        ];
        self.duration.record(self.started.elapsed().as_secs_f64(), &labels);
        if !self.span.is_none() {
            self.span.record("rpc.response.status_code", code_name(code));
            if is_server_error(code) {
                self.span.record("otel.status_code", "error");
            }
        }
    }
}

struct Watched {
    body: Body,
    observer: CallObserver,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            self.observer.note(trailers);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The codes that OpenTelemetry counts as the server's fault.
const fn is_server_error(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
