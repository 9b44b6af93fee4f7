//! The time that a request may take until the headers of its answer. Whose fault it was is told apart: a client that did not
//! send its body in time hears 408, a client that waited for us hears 504.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::header;
use hyper::body::{Body as _, Frame, SizeHint};

use super::respond;
use crate::error::{ApiError, Code};
use crate::grpc;

pub(super) async fn limit(State(timeout): State<Duration>, request: Request, next: Next) -> Response {
    let is_grpc = grpc::is_grpc(request.headers().get(header::CONTENT_TYPE));
    let came = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let request = match came.load(Ordering::Relaxed) {
        true => request,
        false => request.map(|body| Body::new(Noted { body, came: Arc::clone(&came) })),
    };
    match tokio::time::timeout(timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) if came.load(Ordering::Relaxed) => {
            let message = format!("there was no answer within {} s", timeout.as_secs_f32());
            respond(ApiError::new(Code::DeadlineExceeded, message), is_grpc)
        }
        Err(_) => {
            let message = format!("the body did not come within {} s", timeout.as_secs_f32());
            respond(ApiError::new(Code::RequestTimeout, message), is_grpc)
        }
    }
}

/// A body that notes when the last of it came.
struct Noted {
    body: Body,
    came: Arc<AtomicBool>,
}

impl hyper::body::Body for Noted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.came.store(true, Ordering::Relaxed);
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
