//! The bytes of one connection: lines in, replies out, and the ways to hang and to end. Knows no command.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

/// Longest command line in bytes. RFC 5321 section 4.5.3.1.4 asks for 512; extensions add to it (AUTH: 12,288).
const MAX_LINE: usize = 12_288;
const CHUNK: usize = 64 * 1024;
/// How long a client may take to read a last reply before the connection is dropped.
const FAREWELL: Duration = Duration::from_secs(2);
/// Between the bytes of a dripping reply.
const DRIP: Duration = Duration::from_millis(5);

/// What a connection runs on: plain or encrypted.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One connection. Replies wait until something is read, so that a pipelined group is answered in one piece.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
    /// Of `input`, what was used.
    used: usize,
    output: Vec<u8>,
    idle: Duration,
}

/// What was read as a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// With its LF.
    Text(Vec<u8>),
    /// Longer than a command may be; it was read to its end and forgotten.
    TooLong,
}

/// Why nothing more can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The client closed, or the connection broke.
    Closed,
    /// The client is silent.
    Idle,
}

impl Wire {
    pub(crate) fn new(stream: Box<dyn Stream>, idle: Duration) -> Self {
        Self { stream, input: Vec::new(), used: 0, output: Vec::new(), idle }
    }

    /// Adds "code text" to what will be sent.
    pub(crate) fn say(&mut self, code: u16, text: &str) {
        self.output.extend_from_slice(format!("{code} {text}\r\n").as_bytes());
    }

    /// Adds bytes as they are.
    pub(crate) fn say_raw(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Forgets what was said and not sent.
    pub(crate) fn unsay(&mut self) {
        self.output.clear();
    }

    /// Sends what was said.
    pub(crate) async fn flush(&mut self) -> Result<(), Gone> {
        let output = std::mem::take(&mut self.output);
        let sending = async {
            self.stream.write_all(&output).await?;
            self.stream.flush().await
        };
        match timeout(self.idle, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Gone::Closed),
            Err(_) => Err(Gone::Idle),
        }
    }

    /// What was read and not used.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.input[self.used..]
    }

    /// Marks the first `count` unread bytes as used.
    pub(crate) fn consume(&mut self, count: usize) {
        self.used = (self.used + count).min(self.input.len());
        if self.used == self.input.len() {
            self.input.clear();
            self.used = 0;
        }
    }

    /// Sends what was said and reads some more.
    pub(crate) async fn fill(&mut self) -> Result<(), Gone> {
        self.flush().await?;
        self.input.drain(..self.used);
        self.used = 0;
        self.input.reserve(CHUNK);
        match timeout(self.idle, self.stream.read_buf(&mut self.input)).await {
            Ok(Ok(1..)) => Ok(()),
            Ok(Ok(0) | Err(_)) => Err(Gone::Closed),
            Err(_) => Err(Gone::Idle),
        }
    }

    /// The next line of a command.
    pub(crate) async fn line(&mut self) -> Result<Line, Gone> {
        let mut too_long = false;
        loop {
            if let Some(end) = self.unread().iter().position(|byte| *byte == b'\n') {
                let line = self.unread()[..=end].to_vec();
                self.consume(line.len());
                return Ok(if too_long || line.len() > MAX_LINE { Line::TooLong } else { Line::Text(line) });
            }
            if self.unread().len() > MAX_LINE {
                too_long = true;
                self.consume(self.input.len());
            }
            self.fill().await?;
        }
    }

    /// Sends what was said before, then reads and forgets until the client leaves or the time is over.
    pub(crate) async fn hang(&mut self, at_most: Duration) {
        if self.flush().await.is_err() {
            return;
        }
        let mut sink = vec![0; CHUNK];
        let reading = async { while matches!(self.stream.read(&mut sink).await, Ok(1..)) {} };
        let _ = timeout(at_most, reading).await;
    }

    /// Sends what was said before, then does not even read.
    pub(crate) async fn stall(&mut self, time: Duration) {
        if self.flush().await.is_ok() {
            tokio::time::sleep(time).await;
        }
    }

    /// Sends what was said, byte by byte.
    pub(crate) async fn drip(&mut self) -> Result<(), Gone> {
        for byte in std::mem::take(&mut self.output) {
            self.output = vec![byte];
            self.flush().await?;
            tokio::time::sleep(DRIP).await;
        }
        Ok(())
    }

    /// Sends what was said and closes so that the client can read it: closing over unread bytes would reset the
    /// connection and take the reply with it.
    pub(crate) async fn leave(&mut self) {
        let _ = self.flush().await;
        let _ = timeout(FAREWELL, self.stream.shutdown()).await;
        self.hang(FAREWELL).await;
    }

    /// The stream below, for encryption. What was read in the clear is forgotten: it may be somebody else's
    /// (RFC 3207 section 4.2).
    pub(crate) fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(input: &[u8]) -> Vec<Line> {
        let (mut client, server) = tokio::io::duplex(1024 * 1024);
        client.write_all(input).await.unwrap();
        drop(client);
        let mut wire = Wire::new(Box::new(server), Duration::from_secs(30));
        let mut lines = Vec::new();
        while let Ok(line) = wire.line().await {
            lines.push(line);
        }
        lines
    }

    #[tokio::test]
    async fn lines_end_at_lf_and_long_ones_are_forgotten() {
        let text = |text: &[u8]| Line::Text(text.to_vec());
        assert_eq!(lines(b"a\r\nb\n\nrest").await, [text(b"a\r\n"), text(b"b\n"), text(b"\n")]);
        for length in [MAX_LINE, 2 * MAX_LINE, 200_000] {
            let input = [vec![b'x'; length], b"\nnext\n".to_vec()].concat();
            assert_eq!(lines(&input).await, [Line::TooLong, text(b"next\n")], "{length}");
        }
    }

    #[tokio::test]
    async fn silence_is_not_an_end() {
        let (_client, server) = tokio::io::duplex(16);
        let mut wire = Wire::new(Box::new(server), Duration::from_millis(1));
        assert_eq!(wire.line().await, Err(Gone::Idle));
    }
}
