//! Listening: one port for HTTP/1.1 and gRPC (HTTP/2, also without TLS), with a limit on everything that a client could
//! otherwise hold on to for nothing: connections, headers, bodies, streams, silence.
//!
//! The accept loop is our own, because `axum::serve` has no header timeout and hyper's automatic protocol detection starts
//! no timer before it has seen enough bytes. What a request means is not known here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::run::Tasks;
use crate::telemetry::metrics;

mod activity;
mod body;
mod connection;
mod tls;

pub use body::BodyIdle;
pub use tls::TlsConfig;

/// Section `server` of a role's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Public address: HTTP and gRPC together. Loopback unless configured.
    #[garde(skip)]
    pub listen: SocketAddr,
    /// Health and metrics; the public port + 1000 on the same address if not given.
    #[serde(default)]
    #[garde(skip)]
    pub ops_listen: Option<SocketAddr>,
    /// Connections at a time; one more is closed at once.
    #[serde(default = "default_max_connections")]
    #[garde(range(min = 1, max = 1_000_000))]
    pub max_connections: usize,
    /// Certificate and key; none: plain text, for a proxy in front that ends TLS.
    #[serde(default)]
    #[garde(dive)]
    pub tls: Option<TlsConfig>,
}

const fn default_max_connections() -> usize {
    4096
}

impl ServerConfig {
    /// The default of a role: loopback, this port.
    #[must_use]
    pub fn on_port(port: u16) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], port));
        Self { listen, ops_listen: None, max_connections: default_max_connections(), tls: None }
    }

    /// Where health and metrics are. Port 0 stays 0 (any free port).
    #[must_use]
    pub fn ops_address(&self) -> SocketAddr {
        self.ops_listen.unwrap_or_else(|| {
            let port = if self.listen.port() == 0 { 0 } else { self.listen.port().wrapping_add(1000) };
            SocketAddr::new(self.listen.ip(), port)
        })
    }

    /// The limits of the public port.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits { max_connections: self.max_connections, ..Limits::default() }
    }
}

/// What a client may hold on to, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; one more is closed at once.
    pub max_connections: usize,
    /// From the connection (TLS included) to the end of the first request's headers.
    pub first_request: Duration,
    /// From the first byte of a later request to the end of its headers (HTTP/1.1).
    pub header: Duration,
    /// Silence within a body. gRPC streams may be silent: there HTTP/2 pings tell whether somebody is still there.
    pub body_idle: Duration,
    /// A connection without a request. Longer than the 60 s after which load balancers give theirs up: they must be the
    /// first, else they send a request into a closing connection.
    pub idle: Duration,
    /// A client that does not take what it asked for.
    pub write_stall: Duration,
    /// Bytes of all headers of a request.
    pub header_bytes: u32,
    /// Requests at a time on one HTTP/2 connection.
    pub http2_streams: u32,
    /// Pings on a quiet HTTP/2 connection.
    pub http2_ping: Duration,
    /// For requests in flight after the stop token; then their connections are cut.
    pub drain: Duration,
    /// Whether `first_request` is held at all.
    #[cfg(feature = "testing")]
    pub race: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: default_max_connections(),
            first_request: Duration::from_secs(10),
            header: Duration::from_secs(10),
            body_idle: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            write_stall: Duration::from_secs(30),
            header_bytes: 32 * 1024,
            http2_streams: 256,
            http2_ping: Duration::from_secs(20),
            drain: Duration::from_secs(15),
            #[cfg(feature = "testing")]
            race: true,
        }
    }
}

impl Limits {
    #[cfg(not(feature = "testing"))]
    const fn races(&self) -> bool {
        true
    }

    #[cfg(feature = "testing")]
    const fn races(&self) -> bool {
        self.race
    }

    /// Turns the race against the first request off, to show that a silent socket then stays open.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn without_first_request_race(mut self) -> Self {
        self.race = false;
        self
    }
}

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<tls::Acceptor>,
}

impl Listener {
    /// With the port that the system chose, if 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers by TLS. The files are read again when they change, so that a renewed certificate needs no restart.
    ///
    /// # Errors
    /// If the files cannot be read or do not belong together.
    pub fn with_tls(mut self, config: &TlsConfig) -> anyhow::Result<Self> {
        self.tls = Some(tls::Acceptor::new(config)?);
        Ok(self)
    }
}

/// Binds an address. Port 0 is any free port.
///
/// # Errors
/// If it is taken or not ours.
pub async fn bind(address: SocketAddr) -> anyhow::Result<Listener> {
    let socket = TcpListener::bind(address).await.with_context(|| format!("could not listen on {address}"))?;
    let address = socket.local_addr().context("could not read the address of the socket")?;
    Ok(Listener { socket, address, tls: None })
}

/// Serves until the stop token: then no new connection, and the requests in flight get `limits.drain`. `name` is the task's
/// and the metrics' ("public", "ops").
pub fn serve(tasks: &Tasks, name: &'static str, listener: Listener, router: axum::Router, limits: Limits) {
    let stop = tasks.stop_token();
    tracing::info!(address = %listener.address, tls = listener.tls.is_some(), "{name} listens on {}", listener.address);
    tasks.spawn(name, accept_loop(name, listener, router, limits, stop));
}

async fn accept_loop(
    name: &'static str,
    listener: Listener,
    router: axum::Router,
    limits: Limits,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let places = Arc::new(Semaphore::new(limits.max_connections));
    let connections = TaskTracker::new();
    let server = Arc::new(connection::Server::new(name, router, limits, stop.clone()));
    let drain = server.limits.drain;
    let Listener { socket, tls, .. } = listener;
    loop {
        let Some(accepted) = stop.run_until_cancelled(socket.accept()).await else { break };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(name, &error).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            server.refused("full");
            continue;
        };
        let (server, acceptor) = (Arc::clone(&server), tls.as_ref().map(tls::Acceptor::current));
        spawn_connection(&connections, async move {
            let _place = place;
            server.run(stream, peer, acceptor).await;
        });
    }
    drop(socket);
    connections.close();
    if tokio::time::timeout(drain, connections.wait()).await.is_err() {
        let left = connections.len();
        tracing::warn!(listener = name, "{name}: cut {left} connections that were not done after {drain:?}");
        server.cut.cancel();
        connections.wait().await;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "one task per connection, waited for by the accept loop")]
fn spawn_connection(connections: &TaskTracker, connection: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(connections.track_future(connection));
}

/// A client that went away before it was accepted is nothing. Anything else (no file handles left) is said, and waited out:
/// the connections that end give handles back.
async fn pause_after(name: &'static str, error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(listener = name, "{name} could not accept a connection: {error}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Sets what every accepted socket gets.
fn prepare(stream: &TcpStream) {
    // Answers are small and must not wait for a full packet. An error here shows at the first read as well.
    let _ = stream.set_nodelay(true);
}

/// Instruments of one listener.
#[derive(Debug)]
struct Instruments {
    open: opentelemetry::metrics::Gauge<f64>,
    refused: opentelemetry::metrics::Counter<u64>,
}

impl Instruments {
    fn new() -> Self {
        Self { open: metrics::SERVER_CONNECTIONS.gauge(), refused: metrics::SERVER_REFUSED.counter() }
    }
}
