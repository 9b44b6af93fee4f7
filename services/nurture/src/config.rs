//! What the role is told: who writes, through which relay, and the manners of the house.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use leadflow_platform::consumer::ConsumerConfig;
use leadflow_platform::pg::PgConfig;
use leadflow_platform::webhook::WebhookConfig;

use crate::domain::journey::source::WindowSource;
use crate::domain::window::{self, Window};
use crate::door::Proxies;
use crate::smtp::SmtpConfig;

/// Section `nurture`.
#[derive(Clone, Debug, serde::Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NurtureConfig {
    /// Public address: the door of the mails and gRPC together.
    #[garde(skip)]
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Health and metrics; the public port + 1000 on the same address if not given.
    #[serde(default)]
    #[garde(skip)]
    #[schemars(with = "Option<String>")]
    pub ops_listen: Option<SocketAddr>,
    /// Its own schema.
    #[garde(dive)]
    pub database: PgConfig,
    /// Batches, their size, where to begin.
    #[serde(default)]
    #[garde(dive)]
    pub consumer: ConsumerConfig,
    /// Proxies in front of this role, as addresses and networks: their `X-Forwarded-For` says who follows a link, nobody
    /// else's does. Left out: those at loopback, private and link-local addresses.
    #[serde(default)]
    #[garde(skip)]
    #[schemars(with = "Vec<String>")]
    pub trusted_proxies: Proxies,
    /// Where the links of mails lead: the public address of this role as people reach it, `https://mail.seller.example`.
    #[garde(custom(web_address))]
    pub public_url: String,
    /// Who writes.
    #[garde(dive)]
    pub sender: SenderConfig,
    /// The relay. SPF, DKIM and DMARC are its business and that of the domain.
    #[garde(dive)]
    pub smtp: SmtpConfig,
    /// Time zone of people of whom neither zone nor country is known; IANA name.
    #[serde(default = "utc")]
    #[garde(custom(time_zone))]
    pub default_time_zone: String,
    /// No marketing mail goes out in these hours of the lead's own day.
    #[serde(default = "night")]
    #[garde(custom(hours))]
    pub quiet_hours: Option<WindowSource>,
    /// Most marketing mails to one address, over all journeys.
    #[serde(default = "usual_cap")]
    #[garde(dive)]
    pub frequency_cap: Option<FrequencyCap>,
    /// Given: only these addresses and domains ("@seller.example") get mails at all. For test systems.
    #[serde(default)]
    #[garde(inner(inner(custom(address_or_domain))))]
    pub allow_only: Option<Vec<String>>,
    /// When everything stops by itself.
    #[serde(default)]
    #[garde(dive)]
    pub brakes: Brakes,
    /// Endpoints that steps of journeys may call, by name.
    #[serde(default)]
    #[garde(skip)]
    pub webhooks: BTreeMap<String, WebhookEndpoint>,
    /// What endpoints may be.
    #[serde(default)]
    #[garde(dive)]
    pub webhook_client: WebhookConfig,
    /// Topics of the preference page, by the name that steps use; the text is what people read.
    #[serde(default)]
    #[garde(skip)]
    pub topics: BTreeMap<String, String>,
}

/// Who writes.
#[derive(Clone, Debug, serde::Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SenderConfig {
    /// "Seller"
    #[garde(length(bytes, min = 1, max = 200))]
    pub name: String,
    /// "hello@seller.example"
    #[garde(custom(address))]
    pub email: String,
    /// The law wants it in every marketing mail.
    #[garde(length(bytes, min = 5, max = 500))]
    pub postal_address: String,
    /// Right side of our Message-IDs; left out: the domain of `email`. The mailboxes of ingest know our mails by it.
    #[serde(default)]
    #[garde(inner(custom(domain)))]
    pub message_id_domain: Option<String>,
    /// Where answers go: `reply+<token>@` this domain, whose mail is given to ingest. Left out: answers go to the writer, and
    /// are known by their Message-ID alone.
    #[serde(default)]
    #[garde(inner(custom(domain)))]
    pub reply_domain: Option<String>,
    /// Where bounces go (the envelope's sender); left out: `email`.
    #[serde(default)]
    #[garde(inner(custom(address)))]
    pub bounces: Option<String>,
    /// A mailbox that unsubscribes whoever writes to it, for mail programs without one-click; optional.
    #[serde(default)]
    #[garde(inner(custom(address)))]
    pub unsubscribe_mailto: Option<String>,
    /// The relay is that of a provider that gives mails ids of its own: ours goes along in the headers that it tells again, so
    /// that its hook names our mail. Those that tell our Message-ID anyway (SendGrid, Mailgun) need none.
    #[serde(default)]
    #[garde(skip)]
    pub provider: Option<Provider>,
}

/// A provider that needs to be told our Message-ID besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// `X-PM-KeepID` and metadata: <https://postmarkapp.com/developer/user-guide/send-email-with-smtp>.
    Postmark,
}

impl Provider {
    /// Header lines, each with its end. `message_id` without angle brackets; the name of the field is the one that ingest's
    /// hooks look for.
    #[must_use]
    pub fn header_lines(self, message_id: &str) -> String {
        match self {
            Self::Postmark => {
                format!("X-PM-KeepID: true\r\nX-PM-Metadata-leadflow_message_id: {message_id}\r\n")
            }
        }
    }
}

impl SenderConfig {
    /// Right side of our Message-IDs.
    #[must_use]
    pub fn message_id_domain(&self) -> &str {
        let own = || leadflow_platform::identifier::email_domain(&self.email);
        self.message_id_domain.as_deref().unwrap_or_else(own)
    }
}

/// Most mails to one address.
#[derive(Clone, Copy, Debug, serde::Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrequencyCap {
    /// So many.
    #[garde(range(min = 1, max = 1000))]
    pub messages: i32,
    /// In so many days.
    #[garde(range(min = 1, max = 90))]
    pub days: i32,
}

/// Rates over the last 24 hours at which every mail of the deployment stops until somebody has looked
/// (`leadflow nurture resume-sending`).
#[derive(Clone, Copy, Debug, serde::Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Brakes {
    /// Complaints in a thousand mails. Large receivers block above 3.
    #[garde(range(min = 1, max = 1000))]
    pub complaints_per_thousand: i64,
    /// Hard bounces in a thousand mails.
    #[garde(range(min = 1, max = 1000))]
    pub bounces_per_thousand: i64,
    /// Below so many mails a rate says nothing.
    #[garde(range(min = 1, max = 1_000_000))]
    pub from_messages: i64,
}

impl Default for Brakes {
    fn default() -> Self {
        Self { complaints_per_thousand: 3, bounces_per_thousand: 80, from_messages: 200 }
    }
}

/// An endpoint.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookEndpoint {
    /// `https://crm.example/hooks/leadflow`
    pub url: String,
    /// Files with one secret each (`whsec_...`); every call carries a signature by each, so that secrets can be changed.
    pub secret_files: Vec<PathBuf>,
}

impl NurtureConfig {
    /// Quiet hours, read.
    #[must_use]
    pub fn quiet(&self) -> Option<Window> {
        self.quiet_hours.as_ref().and_then(|hours| Window::parse(hours).ok())
    }

    /// Whether this address gets mails at all.
    #[must_use]
    pub fn allows(&self, email: &str) -> bool {
        let Some(allowed) = &self.allow_only else { return true };
        let domain = format!("@{}", leadflow_platform::identifier::email_domain(email));
        allowed.iter().any(|one| one.eq_ignore_ascii_case(email) || one.eq_ignore_ascii_case(&domain))
    }
}

fn utc() -> String {
    "UTC".to_owned()
}

#[expect(clippy::unnecessary_wraps, reason = "the type of the field")]
fn night() -> Option<WindowSource> {
    Some(WindowSource { days: Vec::new(), from: "20:00".to_owned(), until: "08:00".to_owned() })
}

#[expect(clippy::unnecessary_wraps, reason = "the type of the field")]
const fn usual_cap() -> Option<FrequencyCap> {
    Some(FrequencyCap { messages: 3, days: 7 })
}

fn web_address(text: &str, (): &()) -> garde::Result {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.ends_with('/') && !rest.contains(['?', '#', ' ']) => Ok(()),
        _ => Err(garde::Error::new("is no address like https://mail.seller.example, without a slash at its end")),
    }
}

fn time_zone(text: &str, (): &()) -> garde::Result {
    match window::zone(text) {
        Some(_) => Ok(()),
        None => Err(garde::Error::new("is no IANA time zone like Europe/Berlin")),
    }
}

#[expect(clippy::ref_option, reason = "the signature that garde calls")]
fn hours(hours: &Option<WindowSource>, (): &()) -> garde::Result {
    hours.as_ref().map_or(Ok(()), |hours| Window::parse(hours).map(|_| ()).map_err(garde::Error::new))
}

fn address(text: &str, (): &()) -> garde::Result {
    match leadflow_platform::identifier::normalise_email(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(garde::Error::new(error.to_string())),
    }
}

/// Whether mail can go to it; it is written into addresses and Message-IDs as it stands.
fn is_domain(text: &str) -> bool {
    text.trim() == text && leadflow_platform::identifier::normalise_email(&format!("x@{text}")).is_ok()
}

fn domain(text: &str, (): &()) -> garde::Result {
    if is_domain(text) {
        return Ok(());
    }
    Err(garde::Error::new(format!(
        "{text:?} is no host name; write one like mail.seller.example, without @ and without https://"
    )))
}

fn address_or_domain(text: &str, (): &()) -> garde::Result {
    match text.strip_prefix('@') {
        Some(domain) if is_domain(domain) => Ok(()),
        None if text.trim() == text && leadflow_platform::identifier::normalise_email(text).is_ok() => Ok(()),
        _ => Err(garde::Error::new(format!(
            "{text:?} is neither an address like ada@seller.example nor a domain with its @ like \"@seller.example\", so nobody would get a mail by it"
        ))),
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
