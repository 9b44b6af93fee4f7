//! A folder of the test's own, a server on a free port, and a client that speaks plain bytes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use leadflow_platform::run::Tasks;
use leadflow_platform::server::{self, Limits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Only against hanging; no test measures with it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("leadflow-edge-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

/// A server that runs until it is stopped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) tasks: Tasks,
}

impl Running {
    pub(crate) async fn start(router: axum::Router, limits: Limits) -> Self {
        let tasks = Tasks::new();
        let listener = server::bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let address = listener.local_addr();
        server::serve(&tasks, "public", listener, router, limits);
        Self { address, tasks }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.tasks.run_until(std::future::ready(()), PATIENCE).await
    }

    /// Sends one request on a connection of its own and reads the whole answer.
    pub(crate) async fn ask(&self, request: &str) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.expect("sent");
        Answer::read_to_end(&mut stream).await
    }
}

/// An answer in plain bytes.
#[derive(Debug)]
pub(crate) struct Answer(pub(crate) String);

impl Answer {
    /// Until the server closes.
    pub(crate) async fn read_to_end(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the server closes");
        // A server that closes while bytes of ours are unread resets: what was answered before counts.
        let _ = read;
        Self(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// One answer with `content-length` on a connection that stays open.
    pub(crate) async fn read_one(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = header(head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
                if body.len() >= length {
                    return Self(text);
                }
            }
            let byte = tokio::time::timeout(PATIENCE, stream.read_u8()).await.expect("an answer");
            bytes.push(byte.expect("an open connection"));
        }
    }

    pub(crate) fn status(&self) -> u16 {
        self.0.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(self.0.split("\r\n\r\n").next().unwrap_or_default(), name)
    }

    pub(crate) fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.body()).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, v)| v)
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

pub(crate) fn post(path: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {content_type}\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}
