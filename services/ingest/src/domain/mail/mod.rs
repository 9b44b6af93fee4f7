//! From a raw mail to an engagement: who wrote, what is new in it, and whether it is an answer, an automatic answer, a
//! bounce or a complaint. Facts of the header are kept, attachments only by name.

mod absence_words;
pub(super) mod bounce_class;
mod bounce_words;
mod delivery_status;
mod entity;
mod feedback;
mod machine;
mod quotation_words;
mod reply_address;
mod reply_text;
mod report;
#[cfg(test)]
mod report_tests;
#[cfg(test)]
mod tests;
mod wild_bounce;

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use leadflow_platform::identifier;
use mail_parser::{Address, HeaderValue, Message};

use self::entity::Mail;
use self::report::Report;
use super::engagement::{Attachment, Engagement, MailFacts, set_event_id};
use super::kind::Kind;
use super::limits;
use super::reject::{Reason, Reject};
use super::rules::SourceRules;
use super::time::{Times, week};

/// Message-IDs, subjects and names beyond this are cut: RFC 5322 lines have 998 bytes.
const HEADER_BYTES: usize = 998;
/// References, recipients and attachments beyond this are left out.
const LIST: usize = 100;

/// One mailbox.
#[derive(Clone, Debug)]
pub struct MailboxRules {
    /// Its name in the path.
    pub name: Box<str>,
    /// What a person's mail to it is.
    pub kind: Kind,
    /// Right sides of our own Message-IDs, lower case.
    pub our_message_ids: Vec<Box<str>>,
    /// Right sides of our own reply addresses, lower case.
    pub reply_domains: Vec<Box<str>>,
}

/// Reads a mail.
///
/// # Errors
/// `INVALID_MIME`, `MIME_TOO_COMPLEX`, `MISSING_IDENTIFIER` without a sender, `UNKNOWN_RECIPIENT` for a bounce or complaint
/// that does not say whose mail it was. The pointer is the name of the header field.
pub fn engagement(
    raw: &[u8],
    mailbox: &MailboxRules,
    rules: &SourceRules,
    received_at: Timestamp,
) -> Result<Engagement<'static>, Reject> {
    let mail = entity::walk(raw)?;
    let facts = facts(&mail);
    let times = times(&mail.headers, received_at);
    let report = report::read(&mail, &facts.from, mailbox);
    let mut event = match report {
        Some(report) => of_report(report, facts, times)?,
        None => of_person(&mail, facts, mailbox, times)?,
    };
    event.properties.push(("mailbox".into(), mailbox.name.to_string().into()));
    event.test = rules.test;
    event.tidy();
    let message_id = event.mail.as_ref().map(|facts| facts.message_id.clone()).unwrap_or_default();
    set_event_id(&mut event, &rules.namespace, &message_id);
    Ok(event)
}

fn of_report(report: Report, mut facts: MailFacts, times: Times) -> Result<Engagement<'static>, Reject> {
    let recipient = identifier::normalise_email(&report.recipient).map_err(|_| {
        let message = "the report does not say to whom the mail had been sent";
        Reject::new(Reason::UnknownRecipient, "Original-Recipient", message)
    })?;
    let mut event = Engagement::new(report.kind.unwrap_or(Kind::Custom), times);
    event.name = Cow::Borrowed(match report.kind {
        None => "email_delayed",
        Some(kind) => kind.name(),
    });
    event.bot_reason = match report.kind {
        Some(Kind::EmailComplained) => "complaint",
        Some(Kind::EmailDelivered) => "delivery_report",
        // By way of the feedback loop, but a person wants no more mail.
        Some(Kind::Unsubscribed) => "",
        _ => "bounce",
    };
    let bounce_class = report.bounce_class();
    if !bounce_class.is_empty() {
        event.properties.push(("bounce_class".into(), bounce_class.into()));
    }
    facts.original_recipient.clone_from(&recipient);
    facts.status_code = report.status_code;
    // The mail that it is about is ours: that is the thread.
    facts.in_reply_to = report.message_id;
    event.identifiers.email = recipient;
    event.mail = Some(Box::new(facts));
    Ok(event)
}

fn of_person(
    mail: &Mail<'_>,
    facts: MailFacts,
    mailbox: &MailboxRules,
    times: Times,
) -> Result<Engagement<'static>, Reject> {
    let machine = match mail.report_type {
        // A receipt, a report about authentication: nobody wrote it.
        Some(_) => "auto_reply",
        None => machine::reason(&mail.headers, &facts.subject, &facts.from),
    };
    let email = identifier::normalise_email(&facts.from)
        .map_err(|_| Reject::new(Reason::MissingIdentifier, "From", "the mail needs the address of its sender"))?;
    let token = reply_address::token(&mail.headers, mailbox);
    let kind = match machine {
        "" if token.is_some() || answers_ours(&facts, mailbox) => Kind::EmailReplied,
        "" => mailbox.kind,
        _ => Kind::EmailIn,
    };
    let mut event = Engagement::new(kind, times);
    if let Some(token) = token {
        event.properties.push(("reply_token".into(), token.into()));
    }
    event.name = mailbox.name.to_string().into();
    event.bot_reason = machine;
    event.text = reply_text::new_words(&body(mail)).into();
    event.origin = identifier::email_domain(&email).to_owned().into();
    if let Some(name) = mail.headers.from().and_then(Address::first).and_then(mail_parser::Addr::name) {
        event.traits.push(("name".into(), clean(name).into()));
    }
    event.identifiers.email = email;
    event.mail = Some(Box::new(facts));
    Ok(event)
}

impl MailboxRules {
    /// Whether a Message-ID is one of ours.
    fn is_ours(&self, id: &str) -> bool {
        let right = id.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        self.our_message_ids.iter().any(|domain| **domain == *right)
    }
}

fn answers_ours(facts: &MailFacts, mailbox: &MailboxRules) -> bool {
    mailbox.is_ours(&facts.in_reply_to) || facts.references.iter().any(|id| mailbox.is_ours(id))
}

fn body(mail: &Mail<'_>) -> String {
    let of = |media_type| mail.leaves.iter().find(|leaf| leaf.is_body(media_type));
    of("text/plain").or_else(|| of("text/html")).map(entity::Leaf::text).unwrap_or_default()
}

fn facts(mail: &Mail<'_>) -> MailFacts {
    let headers = &mail.headers;
    let shown =
        |leaf: &&entity::Leaf<'_>| leaf.attached || leaf.name.is_some() || !leaf.media_type.starts_with("text/");
    MailFacts {
        subject: headers.subject().map(clean).unwrap_or_default(),
        message_id: headers.message_id().map(clean).unwrap_or_default(),
        in_reply_to: ids(headers.in_reply_to()).into_iter().next().unwrap_or_default(),
        references: ids(headers.references()),
        from: addresses(headers.from()).into_iter().next().unwrap_or_default(),
        to: addresses(headers.to()),
        attachments: (mail.leaves.iter().filter(shown).take(LIST))
            .map(|leaf| Attachment {
                name: leaf.name.clone().unwrap_or_default(),
                media_type: leaf.media_type.clone(),
                size: leaf.size(),
            })
            .collect(),
        original_recipient: String::new(),
        status_code: String::new(),
    }
}

fn ids(value: &HeaderValue<'_>) -> Vec<String> {
    match value {
        HeaderValue::Text(id) => vec![clean(id)],
        HeaderValue::TextList(list) => list.iter().take(LIST).map(|id| clean(id)).collect(),
        _ => Vec::new(),
    }
}

/// The addresses of a field, as they were written but for white space.
fn addresses(field: Option<&Address<'_>>) -> Vec<String> {
    let Some(field) = field else { return Vec::new() };
    field
        .iter()
        .filter_map(|one| one.address.as_deref())
        .take(LIST)
        .map(address)
        .filter(|one| !one.is_empty())
        .collect()
}

/// An address without angle brackets and what surrounds it; empty if there is no `@`.
fn address(text: &str) -> String {
    let text = clean(text.trim().trim_start_matches('<').trim_end_matches('>'));
    if text.contains('@') { text } else { String::new() }
}

/// Without U+0000 and at most one RFC 5322 line long. The sender of a mail cannot mend it, so nothing is refused for this.
fn clean(text: &str) -> String {
    limits::prefix(&text.replace('\0', ""), HEADER_BYTES).trim().to_owned()
}

/// The Date field is the sender's own time. One that lies ahead or half a year back is not believed.
fn times(headers: &Message<'_>, received_at: Timestamp) -> Times {
    let date =
        headers.date().filter(|date| date.is_valid()).and_then(|date| Timestamp::from_second(date.to_timestamp()).ok());
    let oldest = received_at.saturating_sub(SignedDuration::from_hours(26 * 7 * 24)).unwrap_or(received_at);
    Times {
        occurred_at: date.filter(|date| *date <= received_at && *date >= oldest).unwrap_or(received_at),
        received_at,
        week: date.map_or(super::time::UNDATED, |date| week(date, received_at)),
        original: date,
    }
}
