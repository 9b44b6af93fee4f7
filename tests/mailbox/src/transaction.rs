//! One attempt to send a mail, from MAIL to its end, and its line of the log.

use mail_parser::MessageParser;

use crate::fault::Fault;
use crate::log::{Entry, Outcome, Phase, now};

/// What the client has told of a mail so far.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) from: String,
    /// Those that were taken.
    pub(crate) to: Vec<String>,
    /// Drawn when the first recipient came.
    pub(crate) fault: Option<Fault>,
    /// How many recipients were named.
    pub(crate) named: usize,
    pub(crate) phase: Phase,
    /// What was read of the message.
    pub(crate) bytes: Vec<u8>,
}

impl Transaction {
    pub(crate) fn new(from: String) -> Self {
        Self { from, to: Vec::new(), fault: None, named: 0, phase: Phase::Mail, bytes: Vec::new() }
    }

    /// Its line. `connection` and `peer` are the session's to fill in.
    pub(crate) fn entry(&self, verdict: Outcome, fault: Option<Fault>, code: Option<u16>) -> Entry {
        let headers = MessageParser::default().parse_headers(&self.bytes);
        let headers = headers.as_ref();
        Entry {
            at: now(),
            connection: 0,
            peer: String::new(),
            from: self.from.clone(),
            to: self.to.clone(),
            message_id: headers.and_then(|message| message.message_id()).map(str::to_owned),
            subject: headers.and_then(|message| message.subject()).map(str::to_owned),
            file: None,
            size: self.bytes.len() as u64,
            verdict,
            kept: verdict == Outcome::Kept,
            phase: self.phase,
            fault,
            code,
            complete: self.phase == Phase::End,
        }
    }
}
