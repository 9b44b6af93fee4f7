//! HTTP/1.1 as a load generator needs it: requests are bytes that were made before, of an answer only status and length
//! are read. Kept-alive connections, one request at a time; an answer without Content-Length is an error.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const LONGEST_ANSWER: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection of a thread that waits.
pub(crate) struct Blocking {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Blocking {
    /// Opens it.
    ///
    /// # Errors
    /// If nobody listens.
    pub(crate) fn open(authority: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(authority)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; LONGEST_ANSWER] })
    }

    /// Sends a request and reads its answer in full.
    ///
    /// # Errors
    /// If the connection breaks, or the answer is not 2xx.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request)?;
        let mut have = 0;
        loop {
            let more = self.stream.read(&mut self.buffer[have..])?;
            anyhow::ensure!(more > 0, "the connection was closed");
            have += more;
            if is_answered(&self.buffer[..have])? {
                return Ok(());
            }
        }
    }
}

/// A connection among many on one thread.
pub(crate) struct Shared {
    stream: tokio::net::TcpStream,
    buffer: Vec<u8>,
}

impl Shared {
    /// Opens it.
    ///
    /// # Errors
    /// If nobody listens.
    pub(crate) async fn open(authority: &str) -> anyhow::Result<Self> {
        let stream = tokio::net::TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 4096] })
    }

    /// Sends a request and reads its answer in full.
    ///
    /// # Errors
    /// If the connection breaks, or the answer is not 2xx.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await?;
        let mut have = 0;
        loop {
            let more = self.stream.read(&mut self.buffer[have..]).await?;
            anyhow::ensure!(more > 0, "the connection was closed");
            have += more;
            if is_answered(&self.buffer[..have])? {
                return Ok(());
            }
        }
    }
}

/// Whether these bytes are a whole answer.
fn is_answered(bytes: &[u8]) -> anyhow::Result<bool> {
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        anyhow::ensure!(bytes.len() < 4096, "an answer without an end of its head");
        return Ok(false);
    };
    let text = std::str::from_utf8(&bytes[..head])?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status line")?;
    let length =
        lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.context("an answer without Content-Length")?.1.trim().parse()?;
    let whole = bytes.len() >= head + 4 + length;
    if whole && !status.starts_with('2') {
        anyhow::bail!("answered {status}: {}", String::from_utf8_lossy(&bytes[head + 4..]));
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nx: y\r\n\r\nbody";
        for cut in 0..answer.len() {
            assert!(!is_answered(&answer[..cut]).expect("a part of an answer"), "{cut}");
        }
        assert!(is_answered(answer).expect("an answer"));
    }

    #[test]
    fn a_refusal_is_an_error_that_says_what_the_door_said() {
        let error = is_answered(b"HTTP/1.1 429 Too Many\r\ncontent-length: 5\r\n\r\nlater").expect_err("a refusal");
        assert!(error.to_string().contains("429") && error.to_string().contains("later"), "{error}");
        assert!(is_answered(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
