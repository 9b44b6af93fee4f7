//! What a mailbox is told at its start.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::script::Script;

/// How a [`Mailbox`](crate::Mailbox) is to listen, keep and fail.
#[derive(Clone, Debug)]
pub struct Config {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where mails and log are kept; made if it is missing, continued if it is there.
    pub folder: PathBuf,
    /// What goes wrong.
    pub script: Script,
    /// Who may send.
    pub auth: Auth,
    /// Encryption, with a certificate made at the start.
    pub tls: Tls,
    /// What is offered besides.
    pub extensions: Extensions,
    /// What is too much.
    pub limits: Limits,
}

impl Config {
    /// A free port of the loopback address, no faults, no passwords, no encryption.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            folder: folder.into(),
            script: Script::default(),
            auth: Auth::Off,
            tls: Tls::Off,
            extensions: Extensions::default(),
            limits: Limits::default(),
        }
    }

    /// The same, with this script.
    #[must_use]
    pub fn with_script(self, script: Script) -> Self {
        Self { script, ..self }
    }
}

/// Whether senders give a name and a password (PLAIN or LOGIN).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Not offered.
    Off,
    /// Offered, and any pair is good.
    AcceptAny,
    /// Required, and only this pair is good.
    Only {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
}

/// Encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// None.
    Off,
    /// Offered after EHLO (RFC 3207).
    StartTls,
    /// From the first byte (RFC 8314).
    Implicit,
}

/// Extensions that may be left out; PIPELINING, SIZE and ENHANCEDSTATUSCODES are always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extensions {
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 6531.
    pub smtp_utf8: bool,
}

impl Default for Extensions {
    fn default() -> Self {
        Self { eight_bit_mime: true, smtp_utf8: false }
    }
}

/// What is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message.
    pub message: usize,
    /// Bytes of a line of a message, without its CRLF (RFC 5322 section 2.1.1: 998).
    pub line: usize,
    /// Recipients of a message.
    pub recipients: usize,
    /// Connections at once.
    pub connections: usize,
    /// Silence after which a client is sent away; also how long an answer may take to leave.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 25 * 1024 * 1024,
            line: 998,
            recipients: 1000,
            connections: 1000,
            idle: Duration::from_secs(300),
        }
    }
}
