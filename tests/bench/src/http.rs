//! HTTP/1.1 as a load generator needs it: requests are bytes that were made before, of an answer only status and length
//! are read. Kept-alive connections, one request at a time; an answer without Content-Length is an error.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const LONGEST_ANSWER: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);

/// What a sender has to know of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The broker has it.
    Accepted,
    /// 503: the same is to be sent again.
    Later,
}

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
    /// If the connection breaks, or the answer is neither 2xx nor 503.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request)?;
        let mut have = 0;
        loop {
            let more = self.stream.read(&mut self.buffer[have..])?;
            anyhow::ensure!(more > 0, "the connection was closed");
            have += more;
            if let Some(answer) = answer_in(&self.buffer[..have])? {
                return Ok(answer);
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
    /// If the connection breaks, or the answer is neither 2xx nor 503.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request).await?;
        let mut have = 0;
        loop {
            let more = self.stream.read(&mut self.buffer[have..]).await?;
            anyhow::ensure!(more > 0, "the connection was closed");
            have += more;
            if let Some(answer) = answer_in(&self.buffer[..have])? {
                return Ok(answer);
            }
        }
    }
}

/// The answer, once these bytes are a whole one.
fn answer_in(bytes: &[u8]) -> anyhow::Result<Option<Answer>> {
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        anyhow::ensure!(bytes.len() < 4096, "an answer without an end of its head");
        return Ok(None);
    };
    let mut lines = std::str::from_utf8(&bytes[..head])?.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status line")?;
    let mut fields = lines.filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.context("an answer without Content-Length")?.1.trim().parse()?;
    if bytes.len() < head + 4 + length {
        return Ok(None);
    }
    match status {
        "503" => Ok(Some(Answer::Later)),
        _ if status.starts_with('2') => Ok(Some(Answer::Accepted)),
        _ => anyhow::bail!("answered {status}: {}", String::from_utf8_lossy(&bytes[head + 4..])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nx: y\r\n\r\nbody";
        for cut in 0..answer.len() {
            assert_eq!(answer_in(&answer[..cut]).expect("a part of an answer"), None, "{cut}");
        }
        assert_eq!(answer_in(answer).expect("an answer"), Some(Answer::Accepted));
    }

    #[test]
    fn a_refusal_is_an_error_that_says_what_the_door_said() {
        let error = answer_in(b"HTTP/1.1 429 Too Many\r\ncontent-length: 5\r\n\r\nlater").expect_err("a refusal");
        assert!(error.to_string().contains("429") && error.to_string().contains("later"), "{error}");
        assert!(answer_in(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        let busy = answer_in(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").expect("an answer");
        assert_eq!(busy, Some(Answer::Later));
    }
}
