//! The log of a mailbox: one JSON line for every attempt to send, written before the client can see how it ended.

use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// Name of the log in the folder of a mailbox.
pub const LOG_FILE: &str = "log.jsonl";

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was decided.
    pub at: Timestamp,
    /// Number of the connection since the start, from 1.
    pub connection: u64,
    /// "127.0.0.1:50312".
    pub peer: String,
    /// Sender of the envelope; empty for the empty path and where none was named.
    pub from: String,
    /// Recipients that were taken, and those that were refused when no other was.
    pub to: Vec<String>,
    /// Message-ID without its brackets, of as much of the message as was read.
    pub message_id: Option<String>,
    /// Subject, decoded, of as much of the message as was read.
    pub subject: Option<String>,
    /// File in the same folder with the bytes of the message, dots unstuffed; only if it was kept.
    pub file: Option<String>,
    /// Bytes of the message that were read.
    pub size: u64,
    /// How it ended.
    pub verdict: Outcome,
    /// The truth: whether the message is here. Always `verdict == kept`, for readers in other languages.
    pub kept: bool,
    /// How far the conversation had come.
    pub phase: Phase,
    /// The fault that was played; `null`: it would have ended so anyway.
    pub fault: Option<Fault>,
    /// Code of the reply that ended it; `null` if there was none.
    pub code: Option<u16>,
    /// Whether the whole message had been read.
    pub complete: bool,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The message is in its file, whatever the client was told.
    Kept,
    /// Refused with a code.
    Refused,
    /// The mailbox closed the connection without a reply.
    Cut,
    /// The mailbox fell silent.
    Hung,
    /// The client took it back (RSET, QUIT, another EHLO).
    Abandoned,
    /// The client was gone.
    Left,
}

/// How far a conversation had come: the last thing that the client had said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing yet, nor had the mailbox.
    Greeting,
    /// EHLO.
    Ehlo,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// Some of the message.
    Body,
    /// All of the message.
    End,
}

/// Every line of the log of `folder`, in its order; none if there is no log. A line that a kill tore at the end is no line.
///
/// # Errors
/// If the file cannot be read, or a whole line is none of ours.
pub fn read_log(folder: &Path) -> anyhow::Result<Vec<Entry>> {
    let path = folder.join(LOG_FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("could not read {}", path.display())),
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = whole.lines().enumerate();
    lines
        .map(|(number, line)| {
            serde_json::from_str(line).with_context(|| format!("line {} of {}", number + 1, path.display()))
        })
        .collect()
}

/// The wall clock, for the log.
#[expect(clippy::disallowed_methods, reason = "the one place; nothing is decided by it")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
