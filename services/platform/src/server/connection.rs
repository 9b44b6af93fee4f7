//! One connection from the handshake to its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, Response, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use opentelemetry::KeyValue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::activity::{Activity, Verdict, Watched};
use super::body::{Guarded, IdleLimited};
use super::{Instruments, Limits, prepare};

/// What the connections of one listener share.
pub(super) struct Server {
    name: &'static str,
    router: axum::Router,
    pub(super) limits: Limits,
    builder: auto::Builder<TokioExecutor>,
    instruments: Instruments,
    open: AtomicUsize,
    stop: CancellationToken,
    /// Cancelled when the drain is over: whatever is left is dropped.
    pub(super) cut: CancellationToken,
}

impl Server {
    pub(super) fn new(name: &'static str, router: axum::Router, limits: Limits, stop: CancellationToken) -> Self {
        Self {
            name,
            router,
            builder: builder(&limits),
            limits,
            instruments: Instruments::new(),
            open: AtomicUsize::new(0),
            stop,
            cut: CancellationToken::new(),
        }
    }

    pub(super) fn refused(&self, reason: &'static str) {
        self.instruments.refused.add(1, &[KeyValue::new("listener", self.name), KeyValue::new("reason", reason)]);
    }

    pub(super) async fn run(&self, stream: TcpStream, peer: SocketAddr, tls: Option<tokio_rustls::TlsAcceptor>) {
        prepare(&stream);
        self.count(1);
        tokio::select! {
            () = self.cut.cancelled() => {}
            () = self.serve(stream, peer, tls) => {}
        }
        self.count(-1);
    }

    async fn serve(&self, stream: TcpStream, peer: SocketAddr, tls: Option<tokio_rustls::TlsAcceptor>) {
        let activity = Activity::new();
        let Some(tls) = tls else {
            return self.serve_http(Watched::new(stream, Arc::clone(&activity)), peer, activity).await;
        };
        // A drain ends handshakes too: nothing was asked for yet.
        let handshake = tokio::time::timeout(self.limits.first_request, tls.accept(stream));
        match self.stop.run_until_cancelled(handshake).await {
            Some(Ok(Ok(stream))) => {
                self.serve_http(Watched::new(stream, Arc::clone(&activity)), peer, activity).await;
            }
            Some(Ok(Err(error))) => {
                tracing::debug!(listener = self.name, "TLS handshake failed: {error}");
                self.refused("handshake");
            }
            Some(Err(_)) => self.refused("first_request"),
            None => {}
        }
    }

    async fn serve_http<S>(&self, stream: Watched<S>, peer: SocketAddr, activity: Arc<Activity>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = {
            let (router, activity, body_idle) = (self.router.clone(), Arc::clone(&activity), self.limits.body_idle);
            hyper::service::service_fn(move |request| {
                answer(router.clone(), Arc::clone(&activity), body_idle, peer, request)
            })
        };
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        let mut draining = false;
        let mut look = pin!(tokio::time::sleep(self.look_every()));
        loop {
            tokio::select! {
                // Errors are the client's: it went away, or did not speak HTTP.
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(listener = self.name, "connection ended: {error}");
                    }
                    return;
                }
                () = self.stop.cancelled(), if !draining => {
                    draining = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = look.as_mut() => {
                    look.as_mut().reset(tokio::time::Instant::now() + self.look_every());
                    match activity.verdict(&self.limits) {
                        Verdict::Continue => {}
                        // Said in the protocol (GOAWAY), so that a client with a request under way sends it elsewhere.
                        Verdict::Idle if !draining => {
                            draining = true;
                            connection.as_mut().graceful_shutdown();
                        }
                        Verdict::Idle => return,
                        Verdict::FirstRequestLate => return self.refused("first_request"),
                        Verdict::HeaderLate => return self.refused("header"),
                        Verdict::WriteStalled => return self.refused("write_stall"),
                    }
                }
            }
        }
    }

    /// Often enough that no limit is overdrawn by much, seldom enough to cost nothing.
    fn look_every(&self) -> Duration {
        let limits = &self.limits;
        let shortest = limits.first_request.min(limits.header).min(limits.idle).min(limits.write_stall);
        (shortest / 8).clamp(Duration::from_millis(10), Duration::from_secs(1))
    }

    fn count(&self, change: isize) {
        let before = if change > 0 {
            self.open.fetch_add(1, Ordering::Relaxed)
        } else {
            self.open.fetch_sub(1, Ordering::Relaxed)
        };
        let open = before.saturating_add_signed(change);
        #[expect(clippy::cast_precision_loss, reason = "a number of connections")]
        self.instruments.open.record(open as f64, &[KeyValue::new("listener", self.name)]);
    }
}

async fn answer(
    router: axum::Router,
    activity: Arc<Activity>,
    body_idle: Duration,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Guarded>, Infallible> {
    let active = activity.begin(request.version());
    let is_grpc = crate::grpc::is_grpc(request.headers().get(header::CONTENT_TYPE));
    let mut request = request.map(|body| match is_grpc {
        true => Body::new(body),
        false => Body::new(IdleLimited::new(body, body_idle)),
    });
    request.extensions_mut().insert(ConnectInfo(peer));
    let Ok(response) = router.oneshot(request).await;
    Ok(response.map(|body| Guarded::new(body, active)))
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // hyper's header timer also runs while a connection is idle: the finer limits are `Activity`'s, this is the net below.
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle.max(limits.header))
        .max_headers(100)
        .max_buf_size(usize::try_from(limits.header_bytes).unwrap_or(usize::MAX).max(8192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.header_bytes)
        .max_concurrent_streams(limits.http2_streams)
        .keep_alive_interval(limits.http2_ping)
        .keep_alive_timeout(limits.header)
        .max_pending_accept_reset_streams(32)
        .max_local_error_reset_streams(64)
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_frame_size(16 * 1024)
        .max_send_buf_size(256 * 1024);
    builder
}
