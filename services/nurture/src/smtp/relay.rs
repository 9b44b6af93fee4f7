//! The relay as the rest of the service sees it: open, ask for the rate, probe.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lettre::Address;
use lettre::transport::smtp::commands::{Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use secrecy::ExposeSecret as _;

use super::config::SmtpConfig;
use super::connection::{Connection, Dialer, refusal};
use super::outcome::{Phase, Refusal};
use super::pool::Pool;
use super::rate::Rates;
use super::ready::Ready;
use super::reply::Failure;
use super::target::{ConfigError, Target};

/// A relay with its connections and rates. Cheap to clone; all clones share both.
#[derive(Clone)]
pub struct Relay {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) dialer: Dialer,
    pub(super) pool: Pool,
    pub(super) max_per_connection: u32,
    rates: Rates,
    patience: Duration,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the credentials.
        let target = &self.inner.dialer.target;
        formatter.debug_struct("Relay").field("host", &target.host).field("port", &target.port).finish_non_exhaustive()
    }
}

/// "the relay at mail.example:587"
impl std::fmt::Display for Relay {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let target = &self.inner.dialer.target;
        write!(formatter, "the relay at {}:{}", target.host, target.port)
    }
}

impl Relay {
    /// Reads the configuration; connects to nothing.
    ///
    /// # Errors
    /// [`ConfigError`] if the URL is none of a relay or TLS cannot be set up.
    pub fn new(config: &SmtpConfig) -> Result<Self, ConfigError> {
        let target = Target::parse(config.url.expose_secret(), config.ca_file.as_deref())?;
        let hello = config.helo_name.clone().map_or_else(ClientId::default, ClientId::Domain);
        let inner = Inner {
            dialer: Dialer { target, hello, times: config.timeouts.clone() },
            pool: Pool::new(config.pool_size),
            max_per_connection: config.max_per_connection,
            rates: Rates::new(config.per_domain_per_minute.and_then(NonZeroU32::new)),
            patience: config.timeouts.pool.get(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Takes a free connection or makes one, and says MAIL and RCPT. The addresses are bare (`ada@example.test`). Whoever has
    /// not been admitted ([`Relay::admit`]) breaks the rate of the domain.
    ///
    /// # Errors
    /// [`Refusal`]: not sent, for certain.
    pub async fn open(&self, from: &str, to: &str) -> Result<Ready, Refusal> {
        let sender = address(from, Phase::Mail)?;
        let recipient = address(to, Phase::Rcpt)?;
        let permit = self.inner.pool.permit(self.inner.patience).await.ok_or_else(|| Refusal::Transient {
            code: None,
            text: "no connection was free in time".to_owned(),
            phase: Phase::Pool,
        })?;
        let connection = match self.inner.pool.take(self.inner.dialer.times.command.get()).await {
            Some(connection) => connection,
            None => self.inner.dialer.connect().await?,
        };
        let (from, to) = (from.to_owned(), to.to_owned());
        let mut ready = Ready { relay: Arc::clone(&self.inner), connection, from, to, permit };
        match self.say_envelope(&mut ready.connection, sender, recipient).await {
            Ok(()) => Ok(ready),
            Err(Stopped::Ours(refusal)) => {
                ready.rest();
                Err(refusal)
            }
            Err(Stopped::Relay(failure, phase)) => {
                let code = failure.code();
                let refusal = refusal(failure, phase, &[&ready.from, &ready.to]);
                // A complete reply: the next mail begins with RSET. 421 and what does not fit end the connection.
                if code.is_some_and(|code| code >= 400 && code != 421) {
                    ready.rest();
                }
                Err(refusal)
            }
        }
    }

    /// Takes the place of one mail in the rate of this domain. `queued`: it was told before to come again now.
    ///
    /// # Errors
    /// After how long it is to come again; no relay was asked.
    pub fn admit(&self, domain: &str, queued: bool, now: Instant) -> Result<(), Duration> {
        self.inner.rates.take(domain, queued, now)
    }

    /// Whether the relay takes us: connects anew, beside the pool, up to AUTH, and leaves. Sends nothing.
    ///
    /// # Errors
    /// [`Refusal`] with the phase that failed.
    pub async fn probe(&self) -> Result<(), Refusal> {
        let connection = self.inner.dialer.connect().await?;
        // It said everything that was asked; how it says goodbye does not matter.
        let _ = connection.quit(self.inner.dialer.times.command.get()).await;
        Ok(())
    }

    /// Closes the connections that have rested for so long: every now and then, and with zero at the end of the process.
    pub async fn close_idle(&self, rested: Duration) {
        self.inner.pool.dismiss(rested).await;
    }

    async fn say_envelope(&self, connection: &mut Connection, from: Address, to: Address) -> Result<(), Stopped> {
        let mut parameters = Vec::new();
        if connection.supports(Extension::EightBitMime) {
            // What the message will hold is not known yet.
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        for (address, phase) in [(&from, Phase::Mail), (&to, Phase::Rcpt)] {
            if AsRef::<str>::as_ref(address).is_ascii() {
                continue;
            }
            if !connection.supports(Extension::SmtpUtfEight) {
                let text = "5.6.7 the relay takes no address with other letters than ASCII".to_owned();
                return Err(Stopped::Ours(Refusal::Permanent { code: None, text, phase }));
            }
            if !parameters.contains(&MailParameter::SmtpUtfEight) {
                parameters.push(MailParameter::SmtpUtfEight);
            }
        }
        let time = self.inner.dialer.times.command.get();
        let mail = connection.say(Mail::new(Some(from), parameters), 200, time).await;
        mail.map_err(|failure| Stopped::Relay(failure, Phase::Mail))?;
        let rcpt = connection.say(Rcpt::new(to, Vec::new()), 200, time).await;
        rcpt.map_err(|failure| Stopped::Relay(failure, Phase::Rcpt))?;
        Ok(())
    }
}

/// Why the envelope was not taken.
enum Stopped {
    /// We did not say it.
    Ours(Refusal),
    /// The relay did not take it, or did not answer.
    Relay(Failure, Phase),
}

fn address(text: &str, phase: Phase) -> Result<Address, Refusal> {
    text.parse().map_err(|_| Refusal::Permanent { code: None, text: "5.1.3 this is no address".to_owned(), phase })
}
