//! SendGrid: one event of the Event Webhook, and the form of Inbound Parse.

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::Timestamp;

use super::super::flatten::{self, Fields};
use super::super::kind::Kind;
use super::super::mail::bounce_class;
use super::super::reject::{Reason, Reject};
use super::super::rules::SourceRules;
use super::super::time;
use super::inbound::{Attached, Letter};
use super::told::{self, OUR_MESSAGE_ID, Saying, field};
use super::{HookRules, Part, Told};

/// Reads one event.
///
/// # Errors
/// `NOT_AN_OBJECT`, `UNKNOWN_TYPE`, `UNKNOWN_RECIPIENT`, `TOO_MANY_FIELDS`, `NUL_CHARACTER`, `TIMESTAMP_IN_FUTURE`.
pub(super) fn read(raw: &str, hook: &HookRules, rules: &SourceRules, received_at: Timestamp) -> Result<Told, Reject> {
    let mut fields = Fields::new();
    flatten::flatten(raw, "", &mut fields)?;
    let of = |name: &str| field(&fields, name);
    let mut saying = Saying {
        recipient: of("email"),
        pointer: "/email",
        at: time::parse_number(of("timestamp")),
        message_id: Cow::Borrowed(
            [of(OUR_MESSAGE_ID), of("smtp-id")].into_iter().find(|id| !id.is_empty()).unwrap_or(""),
        ),
        user_agent: of("useragent"),
        by_machine: of("sg_machine_open") == "true",
        id: of("sg_event_id").to_owned(),
        facts: vec![("provider_message_id", of("sg_message_id")), ("tag", of("category"))],
        ..Saying::default()
    };
    match of("event") {
        "delivered" => saying.kind = Some(Kind::EmailDelivered),
        "open" => saying.kind = Some(Kind::EmailOpened),
        "click" => {
            saying.kind = Some(Kind::EmailClicked);
            saying.facts.push(("url", of("url")));
        }
        "spamreport" => saying.kind = Some(Kind::EmailComplained),
        "unsubscribe" | "group_unsubscribe" => {
            saying.kind = Some(Kind::Unsubscribed);
            saying.facts.push(("group", of("asm_group_id")));
        }
        "group_resubscribe" => saying.name = "email_resubscribed",
        "deferred" => saying.name = "email_delayed",
        "bounce" => bounce(&mut saying, &fields),
        "dropped" => dropped(&mut saying, of("reason")),
        "processed" => return Ok(Told::Nothing),
        _ => {
            let message = "must be an event of the Event Webhook, like delivered, bounce or spamreport";
            return Err(Reject::new(Reason::UnknownType, "/event", message));
        }
    }
    told::event(saying, hook, rules, received_at)
}

/// `type` is "bounce", or "blocked" when the other side would not have it this time; `bounce_classification` says more.
fn bounce<'f>(saying: &mut Saying<'f>, fields: &'f Fields<'_>) {
    let (kind, reason) = (field(fields, "type"), field(fields, "reason"));
    saying.kind = Some(Kind::EmailBounced);
    saying.facts.extend([("bounce_type", kind), ("diagnostic", reason)]);
    saying.status_code = [field(fields, "status"), reason]
        .into_iter()
        .map(bounce_class::status_in)
        .find(|code| !code.is_empty())
        .unwrap_or_default();
    let may_pass =
        ["Content", "Frequency or Volume Too High", "Mailbox Unavailable", "Reputation", "Technical Failure"];
    saying.bounce_class = if kind == "blocked" || may_pass.contains(&field(fields, "bounce_classification")) {
        bounce_class::SOFT
    } else {
        bounce_class::of(&saying.status_code, reason)
    };
}

/// Not sent at all, because of what SendGrid remembers of the address.
fn dropped<'f>(saying: &mut Saying<'f>, reason: &'f str) {
    saying.facts.extend([("bounce_type", "dropped"), ("diagnostic", reason)]);
    saying.kind = Some(match reason {
        "Spam Reporting Address" => Kind::EmailComplained,
        "Unsubscribed Address" => Kind::Unsubscribed,
        _ => Kind::EmailBounced,
    });
    saying.bounce_class = match reason {
        "Bounced Address" | "Invalid" => bounce_class::HARD,
        _ if saying.kind == Some(Kind::EmailBounced) => bounce_class::SOFT,
        _ => "",
    };
}

/// The mail in a form of Inbound Parse: raw in `email`, or taken apart.
///
/// # Errors
/// `MISSING_FIELD` if there is neither.
pub(super) fn mail(parts: &[Part]) -> Result<Vec<u8>, Reject> {
    let of = |name: &str| parts.iter().find(|part| part.name == name).map(|part| part.bytes.as_ref());
    let mut letter = Letter::default();
    if let Some(envelope) = of("envelope") {
        for recipient in recipients(envelope) {
            letter.field("X-Original-To", &recipient);
        }
    }
    if let Some(raw) = of("email") {
        return Ok(letter.around(raw));
    }
    let headers = of("headers").or_else(|| of("from"));
    let headers = headers.ok_or_else(|| Reject::new(Reason::MissingField, "headers", "send headers, or email"))?;
    if of("headers").is_some() {
        letter.fields(headers);
    } else {
        for name in ["From", "To", "Subject"] {
            letter.field(name, &String::from_utf8_lossy(of(&name.to_ascii_lowercase()).unwrap_or_default()));
        }
    }
    let charsets: HashMap<String, String> = of("charsets").map(as_json).unwrap_or_default();
    let charset = |name: &str| charsets.get(name).map_or("utf-8", String::as_str).to_owned();
    letter.text(of("text").unwrap_or_default(), &charset("text"));
    letter.html(of("html").unwrap_or_default(), &charset("html"));
    for part in parts.iter().filter(|part| part.file.is_some()) {
        letter.attach(part.file.as_deref().unwrap_or_default(), &part.media_type, Attached::Bytes(&part.bytes));
    }
    Ok(letter.finish())
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Envelope {
    to: Vec<String>,
}

fn recipients(envelope: &[u8]) -> Vec<String> {
    as_json::<Envelope>(envelope).to
}

fn as_json<T: Default + serde::de::DeserializeOwned>(bytes: &[u8]) -> T {
    serde_json::from_slice(bytes).unwrap_or_default()
}
