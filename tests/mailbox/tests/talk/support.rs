//! A folder of the test's own, a client that says exactly what it is told.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use leadflow_mailbox::{Config, Mailbox, Script};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Far more than anything takes; only a test that fails waits so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mailbox-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub async fn mailbox(script: Script) -> (Folder, Mailbox) {
    let folder = Folder::new();
    let mailbox = Mailbox::start(Config::new(&folder.0).with_script(script)).await.unwrap();
    (folder, mailbox)
}

/// Speaks raw bytes.
pub struct Client {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Client {
    /// Connected; nothing was read.
    pub async fn silent(mailbox: &Mailbox) -> Self {
        Self { stream: TcpStream::connect(mailbox.address).await.unwrap(), input: Vec::new() }
    }

    /// Greeted.
    pub async fn new(mailbox: &Mailbox) -> Self {
        let mut client = Self::silent(mailbox).await;
        assert!(client.reply().await.starts_with("220 "));
        client.say("EHLO client.test").await;
        assert!(client.reply().await.starts_with("250-"));
        client
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub async fn say(&mut self, line: &str) {
        self.send(format!("{line}\r\n").as_bytes()).await;
    }

    /// One whole reply; empty when the other side is gone.
    pub async fn reply(&mut self) -> String {
        loop {
            let mut end = 0;
            for line in self.input.split_inclusive(|byte| *byte == b'\n') {
                end += line.len();
                if line.ends_with(b"\n") && line.get(3) == Some(&b' ') {
                    let reply = self.input.drain(..end).collect();
                    return String::from_utf8(reply).unwrap();
                }
            }
            match tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.input)).await.expect("an answer") {
                Ok(1..) => {}
                Ok(0) | Err(_) => return String::new(),
            }
        }
    }

    /// Says each line and checks the code of its reply.
    pub async fn talk(&mut self, table: &[(&str, &str)]) {
        for (line, code) in table {
            self.say(line).await;
            let reply = self.reply().await;
            assert!(reply.starts_with(code), "{line:?} was answered {reply:?}, not {code}");
        }
    }

    /// MAIL, RCPT and DATA that are taken.
    pub async fn begin(&mut self, to: &str) {
        self.talk(&[("MAIL FROM:<us@example.test>", "250"), (&format!("RCPT TO:<{to}>"), "250"), ("DATA", "354")])
            .await;
    }
}
