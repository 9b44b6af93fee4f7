//! A running mailbox: takes connections until it is dropped.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::config::{Config, Tls};
use crate::keeper::Keeper;
use crate::log::{Entry, Outcome, read_log};
use crate::script::Play;
use crate::session::Session;
use crate::tls;
use crate::wire::{Stream, Wire};

/// A mailbox that listens. Dropping it ends every connection; what was kept stays in its folder.
#[derive(Debug)]
pub struct Mailbox {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where mails and log are.
    pub folder: PathBuf,
    server: Arc<Server>,
    certificate: Option<String>,
    /// Ends with this value.
    _accepting: JoinSet<()>,
}

/// A mail that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Its line of the log.
    pub entry: Entry,
    /// As it was sent, dots unstuffed, with the CRLF before the last dot.
    pub bytes: Vec<u8>,
}

/// What the connections share.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) config: Config,
    pub(crate) play: Play,
    pub(crate) keeper: Keeper,
    pub(crate) acceptor: Option<Acceptor>,
    connections: AtomicU64,
    panicked: AtomicU64,
}

/// Without the content of its configuration in debug texts.
#[derive(Clone)]
pub(crate) struct Acceptor(pub(crate) TlsAcceptor);

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Acceptor")
    }
}

impl Mailbox {
    /// Opens folder and port and begins to take connections, in tasks of the current runtime.
    ///
    /// # Errors
    /// If the folder cannot be used, the port is taken, or no certificate can be made.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let folder = config.folder.clone();
        let keeper = Keeper::start(&folder).with_context(|| format!("could not open {}", folder.display()))?;
        let (acceptor, certificate) = match config.tls {
            Tls::Off => (None, None),
            Tls::StartTls | Tls::Implicit => {
                let (acceptor, certificate) = tls::acceptor(config.listen.ip())?;
                (Some(Acceptor(acceptor)), Some(certificate))
            }
        };
        let listener =
            TcpListener::bind(config.listen).await.with_context(|| format!("could not listen on {}", config.listen))?;
        let address = listener.local_addr()?;
        let play = Play::new(config.script.clone());
        let (connections, panicked) = (AtomicU64::new(0), AtomicU64::new(0));
        let server = Arc::new(Server { config, play, keeper, acceptor, connections, panicked });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&server)));
        Ok(Self { address, folder, server, certificate, _accepting: accepting })
    }

    /// Every attempt so far.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn log(&self) -> anyhow::Result<Vec<Entry>> {
        read_log(&self.folder)
    }

    /// Every mail that was kept, in the order of the log.
    ///
    /// # Errors
    /// If log or mails cannot be read.
    pub fn mails(&self) -> anyhow::Result<Vec<Mail>> {
        let kept = self.log()?.into_iter().filter(|entry| entry.verdict == Outcome::Kept);
        let read = |entry: Entry| {
            let name = entry.file.as_deref().context("a kept mail without a file")?;
            let bytes = std::fs::read(self.folder.join(name)).with_context(|| format!("could not read {name}"))?;
            Ok(Mail { entry, bytes })
        };
        kept.map(read).collect()
    }

    /// Connections that were taken since the start, refused ones included.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.server.connections.load(Ordering::Relaxed)
    }

    /// Sessions that ended in a panic: always 0, or this crate has a fault of its own.
    #[must_use]
    pub fn panicked(&self) -> u64 {
        self.server.panicked.load(Ordering::Relaxed)
    }

    /// PEM of the certificate that clients have to trust; `None` without encryption.
    #[must_use]
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }
}

/// Sessions live in a set of this task, so that they end with it.
async fn accept(listener: TcpListener, server: Arc<Server>) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let number = server.connections.fetch_add(1, Ordering::Relaxed) + 1;
                    let crowded = sessions.len() >= server.config.limits.connections;
                    sessions.spawn(converse(stream, peer, number, crowded, Arc::clone(&server)));
                }
                Err(error) => {
                    // Too many open files, most likely: some will be closed.
                    tracing::warn!("could not take a connection: {error}");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            },
            Some(ended) = sessions.join_next() => {
                if ended.is_err_and(|error| error.is_panic()) {
                    server.panicked.fetch_add(1, Ordering::Relaxed);
                    tracing::error!("a session panicked");
                }
            }
        }
    }
}

async fn converse(stream: TcpStream, peer: SocketAddr, number: u64, crowded: bool, server: Arc<Server>) {
    let _ = stream.set_nodelay(true);
    let idle = server.config.limits.idle;
    if crowded {
        let mut wire = Wire::new(Box::new(stream), idle);
        wire.say(421, "4.3.2 too many connections");
        return wire.leave().await;
    }
    let mut stream: Box<dyn Stream> = Box::new(stream);
    if server.config.tls == Tls::Implicit
        && let Some(Acceptor(acceptor)) = server.acceptor.clone()
    {
        match tokio::time::timeout(idle, acceptor.accept(stream)).await {
            Ok(Ok(encrypted)) => stream = Box::new(encrypted),
            Ok(Err(_)) | Err(_) => return,
        }
    }
    Session::new(Wire::new(stream, idle), server, peer.to_string(), number).run().await;
}
