//! An event of a provider as an engagement: one place for all three, so that a bounce is a bounce whoever tells it.

use std::borrow::Cow;

use jiff::Timestamp;
use leadflow_platform::identifier;

use super::super::engagement::{Engagement, MailFacts, set_event_id};
use super::super::flatten::Fields;
use super::super::kind::Kind;
use super::super::reject::{Reason, Reject};
use super::super::rules::SourceRules;
use super::super::time::Times;
use super::super::{bot, limits};
use super::{HookRules, Told};

/// Texts of providers beyond this are cut: the answer of a mail server may be long.
const TEXT_BYTES: usize = 512;

/// What a provider says about one mail of ours.
#[derive(Debug, Default)]
pub(super) struct Saying<'a> {
    /// What happened; `None`: only its name is known.
    pub(super) kind: Option<Kind>,
    /// Our word for it where there is no kind ("email_delayed").
    pub(super) name: &'static str,
    /// Whom our mail was sent to.
    pub(super) recipient: &'a str,
    /// Where in the delivery the recipient stands.
    pub(super) pointer: &'static str,
    /// When it happened, by the provider's clock.
    pub(super) at: Option<Timestamp>,
    /// Our Message-ID, with or without angle brackets.
    pub(super) message_id: Cow<'a, str>,
    /// RFC 3463.
    pub(super) status_code: String,
    /// "hard" or "soft", of a bounce.
    pub(super) bounce_class: &'static str,
    /// Of the one who opened or clicked.
    pub(super) user_agent: &'a str,
    /// The provider itself says that a machine did it.
    pub(super) by_machine: bool,
    /// Of the mail.
    pub(super) subject: &'a str,
    /// What makes a repeat harmless; empty if there is nothing.
    pub(super) id: String,
    /// Further facts; empty ones are left out.
    pub(super) facts: Vec<(&'static str, &'a str)>,
}

/// The engagement.
///
/// # Errors
/// `UNKNOWN_RECIPIENT`, `TIMESTAMP_IN_FUTURE`, `INVALID_TIMESTAMP`.
pub(super) fn event(
    saying: Saying<'_>,
    hook: &HookRules,
    rules: &SourceRules,
    received_at: Timestamp,
) -> Result<Told, Reject> {
    let recipient = identifier::normalise_email(saying.recipient)
        .map_err(|_| Reject::new(Reason::UnknownRecipient, saying.pointer, "must be the address of the recipient"))?;
    let kind = saying.kind.unwrap_or(Kind::Custom);
    let mut event = Engagement::new(kind, Times::of(saying.at, None, received_at)?);
    event.name = Cow::Borrowed(saying.kind.map_or(saying.name, Kind::name));
    event.bot_reason = bot_reason(&saying);
    event.test = rules.test;
    event.origin = identifier::email_domain(&recipient).to_owned().into();
    event.context.user_agent = clean(saying.user_agent).into();
    let facts = [("hook", &*hook.name), ("provider", hook.recipe.name()), ("bounce_class", saying.bounce_class)];
    event.properties = facts
        .into_iter()
        .chain(saying.facts)
        .filter(|(_, value)| !value.trim().is_empty())
        .map(|(name, value)| (Cow::Borrowed(name), Cow::Owned(clean(value))))
        .collect();
    event.mail = Some(Box::new(MailFacts {
        subject: clean(saying.subject),
        in_reply_to: clean(saying.message_id.trim().trim_start_matches('<').trim_end_matches('>')),
        original_recipient: recipient.clone(),
        status_code: saying.status_code,
        ..MailFacts::default()
    }));
    event.identifiers.email = recipient;
    event.tidy();
    let id = if saying.id.is_empty() { String::new() } else { format!("{}:{}", hook.recipe.name(), saying.id) };
    set_event_id(&mut event, &rules.namespace, &id);
    Ok(Told::Event(Box::new(event)))
}

/// The words of the reader of mails for the same things; what people do has none.
fn bot_reason(saying: &Saying<'_>) -> &'static str {
    match saying.kind {
        Some(Kind::EmailDelivered) => "delivery_report",
        Some(Kind::EmailBounced) => "bounce",
        Some(Kind::EmailComplained) => "complaint",
        Some(Kind::EmailIn) => "auto_reply",
        Some(Kind::EmailOpened) if saying.by_machine || is_apples_proxy(saying.user_agent) => "machine_open",
        Some(Kind::EmailClicked) if saying.by_machine => "machine_click",
        Some(Kind::EmailOpened | Kind::EmailClicked) => bot::reason(saying.user_agent),
        Some(_) => "",
        None if saying.name == "email_resubscribed" => "",
        None => "bounce",
    }
}

/// Apple's Mail Privacy Protection fetches every picture, and says no more about itself than this.
fn is_apples_proxy(user_agent: &str) -> bool {
    user_agent == "Mozilla/5.0"
}

/// Without U+0000, and not longer than needed.
fn clean(text: &str) -> String {
    limits::prefix(&text.replace('\0', ""), TEXT_BYTES).trim().to_owned()
}

/// A flattened field; empty if there is none.
pub(super) fn field<'f>(fields: &'f Fields<'_>, name: &str) -> &'f str {
    fields.iter().rev().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_ref())
}

/// The name under which our own Message-ID comes back where the provider gives mails ids of its own: a metadata field
/// (Postmark), a unique argument (SendGrid), a user variable (Mailgun). Twenty bytes are what Postmark takes.
pub(super) const OUR_MESSAGE_ID: &str = "leadflow_message_id";
