//! What the mail providers tell: from a delivery of Postmark, SendGrid or Mailgun to engagements. A mail that came back is
//! put together as raw MIME again and read by the one reader of mails; here are only the providers' own events.

mod inbound;
#[cfg(test)]
mod inbound_tests;
mod mailgun;
mod postmark;
pub mod proof;
#[cfg(test)]
mod proof_tests;
mod sendgrid;
#[cfg(test)]
mod tests;
mod told;

use jiff::Timestamp;

use super::engagement::Engagement;
use super::json;
use super::limits;
use super::mail::MailboxRules;
use super::reject::{Reason, Reject};
use super::rules::SourceRules;

pub use self::mailgun::{stamp_of_fields, stamp_of_json};

/// Whose shapes a hook reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recipe {
    /// Postmark: webhooks and inbound mail, all JSON.
    Postmark,
    /// SendGrid: Event Webhook (JSON array) and Inbound Parse (multipart).
    Sendgrid,
    /// Mailgun: webhooks (JSON) and routes (multipart or urlencoded).
    Mailgun,
}

impl Recipe {
    /// "postmark": the property `provider` of its events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postmark => "postmark",
            Self::Sendgrid => "sendgrid",
            Self::Mailgun => "mailgun",
        }
    }

    /// Whether its mails come as forms; Postmark's are JSON.
    #[must_use]
    pub const fn takes_forms(self) -> bool {
        !matches!(self, Self::Postmark)
    }
}

/// One hook.
#[derive(Clone, Debug)]
pub struct HookRules {
    /// Its name in the path.
    pub name: Box<str>,
    /// Whose shapes.
    pub recipe: Recipe,
    /// What mails that come in mean; none: this hook takes no mail.
    pub mailbox: Option<MailboxRules>,
}

/// One thing of a delivery.
#[derive(Debug, PartialEq)]
pub enum Told {
    /// Something that happened to a mail of ours.
    Event(Box<Engagement<'static>>),
    /// A mail that came in, as raw MIME.
    Mail(Vec<u8>),
    /// Something that is known and means nothing here: "processed", "accepted".
    Nothing,
}

/// One thing of a delivery, with the text that it was read from.
#[derive(Debug)]
pub struct Item<'a> {
    /// As it was written.
    pub raw: &'a str,
    /// What it says, or why it was not taken.
    pub told: Result<Told, Reject>,
}

/// Reads a delivery that is JSON. Mailgun and Postmark send one thing at a time, SendGrid an array.
///
/// # Errors
/// What is wrong with the whole: `INVALID_JSON`, `JSON_TOO_DEEP`, `NOT_AN_OBJECT`, `WRONG_TYPE`, `TOO_MANY_EVENTS`,
/// `EVENT_TOO_LARGE` (one thing over 1 MiB that is no mail). What is wrong with one thing stands in its [`Item`].
pub fn read_json<'a>(
    text: &'a str,
    hook: &HookRules,
    rules: &SourceRules,
    received_at: Timestamp,
) -> Result<Vec<Item<'a>>, Reject> {
    json::check_depth(text)?;
    let of = |told| vec![Item { raw: text, told }];
    match hook.recipe {
        Recipe::Postmark => Ok(of(postmark::read(text, hook, rules, received_at)?)),
        Recipe::Mailgun => {
            within(text, limits::HOOK_EVENT_BYTES)?;
            Ok(of(mailgun::read(text, hook, rules, received_at)))
        }
        Recipe::Sendgrid => {
            within(text, limits::HOOK_BATCH_BYTES)?;
            let mut items = Vec::new();
            json::elements(text, |event| {
                if items.len() == limits::HOOK_EVENTS {
                    return Err(Reject::new(Reason::TooManyEvents, "", "at most 10000 events a delivery"));
                }
                let told = sendgrid::read(event.get(), hook, rules, received_at);
                let told = told.map_err(|reject| reject.under(&format!("/{}", items.len())));
                items.push(Item { raw: event.get(), told });
                Ok(())
            })?;
            Ok(items)
        }
    }
}

/// One field of a form: its value, or a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Name of the field.
    pub name: String,
    /// File name; `None` for a value.
    pub file: Option<String>,
    /// Media type of a file; empty if it has none.
    pub media_type: String,
    /// As sent.
    pub bytes: bytes::Bytes,
}

/// Reads a delivery that is a form: a mail that came in, as raw MIME.
///
/// # Errors
/// `NO_MAILBOX`, `MISSING_FIELD`, `INVALID_JSON` for a field that must be JSON.
pub fn read_form(parts: &[Part], hook: &HookRules) -> Result<Vec<u8>, Reject> {
    let raw = match hook.recipe {
        Recipe::Sendgrid => sendgrid::mail(parts),
        Recipe::Mailgun => mailgun::mail(parts),
        Recipe::Postmark => Err(Reject::new(Reason::InvalidForm, "", "Postmark sends JSON")),
    }?;
    takes_mail(hook)?;
    Ok(raw)
}

fn takes_mail(hook: &HookRules) -> Result<(), Reject> {
    if hook.mailbox.is_some() { Ok(()) } else { Err(no_mailbox()) }
}

/// The refusal of a mail that comes to a hook without a mailbox.
#[must_use]
pub fn no_mailbox() -> Reject {
    Reject::new(Reason::NoMailbox, "", "this hook takes no mail: name a mailbox in the sources file")
}

fn within(text: &str, limit: usize) -> Result<(), Reject> {
    if text.len() > limit {
        let message = "events take at most 1 MiB one by one and 8 MiB together";
        return Err(Reject::new(Reason::EventTooLarge, "", message));
    }
    Ok(())
}
