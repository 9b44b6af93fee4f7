//! What happens on one connection, seen from outside of hyper: bytes that come and go, requests that begin and end. The
//! connection's loop asks [`Activity::verdict`] now and then.

use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::Limits;

/// Times are milliseconds since `start`, plus one: 0 is "not now". Only this connection's task and its requests write.
#[derive(Debug)]
pub(super) struct Activity {
    start: Instant,
    any_request: AtomicBool,
    http1: AtomicBool,
    active: AtomicUsize,
    header_since: AtomicU64,
    idle_since: AtomicU64,
    write_blocked_since: AtomicU64,
}

/// What the loop has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All is well.
    Continue,
    /// No request came in time.
    FirstRequestLate,
    /// The headers of a later request are not complete in time.
    HeaderLate,
    /// Nothing asked for, for long.
    Idle,
    /// The client does not take its answer.
    WriteStalled,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            any_request: AtomicBool::new(false),
            http1: AtomicBool::new(false),
            active: AtomicUsize::new(0),
            header_since: AtomicU64::new(0),
            idle_since: AtomicU64::new(0),
            write_blocked_since: AtomicU64::new(0),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    /// A request's headers are complete; it is active until the guard is dropped, with the last byte of its answer.
    pub(super) fn begin(self: &Arc<Self>, version: http::Version) -> ActiveRequest {
        self.any_request.store(true, Ordering::Relaxed);
        self.http1.store(version <= http::Version::HTTP_11, Ordering::Relaxed);
        self.active.fetch_add(1, Ordering::Relaxed);
        self.header_since.store(0, Ordering::Relaxed);
        ActiveRequest { activity: Arc::clone(self) }
    }

    pub(super) fn verdict(&self, limits: &Limits) -> Verdict {
        let now = self.now();
        let past = |since: &AtomicU64, limit: Duration| {
            let since = since.load(Ordering::Relaxed);
            since != 0 && u128::from(now - since.min(now)) >= limit.as_millis()
        };
        if past(&self.write_blocked_since, limits.write_stall) {
            return Verdict::WriteStalled;
        }
        if !self.any_request.load(Ordering::Relaxed) {
            let late = limits.races() && self.start.elapsed() >= limits.first_request;
            return if late { Verdict::FirstRequestLate } else { Verdict::Continue };
        }
        if self.active.load(Ordering::Relaxed) > 0 {
            return Verdict::Continue;
        }
        // On HTTP/2 bytes without a request are pings and windows; slow headers there end by an unanswered ping.
        if self.http1.load(Ordering::Relaxed) && past(&self.header_since, limits.header) {
            return Verdict::HeaderLate;
        }
        if past(&self.idle_since, limits.idle) { Verdict::Idle } else { Verdict::Continue }
    }

    fn read(&self) {
        if self.active.load(Ordering::Relaxed) == 0 && self.header_since.load(Ordering::Relaxed) == 0 {
            self.header_since.store(self.now(), Ordering::Relaxed);
        }
    }

    fn write_blocked(&self, blocked: bool) {
        if !blocked {
            self.write_blocked_since.store(0, Ordering::Relaxed);
        } else if self.write_blocked_since.load(Ordering::Relaxed) == 0 {
            self.write_blocked_since.store(self.now(), Ordering::Relaxed);
        }
    }
}

/// Held by whatever still works on a request.
#[derive(Debug)]
pub(super) struct ActiveRequest {
    activity: Arc<Activity>,
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        let activity = &self.activity;
        activity.idle_since.store(activity.now(), Ordering::Relaxed);
        activity.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream that tells the activity what passes through it.
pub(super) struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.read();
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.activity.write_blocked(result.is_pending());
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        if result.is_pending() {
            self.activity.write_blocked(true);
        }
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.activity.write_blocked(result.is_pending());
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.activity.write_blocked(result.is_pending());
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
