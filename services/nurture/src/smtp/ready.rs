//! A mail whose envelope the relay has taken: send the message or take it back.

use std::sync::Arc;

use lettre::transport::smtp::commands::Data;
use lettre::transport::smtp::extension::Extension;
use tokio::sync::OwnedSemaphorePermit;

use super::connection::Connection;
use super::lines;
use super::outcome::Verdict;
use super::relay::Inner;
use super::reply::{Failure, joined, presentable};

/// The relay has taken sender and recipient and waits for DATA. Nothing of the message has been said. Dropping it closes the
/// connection, and no mail is sent.
pub struct Ready {
    pub(super) relay: Arc<Inner>,
    pub(super) connection: Connection,
    pub(super) from: String,
    pub(super) to: String,
    /// Given back with the connection.
    pub(super) permit: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the addresses.
        formatter.debug_struct("Ready").field("used", &self.connection.used).finish_non_exhaustive()
    }
}

/// Which reply is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitingFor {
    Data,
    End,
}

impl WaitingFor {
    fn words(self) -> &'static str {
        match self {
            WaitingFor::Data => "the answer to DATA",
            WaitingFor::End => "the answer to the end of the message",
        }
    }
}

impl Ready {
    /// Says DATA, the message and its end, once. Whoever drops this future before it is done knows as little as with
    /// [`Verdict::Uncertain`].
    ///
    /// Line ends are made CRLF, dots at the beginning of a line are doubled on the way. Bytes that are no ASCII need a relay
    /// with 8BITMIME; without it this is a permanent refusal of our own, code 554, and the relay hears nothing.
    pub async fn transmit(mut self, bytes: &[u8]) -> Verdict {
        if !bytes.is_ascii() && !self.connection.supports(Extension::EightBitMime) {
            self.rest();
            let text = "5.6.3 the relay takes ASCII alone, and the message has other bytes".to_owned();
            return Verdict::Permanent { code: 554, text };
        }
        let lines = lines::canonical(bytes);
        let times = &self.relay.dialer.times;
        self.connection.used += 1;
        if let Err(failure) = self.connection.say(Data, 354, times.data.get()).await {
            return self.verdict(failure, WaitingFor::Data);
        }
        match self.connection.message(&lines, times).await {
            Ok(reply) => {
                let reply = self.presentable(&joined(&reply));
                self.rest_or_leave().await;
                Verdict::Sent { reply }
            }
            Err(failure) => self.verdict(failure, WaitingFor::End),
        }
    }

    /// Takes the mail back: RSET, and the connection is free for another one.
    pub async fn abandon(mut self) {
        let time = self.relay.dialer.times.command.get();
        if self.connection.reset(time).await {
            self.rest();
        }
    }

    fn verdict(self, failure: Failure, waiting_for: WaitingFor) -> Verdict {
        match failure {
            // A positive reply that is none: to DATA, then the message was never said; to its end, then nobody knows.
            Failure::Reply { code, .. } if code < 400 && waiting_for == WaitingFor::End => {
                Verdict::Uncertain { why: format!("reply {code} instead of {}", waiting_for.words()) }
            }
            Failure::Reply { code, text } => {
                let text = self.presentable(&text);
                // 421: the relay is about to close. Below 400: it answers something else.
                if code != 421 && code >= 400 {
                    self.rest();
                }
                if code >= 500 { Verdict::Permanent { code, text } } else { Verdict::Transient { code, text } }
            }
            Failure::Broken(broken) => {
                Verdict::Uncertain { why: format!("{} waiting for {}", broken.words(), waiting_for.words()) }
            }
        }
    }

    fn presentable(&self, text: &str) -> String {
        presentable(text, &[&self.from, &self.to])
    }

    /// The connection heard every reply to its end and may carry another mail.
    pub(super) fn rest(self) {
        self.relay.pool.put(self.connection);
        drop(self.permit);
    }

    async fn rest_or_leave(self) {
        if self.connection.used < self.relay.max_per_connection {
            self.rest();
        } else {
            self.connection.dismiss().await;
        }
    }
}
