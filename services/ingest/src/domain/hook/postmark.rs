//! Postmark: webhooks by `RecordType`, bounces by `Type`, and inbound mail, which has no `RecordType` of its own.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;

use super::super::flatten::{self, Fields};
use super::super::kind::Kind;
use super::super::mail::bounce_class;
use super::super::reject::{Reason, Reject};
use super::super::rules::SourceRules;
use super::super::{limits, time};
use super::inbound::{Attached, Letter};
use super::told::{self, OUR_MESSAGE_ID, Saying, field};
use super::{HookRules, Told};

/// Reads a delivery. Only an event is held to 1 MiB; a mail has the limit of mails.
///
/// # Errors
/// As [`super::read_json`]; inside: what is wrong with the one thing.
pub(super) fn read(
    text: &str,
    hook: &HookRules,
    rules: &SourceRules,
    received_at: Timestamp,
) -> Result<Result<Told, Reject>, Reject> {
    let head: Head<'_> = serde_json::from_str(text).map_err(|error| super::inbound::not_json(&error, text))?;
    if matches!(head.record_type.as_deref(), None | Some("Inbound")) && head.from_full.is_some() {
        return Ok(super::takes_mail(hook).and_then(|()| mail(text)).map(Told::Mail));
    }
    super::within(text, limits::HOOK_EVENT_BYTES)?;
    Ok(event(text, head.record_type.as_deref().unwrap_or_default(), hook, rules, received_at))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Head<'a> {
    #[serde(borrow, default)]
    record_type: Option<Cow<'a, str>>,
    #[serde(default)]
    from_full: Option<serde::de::IgnoredAny>,
}

fn event(
    text: &str,
    record: &str,
    hook: &HookRules,
    rules: &SourceRules,
    received_at: Timestamp,
) -> Result<Told, Reject> {
    let mut fields = Fields::new();
    flatten::flatten(text, "", &mut fields)?;
    let of = |name: &str| field(&fields, name);
    let (recipient, pointer) = match of("Recipient") {
        "" => (of("Email"), "/Email"),
        recipient => (recipient, "/Recipient"),
    };
    let time = ["BouncedAt", "DeliveredAt", "ReceivedAt", "ChangedAt"].map(of).into_iter().find_map(time::parse);
    let mut saying = Saying {
        recipient,
        pointer,
        at: time,
        message_id: message_id(&fields),
        subject: of("Subject"),
        user_agent: of("UserAgent"),
        facts: vec![("provider_message_id", of("MessageID")), ("tag", of("Tag"))],
        ..Saying::default()
    };
    let parts = [record, of("MessageID"), recipient, of("ReceivedAt"), of("ChangedAt"), of("OriginalLink")];
    saying.id = if of("ID").is_empty() { parts.join(":") } else { format!("{record}:{}", of("ID")) };
    match record {
        "Delivery" => saying.kind = Some(Kind::EmailDelivered),
        "Open" => saying.kind = Some(Kind::EmailOpened),
        "Click" => {
            saying.kind = Some(Kind::EmailClicked);
            saying.facts.push(("url", of("OriginalLink")));
        }
        "SpamComplaint" => saying.kind = Some(Kind::EmailComplained),
        "Bounce" => bounce(&mut saying, &fields),
        "SubscriptionChange" => subscription(&mut saying, &fields),
        _ => {
            let message = "must be Bounce, SpamComplaint, Delivery, Open, Click, SubscriptionChange or an inbound mail";
            return Err(Reject::new(Reason::UnknownType, "/RecordType", message));
        }
    }
    told::event(saying, hook, rules, received_at)
}

/// Our own, if it came along as metadata; else the one that Postmark puts into the mail.
fn message_id<'f>(fields: &'f Fields<'_>) -> Cow<'f, str> {
    let id = field(fields, "MessageID");
    match field(fields, &format!("Metadata.{OUR_MESSAGE_ID}")) {
        "" if id.is_empty() => Cow::Borrowed(""),
        "" => Cow::Owned(format!("{id}@mtasv.net")),
        ours => Cow::Borrowed(ours),
    }
}

fn bounce<'f>(saying: &mut Saying<'f>, fields: &'f Fields<'_>) {
    let (kind, details) = (field(fields, "Type"), field(fields, "Details"));
    saying.facts.extend([("bounce_type", kind), ("diagnostic", details)]);
    saying.status_code = bounce_class::status_in(details);
    saying.kind = match kind {
        // Still under way.
        "Transient" => None,
        "SpamComplaint" => Some(Kind::EmailComplained),
        "Unsubscribe" => Some(Kind::Unsubscribed),
        // A machine answered; the mail had arrived.
        "AutoResponder" | "ChallengeVerification" | "AddressChange" => Some(Kind::EmailIn),
        "Subscribe" | "OpenRelayTest" => None,
        _ => Some(Kind::EmailBounced),
    };
    saying.name = if kind == "Transient" { "email_delayed" } else { "email_noticed" };
    saying.bounce_class = match (saying.kind, kind) {
        (Some(Kind::EmailBounced), "HardBounce" | "BadEmailAddress" | "ManuallyDeactivated") => bounce_class::HARD,
        (Some(Kind::EmailBounced), _) => bounce_class::SOFT,
        _ => "",
    };
}

/// The reasons HardBounce and SpamComplaint are told by records of their own, too; an address may be told twice, a stop never
/// gets lost.
fn subscription<'f>(saying: &mut Saying<'f>, fields: &'f Fields<'_>) {
    let stops = field(fields, "SuppressSending") == "true";
    let reason = field(fields, "SuppressionReason");
    saying.facts.extend([("reason", reason), ("origin", field(fields, "Origin"))]);
    saying.name = "email_resubscribed";
    saying.kind = match reason {
        _ if !stops => None,
        "HardBounce" => Some(Kind::EmailBounced),
        "SpamComplaint" => Some(Kind::EmailComplained),
        _ => Some(Kind::Unsubscribed),
    };
    if saying.kind == Some(Kind::EmailBounced) {
        saying.bounce_class = bounce_class::HARD;
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inbound<'a> {
    #[serde(borrow, default)]
    raw_email: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    original_recipient: Cow<'a, str>,
    #[serde(borrow, default)]
    from: Cow<'a, str>,
    #[serde(default)]
    from_full: Mailbox,
    #[serde(borrow, default)]
    to: Cow<'a, str>,
    #[serde(borrow, default)]
    subject: Cow<'a, str>,
    #[serde(borrow, default)]
    date: Cow<'a, str>,
    #[serde(default)]
    text_body: Option<String>,
    #[serde(default)]
    html_body: Option<String>,
    #[serde(default)]
    headers: Vec<Header>,
    #[serde(default)]
    attachments: Vec<File>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Mailbox {
    email: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Header {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct File {
    #[serde(default)]
    name: String,
    #[serde(default)]
    content: String,
    #[serde(default)]
    content_type: String,
}

fn mail(text: &str) -> Result<Vec<u8>, Reject> {
    let inbound: Inbound<'_> = serde_json::from_str(text).map_err(|error| super::inbound::not_json(&error, text))?;
    let mut letter = Letter::default();
    letter.field("X-Original-To", &inbound.original_recipient);
    if let Some(raw) = inbound.raw_email.filter(|raw| !raw.trim().is_empty()) {
        return Ok(letter.around(raw.as_bytes()));
    }
    // Newer payloads have these four only outside of the list.
    let from = if inbound.from_full.email.is_empty() { &*inbound.from } else { &inbound.from_full.email };
    let listed = |name: &str| inbound.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
    for (name, value) in [("From", from), ("To", &inbound.to), ("Subject", &inbound.subject), ("Date", &inbound.date)] {
        if !listed(name) {
            letter.field(name, value);
        }
    }
    for header in &inbound.headers {
        letter.field(&header.name, &header.value);
    }
    letter.text(inbound.text_body.as_deref().unwrap_or_default().as_bytes(), "utf-8");
    letter.html(inbound.html_body.as_deref().unwrap_or_default().as_bytes(), "utf-8");
    for file in &inbound.attachments {
        letter.attach(&file.name, &file.content_type, Attached::Base64(&file.content));
    }
    Ok(letter.finish())
}
