//! One touch as ingest understands it, before it becomes protobuf: texts stay borrowed from the request where they can.

use std::borrow::Cow;
use std::sync::Arc;

use leadflow_platform::identifier::{self, IdentifierError};
use uuid::Uuid;

use super::flatten::{self, Fields};
use super::kind::Kind;
use super::reject::{Reason, Reject};
use super::time::Times;

/// One touch, normalised; what stands on the topic but for the source and the keyed hashes.
#[derive(Clone, Debug, PartialEq)]
pub struct Engagement<'a> {
    /// UUIDv5 of source and the sender's id, or of the content; `None` if it cannot be deduplicated.
    pub event_id: Option<Uuid>,
    /// What happened.
    pub kind: Kind,
    /// The sender's name for it.
    pub name: Cow<'a, str>,
    /// Who.
    pub identifiers: Identifiers,
    /// When.
    pub times: Times,
    /// Flat text, sorted by key, each key once.
    pub properties: Fields<'a>,
    /// Flat text in our names, sorted by key, each key once.
    pub traits: Fields<'a>,
    /// By purpose, sorted, each once.
    pub consent: Vec<(Arc<str>, bool)>,
    /// Where and how.
    pub context: Context<'a>,
    /// Empty for people.
    pub bot_reason: &'static str,
    /// From an import: the bulk topic.
    pub historical: bool,
    /// Smoke-test traffic.
    pub test: bool,
    /// What the person wrote.
    pub text: Cow<'a, str>,
    /// Only of mails.
    pub mail: Option<Box<MailFacts>>,
    /// Sender domain or network, to be hashed.
    pub origin: Cow<'a, str>,
}

impl Engagement<'_> {
    /// An event of that kind about nobody yet.
    #[must_use]
    pub fn new(kind: Kind, times: Times) -> Self {
        Self {
            event_id: None,
            kind,
            name: Cow::Borrowed(""),
            identifiers: Identifiers::default(),
            times,
            properties: Vec::new(),
            traits: Vec::new(),
            consent: Vec::new(),
            context: Context::default(),
            bot_reason: "",
            historical: false,
            test: false,
            text: Cow::Borrowed(""),
            mail: None,
            origin: Cow::Borrowed(""),
        }
    }

    /// Puts everything into its one order, so that equal events have equal bytes.
    pub fn tidy(&mut self) {
        flatten::tidy(&mut self.properties);
        flatten::tidy(&mut self.traits);
        self.consent.sort();
        // A purpose that several categories mean is given only if all of them are.
        self.consent.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 &= later.1;
            }
            same
        });
    }
}

/// Who did it; empty where unknown. Normalised: part of the record key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identifiers {
    /// A browser.
    pub anonymous_id: String,
    /// The customer's own id of a person.
    pub user_id: String,
    /// Address.
    pub email: String,
    /// E.164.
    pub phone: String,
    /// Of an alias: the id that is to be linked.
    pub previous_id: String,
    /// Of a group: the sender's id of the company.
    pub group_id: String,
}

impl Identifiers {
    /// Whether somebody is named.
    #[must_use]
    pub fn name_somebody(&self) -> bool {
        !(self.anonymous_id.is_empty() && self.user_id.is_empty() && self.email.is_empty() && self.phone.is_empty())
    }
}

/// Trims and checks an id; empty stays empty.
///
/// # Errors
/// `INVALID_IDENTIFIER` at `pointer`.
pub fn id(text: &str, pointer: &'static str) -> Result<String, Reject> {
    match identifier::normalise_id(text) {
        Ok(id) => Ok(id),
        Err(IdentifierError::Empty) => Ok(String::new()),
        Err(error) => Err(invalid(error, pointer)),
    }
}

/// Normalises an address; empty stays empty.
///
/// # Errors
/// `INVALID_IDENTIFIER` at `pointer`.
pub fn email(text: &str, pointer: &'static str) -> Result<String, Reject> {
    match identifier::normalise_email(text) {
        Ok(email) => Ok(email),
        Err(IdentifierError::Empty) => Ok(String::new()),
        Err(error) => Err(invalid(error, pointer)),
    }
}

/// Normalises a phone number; empty stays empty.
///
/// # Errors
/// `INVALID_IDENTIFIER` at `pointer`.
pub fn phone(text: &str, region: Option<&str>, pointer: &'static str) -> Result<String, Reject> {
    match identifier::normalise_phone(text, region) {
        Ok(phone) => Ok(phone),
        Err(IdentifierError::Empty) => Ok(String::new()),
        Err(error) => Err(invalid(error, pointer)),
    }
}

fn invalid(error: IdentifierError, pointer: &'static str) -> Reject {
    Reject { reason: Reason::InvalidIdentifier, pointer: pointer.into(), message: error.to_string().into() }
}

/// Where and how it happened; empty where unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context<'a> {
    /// Address of the page.
    pub page_url: Cow<'a, str>,
    /// Its path.
    pub page_path: Cow<'a, str>,
    /// Its title.
    pub page_title: Cow<'a, str>,
    /// Where the visitor came from.
    pub referrer: Cow<'a, str>,
    /// BCP 47.
    pub locale: Cow<'a, str>,
    /// IANA name.
    pub time_zone: Cow<'a, str>,
    /// ISO 3166-1 alpha-2.
    pub country: Cow<'a, str>,
    /// Of the person, not of the server that sends.
    pub user_agent: Cow<'a, str>,
    /// utm_source.
    pub campaign_source: Cow<'a, str>,
    /// utm_medium.
    pub campaign_medium: Cow<'a, str>,
    /// utm_campaign.
    pub campaign_name: Cow<'a, str>,
    /// utm_term.
    pub campaign_term: Cow<'a, str>,
    /// utm_content.
    pub campaign_content: Cow<'a, str>,
    /// "gclid:...".
    pub click_id: Cow<'a, str>,
}

impl Context<'_> {
    /// The fields in the order of their numbers in `EngagementContext`, which begin at 1.
    #[must_use]
    pub fn in_order(&self) -> [&str; 14] {
        [
            &self.page_url,
            &self.page_path,
            &self.page_title,
            &self.referrer,
            &self.locale,
            &self.time_zone,
            &self.country,
            &self.user_agent,
            &self.campaign_source,
            &self.campaign_medium,
            &self.campaign_name,
            &self.campaign_term,
            &self.campaign_content,
            &self.click_id,
        ]
    }
}

/// Header facts of a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailFacts {
    /// Subject.
    pub subject: String,
    /// Without angle brackets.
    pub message_id: String,
    /// Without angle brackets.
    pub in_reply_to: String,
    /// Oldest first, without angle brackets.
    pub references: Vec<String>,
    /// Address of the sender.
    pub from: String,
    /// Addresses of the recipients.
    pub to: Vec<String>,
    /// Name, media type and size; never the bytes.
    pub attachments: Vec<Attachment>,
    /// Of a bounce, complaint or delivery report.
    pub original_recipient: String,
    /// RFC 3463.
    pub status_code: String,
}

/// One attachment of a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// File name.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// Bytes.
    pub size: i64,
}

/// How the event id comes about: the sender's id if there is one that is not blank, else the content with the sender's own time.
pub fn set_event_id(engagement: &mut Engagement<'_>, namespace: &Uuid, message_id: &str) {
    engagement.event_id = if message_id.trim().is_empty() {
        engagement.times.original.map(|original| Uuid::new_v5(namespace, &super::fingerprint::of(engagement, original)))
    } else {
        Some(Uuid::new_v5(namespace, message_id.as_bytes()))
    };
}
