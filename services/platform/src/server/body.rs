//! Bodies with a limit on silence, and bodies that keep their request counted as active until the last byte is gone.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::activity::ActiveRequest;

/// The client stopped in the middle of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyIdle(pub Duration);

impl fmt::Display for BodyIdle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing of the body came for {:?}", self.0)
    }
}

impl std::error::Error for BodyIdle {}

/// A request body in which each frame must come within `limit` after it was asked for.
pub(super) struct IdleLimited<B> {
    body: B,
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl<B> IdleLimited<B> {
    pub(super) fn new(body: B, limit: Duration) -> Self {
        Self { body, limit, sleep: None, waiting: false }
    }
}

impl<B> Body for IdleLimited<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        // The timer is made only for bodies that do not come at once: most do.
        let deadline = Instant::now() + this.limit;
        let sleep = this.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !this.waiting {
            this.waiting = true;
            sleep.as_mut().reset(deadline);
        }
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Some(Err(BodyIdle(this.limit).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response body that holds its request's guard.
pub(super) struct Guarded {
    body: axum::body::Body,
    _request: ActiveRequest,
}

impl Guarded {
    pub(super) fn new(body: axum::body::Body, request: ActiveRequest) -> Self {
        Self { body, _request: request }
    }
}

impl Body for Guarded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
