//! One thing a person did, in the words of the domain. Not the wire format (`wire` converts) and not a row; nothing
//! here reads a clock or decides anything.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::day::Day;
pub use super::event_kind::EventKind;

/// What a person did, as ingest normalised it. Text fields that may be missing are empty, unless a missing one means
/// something else than an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngagementEvent {
    /// UUIDv5 of the source and the sender's message id: a copy has the same.
    pub event_id: Uuid,
    /// What happened.
    pub kind: EventKind,
    /// The sender's own name for it ("Pricing Viewed"); at most 256 bytes.
    pub name: String,
    /// Id of the source that sent it.
    pub source: String,
    /// Who did it.
    pub identifiers: Identifiers,
    /// When it happened, corrected by the sender's clock skew.
    pub occurred_at: Timestamp,
    /// When the door took it.
    pub received_at: Timestamp,
    /// Monday (UTC) of the client's original time in days since 1970-01-01, or [`UNDATED_WEEK`]; part of the key by
    /// which copies are recognised.
    pub week: i32,
    /// Flat text: nested objects arrive as dotted keys, numbers and booleans as their JSON text.
    pub properties: BTreeMap<String, String>,
    /// What the sender says about the person.
    pub traits: BTreeMap<String, String>,
    /// By purpose ("marketing_email"): given or withdrawn.
    pub consent: BTreeMap<String, bool>,
    /// Where and how it happened.
    pub context: Context,
    /// Why this is no human act ("crawler", "auto_reply", "bounce", "headless"); none for people.
    pub bot_reason: Option<String>,
    /// From an import or backfill: scores, never raises a hand, never makes an mql alone.
    pub historical: bool,
    /// Smoke-test traffic: carried through to the end.
    pub test: bool,
    /// What the person wrote; at most 64 KiB.
    pub text: String,
    /// Only of the e-mail kinds.
    pub email_facts: Option<EmailFacts>,
    /// 32 bits of the keyed hash of where it came from (sender domain or network).
    pub origin_hash: i32,
}

/// [`EngagementEvent::week`] of an event outside [received_at - 26 weeks, received_at + 24 h]: 0001-01-01.
pub const UNDATED_WEEK: i32 = -719_162;

impl EngagementEvent {
    /// The UTC day on which it counts.
    #[must_use]
    pub fn day(&self) -> Day {
        Day::of(self.occurred_at)
    }

    /// Last writer wins and first touch is the minimum by this key: total, and the same for every copy.
    #[must_use]
    pub const fn order_key(&self) -> (Timestamp, Uuid) {
        (self.occurred_at, self.event_id)
    }

    /// Whether a machine did it. Such an event never scores and never raises a hand.
    #[must_use]
    pub const fn is_bot(&self) -> bool {
        self.bot_reason.is_some()
    }
}

/// The ids an event carries, normalised by the door. At least one of anonymous id, user id, e-mail and phone is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identifiers {
    /// Of the browser or device.
    pub anonymous_id: Option<String>,
    /// The customer's own id of the person.
    pub user_id: Option<String>,
    /// Trimmed, NFC, lower case, domain by IDNA.
    pub email: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    /// Only of [`EventKind::Alias`]: the id to be linked with user id or anonymous id.
    pub previous_id: Option<String>,
    /// Only of [`EventKind::Group`]: the sender's id of the company.
    pub group_id: Option<String>,
}

/// Where and how it happened. Every field may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Full address of the page.
    pub page_url: String,
    /// Path of the page, with the leading slash.
    pub page_path: String,
    /// Title of the page.
    pub page_title: String,
    /// Address of the page before.
    pub referrer: String,
    /// BCP 47.
    pub locale: String,
    /// IANA name.
    pub time_zone: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// As the client sent it.
    pub user_agent: String,
    /// UTM source.
    pub campaign_source: String,
    /// UTM medium.
    pub campaign_medium: String,
    /// UTM campaign.
    pub campaign_name: String,
    /// UTM term.
    pub campaign_term: String,
    /// UTM content.
    pub campaign_content: String,
    /// The advertiser's click id ("gclid:...").
    pub click_id: String,
}

/// Header facts of a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmailFacts {
    /// Decoded subject.
    pub subject: String,
    /// RFC 5322 Message-ID without brackets.
    pub message_id: String,
    /// Message-ID this answers.
    pub in_reply_to: String,
    /// Message-IDs of the thread.
    pub references: Vec<String>,
    /// Sender address.
    pub from: String,
    /// Recipient addresses.
    pub to: Vec<String>,
    /// Name, type and size; never the bytes.
    pub attachments: Vec<Attachment>,
    /// Of a bounce, complaint or delivery report: whom the original mail was sent to.
    pub original_recipient: String,
    /// Of a bounce: RFC 3463 code ("5.1.1").
    pub status_code: String,
}

/// What is known of an attachment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// File name.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// Bytes.
    pub size: i64,
}
