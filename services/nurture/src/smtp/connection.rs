//! One connection to the relay: made step by step, each step with its own time and its own name when it fails. Over lettre's
//! SMTP client, which is given a socket without delay: a message is two writes, and the second would wait for an
//! acknowledgement of the first.

use std::time::Duration;

use lettre::transport::smtp::authentication::DEFAULT_MECHANISMS;
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::Rset;
use lettre::transport::smtp::extension::{ClientId, Extension};
use lettre::transport::smtp::response::Response;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::config::SmtpTimeouts;
use super::outcome::{Phase, Refusal};
use super::reply::{Broken, Failure, joined, presentable};
use super::target::{Security, Target};

/// How long a rested connection may take to show that it lives.
const LIVENESS: Duration = Duration::from_secs(5);
/// How long a last reply is looked for after a write failed.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Pieces in which a message is written.
const CHUNK: usize = 64 * 1024;

/// A connection that has said EHLO and whatever its security asks for.
pub(super) struct Connection {
    inner: AsyncSmtpConnection,
    /// Mails that were begun.
    pub(super) used: u32,
}

/// How a connection is made.
pub(super) struct Dialer {
    pub(super) target: Target,
    pub(super) hello: ClientId,
    pub(super) times: SmtpTimeouts,
}

impl Dialer {
    /// Up to where MAIL may be said.
    pub(super) async fn connect(&self) -> Result<Connection, Refusal> {
        let command = self.times.command.get();
        let mut inner = match &self.target.security {
            Security::Implicit(tls) => self.greet_encrypted(tls).await?,
            Security::Plain => self.greet().await?,
            Security::StartTls(tls) => {
                let mut inner = self.greet().await?;
                if !inner.can_starttls() {
                    let text = "the relay offers no STARTTLS, and nothing is sent in the clear".to_owned();
                    return Err(Refusal::Transient { code: None, text, phase: Phase::Tls });
                }
                let upgraded = within(command * 2, inner.starttls(tls.clone(), &self.hello)).await;
                upgraded.map_err(|failure| refusal(failure, Phase::Tls, &[]))?;
                inner
            }
        };
        if let Some(credentials) = &self.target.credentials {
            let known = within(command, inner.auth(DEFAULT_MECHANISMS, credentials)).await;
            known.and_then(|reply| expect(reply, 200)).map_err(|failure| refusal(failure, Phase::Auth, &[]))?;
        }
        Ok(Connection { inner, used: 0 })
    }

    /// Connects in the clear; greeting and EHLO.
    async fn greet(&self) -> Result<AsyncSmtpConnection, Refusal> {
        let broken = |broken, phase| refusal(Failure::Broken(broken), phase, &[]);
        let address = (self.target.host.as_str(), self.target.port);
        let connecting = timeout(self.times.connect.get(), TcpStream::connect(address)).await;
        let stream = match connecting {
            Ok(Ok(stream)) => stream,
            Ok(Err(_)) => return Err(broken(Broken::Cut, Phase::Connect)),
            Err(_) => return Err(broken(Broken::TimedOut, Phase::Connect)),
        };
        // Without it all goes on, only slower.
        let _ = stream.set_nodelay(true);
        // A look at the first byte tells greeting and EHLO apart, which lettre does in one step.
        let mut first = [0];
        let phase = match timeout(self.times.greeting.get(), stream.peek(&mut first)).await {
            Ok(Ok(1..)) if first == *b"2" => Phase::Ehlo,
            Ok(Ok(1..)) => Phase::Greeting,
            Ok(Ok(0) | Err(_)) => return Err(broken(Broken::Cut, Phase::Greeting)),
            Err(_) => return Err(broken(Broken::TimedOut, Phase::Greeting)),
        };
        let hello = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &self.hello);
        within(self.times.command.get(), hello).await.map_err(|failure| refusal(failure, phase, &[]))
    }

    /// Connects encrypted; greeting and EHLO. lettre does it in one step, so what breaks is told as one.
    async fn greet_encrypted(&self, tls: &TlsParameters) -> Result<AsyncSmtpConnection, Refusal> {
        let address = (self.target.host.as_str(), self.target.port);
        let (connect, times) = (self.times.connect.get(), &self.times);
        let hello = AsyncSmtpConnection::connect_tokio1(address, Some(connect), &self.hello, Some(tls.clone()), None);
        within(connect + times.greeting.get() + times.command.get(), hello).await.map_err(|failure| {
            let phase = if matches!(failure, Failure::Reply { .. }) { Phase::Greeting } else { Phase::Connect };
            refusal(failure, phase, &[])
        })
    }
}

impl Connection {
    /// Says a command and reads its reply, which has to be of this hundred or exactly this code.
    pub(super) async fn say(
        &mut self,
        command: impl std::fmt::Display,
        expected: u16,
        time: Duration,
    ) -> Result<Response, Failure> {
        within(time, self.inner.command(command)).await.and_then(|reply| expect(reply, expected))
    }

    /// Whether it lives and is ready for MAIL.
    pub(super) async fn reset(&mut self, time: Duration) -> bool {
        self.say(Rset, 200, time.min(LIVENESS)).await.is_ok()
    }

    /// Says QUIT and waits for no answer: a zero timeout still lets the command leave.
    pub(super) async fn dismiss(mut self) {
        let _ = timeout(Duration::ZERO, self.inner.quit()).await;
    }

    /// Says QUIT and waits for the answer.
    pub(super) async fn quit(mut self, time: Duration) -> Result<(), Failure> {
        within(time, self.inner.quit()).await.map(|_| ())
    }

    pub(super) fn supports(&self, extension: Extension) -> bool {
        self.inner.server_info().supports_feature(extension)
    }

    /// Writes the message and reads the final reply. `lines` as `lines::canonical` makes them.
    pub(super) async fn message(&mut self, lines: &[u8], times: &SmtpTimeouts) -> Result<Response, Failure> {
        let sent = self.write_message(lines, times).await;
        if let Err(Failure::Broken(Broken::Cut)) = sent {
            // A relay that refuses in the middle of a message says so and closes: the write fails, and the reply is there.
            // A positive one would not be about this message.
            if let Err(reply @ Failure::Reply { .. }) = within(LAST_WORDS, self.inner.read_response()).await {
                return Err(reply);
            }
        }
        sent.and_then(|reply| expect(reply, 200))
    }

    async fn write_message(&mut self, lines: &[u8], times: &SmtpTimeouts) -> Result<Response, Failure> {
        let (end, ended) = oneshot::channel();
        let pieces = Pieces { rest: lines.chunks(CHUNK), end: Some(end) };
        let mut sending = std::pin::pin!(self.inner.message_iter(pieces));
        let writing = async {
            tokio::select! {
                biased;
                done = &mut sending => Some(done),
                _ = ended => None,
            }
        };
        let written = timeout(times.body.get(), writing).await;
        match written {
            Err(_) => Err(Failure::Broken(Broken::TimedOut)),
            Ok(Some(done)) => Ok(done?),
            Ok(None) => within(times.final_reply.get(), sending).await,
        }
    }
}

/// The pieces of a message; tells when the last one was written, which is when lettre asks for another.
struct Pieces<'a> {
    rest: std::slice::Chunks<'a, u8>,
    end: Option<oneshot::Sender<()>>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let piece = self.rest.next();
        if piece.is_none()
            && let Some(end) = self.end.take()
        {
            // Nobody waits any more if the writing took too long.
            let _ = end.send(());
        }
        piece
    }
}

async fn within<T>(
    time: Duration,
    work: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
) -> Result<T, Failure> {
    match timeout(time, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Failure::Broken(Broken::TimedOut)),
    }
}

/// A positive reply that does not fit is none that can be relied on: whose command does it answer?
fn expect(reply: Response, expected: u16) -> Result<Response, Failure> {
    let code = u16::from(reply.code());
    let fits = code == expected || (expected == 200 && code / 100 == 2);
    if fits { Ok(reply) } else { Err(Failure::Reply { code, text: joined(&reply) }) }
}

/// A failure before DATA as what it means for the mail.
pub(super) fn refusal(failure: Failure, phase: Phase, people: &[&str]) -> Refusal {
    match failure {
        Failure::Reply { code, text } => {
            let text = presentable(&text, people);
            let about_the_mail = phase >= Phase::Mail && (500..600).contains(&code);
            let code = Some(code);
            if about_the_mail {
                Refusal::Permanent { code, text, phase }
            } else {
                Refusal::Transient { code, text, phase }
            }
        }
        Failure::Broken(broken) => {
            let text = format!("{} at {}", broken.words(), phase.name());
            Refusal::Transient { code: None, text, phase }
        }
    }
}
