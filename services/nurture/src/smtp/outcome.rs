//! What can come of an attempt, in words that decide what happens next.

use super::blame::{Blame, classify};

/// How far an attempt had come. Everything here lies before DATA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Waiting for a free connection.
    Pool,
    /// Resolving and connecting; with `smtps://` everything up to EHLO.
    Connect,
    /// The greeting.
    Greeting,
    /// EHLO.
    Ehlo,
    /// STARTTLS and the handshake.
    Tls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
}

impl Phase {
    /// For metrics and people: "rcpt".
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Phase::Pool => "pool",
            Phase::Connect => "connect",
            Phase::Greeting => "greeting",
            Phase::Ehlo => "ehlo",
            Phase::Tls => "tls",
            Phase::Auth => "auth",
            Phase::Mail => "mail",
            Phase::Rcpt => "rcpt",
        }
    }
}

/// Not sent, for certain: nothing of the message has left.
///
/// `text` is the relay's reply or our own words, without control characters, at most 512 bytes, addresses masked. It may be
/// stored and shown to whoever may see the lead; it belongs into no log, and `Display` leaves it out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another attempt may go well: the relay was away, busy or misunderstood, or it does not know us now. What fails before
    /// MAIL is about us and the relay, never about this mail, and so is never permanent.
    #[error("not sent for now, {} at {}", reply(*code), phase.name())]
    Transient {
        /// Of the reply, if there was one.
        code: Option<u16>,
        /// See [`Refusal`].
        text: String,
        /// Where.
        phase: Phase,
    },
    /// This mail will not be taken: 5xx to MAIL or RCPT, or an address that cannot be said in SMTP.
    #[error("not sent, {} at {}", reply(*code), phase.name())]
    Permanent {
        /// Of the reply, if there was one.
        code: Option<u16>,
        /// See [`Refusal`].
        text: String,
        /// Where.
        phase: Phase,
    },
}

/// What became of a mail after DATA. `text` and `reply` as in [`Refusal`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The relay has it: 250 to the end of the message.
    Sent {
        /// What the relay said, often with its own id of the mail.
        reply: String,
    },
    /// Not sent, for certain: 4xx to DATA or to the end of the message, or another answer to DATA that does not ask for it.
    Transient {
        /// Of the reply.
        code: u16,
        /// The reply.
        text: String,
    },
    /// Not sent, for certain: 5xx to DATA or to the end of the message.
    Permanent {
        /// Of the reply.
        code: u16,
        /// The reply.
        text: String,
    },
    /// Nobody here can know: cut or silent between the first byte of DATA and the complete final reply.
    Uncertain {
        /// "timed out waiting for the answer to the end of the message".
        why: String,
    },
}

impl Refusal {
    /// Code of the reply, if there was one.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Refusal::Transient { code, .. } | Refusal::Permanent { code, .. } => *code,
        }
    }

    /// The reply or our own words, see [`Refusal`].
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Refusal::Transient { text, .. } | Refusal::Permanent { text, .. } => text,
        }
    }

    /// Where it happened.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self {
            Refusal::Transient { phase, .. } | Refusal::Permanent { phase, .. } => *phase,
        }
    }

    /// Whose fault a permanent refusal is. A refused sender is ours whatever the relay says of it.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Refusal::Permanent { code: Some(code), text, phase: Phase::Rcpt } => classify(*code, text),
            Refusal::Permanent { code: None, phase: Phase::Rcpt, .. } => Blame::Recipient,
            Refusal::Permanent { .. } => Blame::Sender,
            Refusal::Transient { .. } => Blame::Unknown,
        }
    }
}

impl Verdict {
    /// Whose fault a permanent refusal is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Verdict::Permanent { code, text } => classify(*code, text),
            Verdict::Sent { .. } | Verdict::Transient { .. } | Verdict::Uncertain { .. } => Blame::Unknown,
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Verdict::Sent { .. } => formatter.write_str("sent"),
            Verdict::Transient { code, .. } => write!(formatter, "not sent for now, {}", reply(Some(*code))),
            Verdict::Permanent { code, .. } => write!(formatter, "not sent, {}", reply(Some(*code))),
            Verdict::Uncertain { why } => write!(formatter, "uncertain, {why}"),
        }
    }
}

fn reply(code: Option<u16>) -> String {
    code.map_or_else(|| "no reply".to_owned(), |code| format!("reply {code}"))
}
