//! A receiver that follows a script and remembers who came, a resolver that says what it is told, and clients for both.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use leadflow_platform::clock;
use leadflow_platform::webhook::{Delivery, Endpoint, Limits, Secret, SystemNames, WebhookClient, WebhookConfig};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Only against hanging; no test measures with it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What a receiver does once it has read a request.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    /// Sends this and waits for the next request on the same connection.
    Answer(String),
    /// Sends this and closes.
    AnswerAndClose(String),
    /// Sends this and nothing more, but keeps the connection.
    AnswerAndHang(String),
    /// Sends the first once and the second again and again, until it is no longer taken.
    Endless(&'static str, &'static str),
}

/// One request as it came.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) request_line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Stops when it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    received: mpsc::UnboundedReceiver<Received>,
    closed: mpsc::UnboundedReceiver<()>,
    tasks: JoinSet<()>,
}

impl Receiver {
    pub(crate) async fn start(script: Script) -> Self {
        Self::start_on(([127, 0, 0, 1], 0).into(), script).await.expect("a free port")
    }

    pub(crate) async fn start_on(address: SocketAddr, script: Script) -> std::io::Result<Self> {
        assert!(address.ip().is_loopback(), "tests stay on this machine");
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let connections = Arc::new(AtomicUsize::new(0));
        let (tell_received, received) = mpsc::unbounded_channel();
        let (tell_closed, closed) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let counted = Arc::clone(&connections);
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (script, tell_received, tell_closed) = (script.clone(), tell_received.clone(), tell_closed.clone());
                open.spawn(async move {
                    converse(stream, &script, &tell_received).await;
                    let _ = tell_closed.send(());
                });
            }
        });
        Ok(Self { address, connections, received, closed, tasks })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many connected, whatever they said.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) async fn received(&mut self) -> Received {
        tokio::time::timeout(PATIENCE, self.received.recv()).await.expect("a request").expect("a running receiver")
    }

    /// Until nobody listens any more.
    pub(crate) async fn stop(mut self) {
        self.tasks.shutdown().await;
    }

    /// Until a connection was closed by the other side.
    pub(crate) async fn closed(&mut self) {
        tokio::time::timeout(PATIENCE, self.closed.recv()).await.expect("an end").expect("a running receiver");
    }
}

/// Returns when the connection is over.
async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    script: &Script,
    tell: &mpsc::UnboundedSender<Received>,
) {
    while let Some(received) = read_request(&mut stream).await {
        let _ = tell.send(received);
        let sent = match script {
            Script::Answer(text) | Script::AnswerAndHang(text) | Script::AnswerAndClose(text) => {
                stream.write_all(text.as_bytes()).await
            }
            Script::Endless(start, again) => {
                let mut sent = stream.write_all(start.as_bytes()).await;
                while sent.is_ok() {
                    sent = stream.write_all(again.as_bytes()).await;
                }
                sent
            }
        };
        if sent.is_err() || matches!(script, Script::AnswerAndClose(_)) {
            return;
        }
    }
}

/// `None` at the end of the connection.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Received> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        bytes.push(stream.read_u8().await.ok()?);
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let request_line = lines.next()?.to_owned();
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        Some((name.parse::<HeaderName>().ok()?, value.parse::<HeaderValue>().ok()?))
    });
    let headers: HeaderMap = headers.collect();
    // Required: a sender that leaves it out gets no answer here.
    let length = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Received { request_line, headers, body: body.into() })
}

/// Answers the look-ups one after the other with these lists; the last one stays. An empty list is a failure.
pub(crate) struct Names {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Names {
    pub(crate) fn new<const N: usize>(answers: [&[&str]; N]) -> Arc<Self> {
        let parse = |list: &[&str]| list.iter().map(|ip| ip.parse().expect("an address")).collect();
        Arc::new(Self { answers: Mutex::new(answers.map(parse).into()), asked: AtomicUsize::new(0) })
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolve for Names {
    fn resolve(&self, _: Name) -> Resolving {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().expect("whole");
        let now = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        let found = now.unwrap_or_default();
        Box::pin(async move {
            if found.is_empty() {
                return Err("there is no such name".into());
            }
            Ok(Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

pub(crate) fn config(allow_networks: &[&str]) -> WebhookConfig {
    let allow_networks = allow_networks.iter().map(|text| text.parse().expect("a network")).collect();
    WebhookConfig { allow_http: true, allow_networks, ..WebhookConfig::default() }
}

pub(crate) fn client_with(config: WebhookConfig, limits: Limits, names: Arc<dyn Resolve>) -> WebhookClient {
    // The first of the tests wins.
    let _ = rustls::crypto::ring::default_provider().install_default();
    WebhookClient::with(config, limits, names).expect("a client")
}

/// That may reach the receivers of this file.
pub(crate) fn client() -> WebhookClient {
    client_with(config(&["127.0.0.0/8"]), Limits::default(), Arc::new(SystemNames))
}

/// Gives up quickly, for receivers that never answer.
pub(crate) fn impatient_client() -> WebhookClient {
    let soon = Duration::from_millis(300);
    let limits = Limits { connect: soon, total: soon * 2, drain: soon, ..Limits::default() };
    client_with(config(&["127.0.0.0/8"]), limits, Arc::new(SystemNames))
}

/// Has time without end, but for what `limits` says.
pub(crate) fn patient_client(limits: Limits) -> WebhookClient {
    client_with(config(&["127.0.0.0/8"]), Limits { total: 10 * PATIENCE, ..limits }, Arc::new(SystemNames))
}

pub(crate) fn endpoint(url: &str) -> Endpoint {
    Endpoint::parse(url, vec![Secret::parse(SECRET).expect("a secret")]).expect(url)
}

/// One attempt with some message.
pub(crate) async fn deliver(client: &WebhookClient, url: &str) -> Delivery {
    let body = Bytes::from_static(br#"{"type":"something.happened"}"#);
    let endpoint = endpoint(url);
    let attempt = client.deliver(&endpoint, "msg_1", clock::wall_now(), body, "application/json");
    tokio::time::timeout(PATIENCE, attempt).await.expect("an attempt ends")
}
