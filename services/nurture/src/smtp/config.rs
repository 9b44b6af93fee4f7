//! Section `smtp`: where the relay is, how long each phase may take, how much it is asked to take.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// How mails leave.
#[derive(Clone, Debug, Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// The relay: `smtp://user:password@host:587` (STARTTLS, required), `smtps://user:password@host:465` (TLS from the first
    /// byte) or `smtp+plain://host:25` (no TLS: loopback or a private network). Name and password may be left out; special
    /// characters in them are percent-encoded.
    #[garde(skip)]
    #[schemars(with = "String")]
    pub url: SecretString,
    /// PEM file of the authority that signed the relay's certificate, for a private one. It is then the only one trusted.
    #[serde(default)]
    #[garde(skip)]
    pub ca_file: Option<PathBuf>,
    /// Connections at once.
    #[serde(default = "default_pool_size")]
    #[garde(range(min = 1, max = 200))]
    pub pool_size: u32,
    /// Mails over one connection before it is closed. Many relays count.
    #[serde(default = "default_max_per_connection")]
    #[garde(range(min = 1, max = 100_000))]
    pub max_per_connection: u32,
    /// Most mails to one recipient's domain within any 60 seconds, for this process: with n replicas give an n-th.
    #[serde(default)]
    #[garde(inner(range(min = 1, max = 1_000_000)))]
    pub per_domain_per_minute: Option<u32>,
    /// What this host calls itself in EHLO; left out: its host name.
    #[serde(default)]
    #[garde(inner(custom(host_name)))]
    pub helo_name: Option<String>,
    /// How long each phase may take.
    #[serde(default)]
    #[garde(skip)]
    pub timeouts: SmtpTimeouts,
}

/// Seconds until a phase is given up. Before DATA that means another attempt later; from DATA on the mail stays uncertain,
/// which is why the last one is long (RFC 5321 section 4.5.3.2.6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SmtpTimeouts {
    /// A mail whose process died before DATA is taken over by another after so long; a process that lives says so three
    /// times in it.
    pub claim: Seconds,
    /// For a free connection of the pool.
    pub pool: Seconds,
    /// For the name to be resolved and the connection to stand.
    pub connect: Seconds,
    /// For the first byte of the greeting.
    pub greeting: Seconds,
    /// For the answer to each command before DATA; with STARTTLS for the handshake too.
    pub command: Seconds,
    /// For the answer to DATA.
    pub data: Seconds,
    /// For the whole message to leave.
    pub body: Seconds,
    /// For the answer to the end of the message.
    pub final_reply: Seconds,
}

impl Default for SmtpTimeouts {
    fn default() -> Self {
        Self {
            claim: Seconds(Duration::from_secs(30)),
            pool: Seconds(Duration::from_secs(30)),
            connect: Seconds(Duration::from_secs(10)),
            greeting: Seconds(Duration::from_secs(30)),
            command: Seconds(Duration::from_secs(30)),
            data: Seconds(Duration::from_secs(60)),
            body: Seconds(Duration::from_secs(120)),
            final_reply: Seconds(Duration::from_secs(300)),
        }
    }
}

/// A time between 0.05 and 3600 seconds, as a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "f64", into = "f64")]
#[schemars(with = "f64")]
pub struct Seconds(Duration);

impl Seconds {
    /// As a duration.
    #[must_use]
    pub fn get(self) -> Duration {
        self.0
    }
}

impl TryFrom<f64> for Seconds {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        if (0.05..=3600.0).contains(&seconds) {
            Ok(Self(Duration::from_secs_f64(seconds)))
        } else {
            Err("must be between 0.05 and 3600 seconds".to_owned())
        }
    }
}

impl From<Seconds> for f64 {
    fn from(seconds: Seconds) -> Self {
        seconds.0.as_secs_f64()
    }
}

impl SmtpConfig {
    /// Everything but the relay as it is when it is left out.
    #[must_use]
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            ca_file: None,
            pool_size: default_pool_size(),
            max_per_connection: default_max_per_connection(),
            per_domain_per_minute: None,
            helo_name: None,
            timeouts: SmtpTimeouts::default(),
        }
    }

    /// The longest that [`Ready::transmit`](super::Ready::transmit) may take.
    #[must_use]
    pub fn longest_transmit(&self) -> Duration {
        let times = &self.timeouts;
        times.data.get() + times.body.get() + times.final_reply.get() + Duration::from_secs(1)
    }
}

const fn default_pool_size() -> u32 {
    8
}

const fn default_max_per_connection() -> u32 {
    100
}

/// A name goes into a command as it is.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that garde calls")]
fn host_name(name: &str, (): &()) -> garde::Result {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if (1..=253).contains(&name.len()) && name.chars().all(fits) {
        Ok(())
    } else {
        Err(garde::Error::new("is not a host name like mail.example.com or an address like [192.0.2.1]"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use leadflow_platform::config::from_yaml;

    use super::*;

    #[test]
    fn a_file_is_read_strictly() {
        let config: SmtpConfig =
            from_yaml(Path::new("smtp.yaml"), "url: smtp+plain://localhost:25\ntimeouts:\n  greeting: 2.5\n").unwrap();
        assert_eq!((config.pool_size, config.timeouts.greeting.get()), (8, Duration::from_millis(2500)));
        assert_eq!(config.timeouts.connect, SmtpTimeouts::default().connect);
        assert!(!format!("{config:?}").contains("localhost"), "the URL holds a password");
        for wrong in [
            "timeouts: {greeting: 0}",
            "timeouts: {greeting: .nan}",
            "timeouts: {body: 99999}",
            "timeouts: {goodbye: 3}",
            "pool_size: 0",
            "per_domain_per_minute: 0",
            "helo_name: \"a b\"",
            "helo_name: \"a\\r\\nMAIL\"",
            "helo_name: \"\"",
            "pool: 3",
        ] {
            let text = format!("url: smtp+plain://localhost:25\n{wrong}\n");
            assert!(from_yaml::<SmtpConfig>(Path::new("smtp.yaml"), &text).is_err(), "{wrong}");
        }
    }
}
