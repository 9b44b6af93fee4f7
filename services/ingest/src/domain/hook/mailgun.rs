//! Mailgun: webhooks (`event-data`), the forms of its routes, and the stamp that both carry.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::flatten::{self, Fields};
use super::super::json;
use super::super::kind::Kind;
use super::super::mail::bounce_class;
use super::super::reject::{Reason, Reject};
use super::super::rules::SourceRules;
use super::super::time;
use super::inbound::{Attached, Letter};
use super::proof::Stamp;
use super::told::{self, OUR_MESSAGE_ID, Saying, field};
use super::{HookRules, Part, Told};

#[derive(Deserialize)]
struct Delivery<'a> {
    #[serde(borrow, default)]
    signature: Option<&'a RawValue>,
    #[serde(borrow, rename = "event-data", default)]
    event_data: Option<&'a RawValue>,
}

/// The stamp of a webhook. `None` if the text is no JSON or has none.
#[must_use]
pub fn stamp_of_json(text: &str) -> Option<Stamp> {
    json::check_depth(text).ok()?;
    let delivery: Delivery<'_> = serde_json::from_str(text).ok()?;
    let mut fields = Fields::new();
    flatten::flatten(delivery.signature?.get(), "", &mut fields).ok()?;
    let of = |name: &str| field(&fields, name).to_owned();
    Some(Stamp { timestamp: of("timestamp"), token: of("token"), signature: of("signature") })
}

/// The stamp of a route's form.
#[must_use]
pub fn stamp_of_fields(parts: &[Part]) -> Option<Stamp> {
    let of = |name: &str| {
        let part = parts.iter().find(|part| part.name == name && part.file.is_none())?;
        String::from_utf8(part.bytes.to_vec()).ok()
    };
    Some(Stamp { timestamp: of("timestamp")?, token: of("token")?, signature: of("signature")? })
}

/// Reads a webhook.
///
/// # Errors
/// `INVALID_JSON`, `MISSING_FIELD`, `NOT_AN_OBJECT`, `UNKNOWN_TYPE`, `UNKNOWN_RECIPIENT`, `TOO_MANY_FIELDS`, `NUL_CHARACTER`,
/// `TIMESTAMP_IN_FUTURE`.
pub(super) fn read(text: &str, hook: &HookRules, rules: &SourceRules, received_at: Timestamp) -> Result<Told, Reject> {
    let delivery: Delivery<'_> = serde_json::from_str(text).map_err(|error| super::inbound::not_json(&error, text))?;
    let missing = || Reject::new(Reason::MissingField, "/event-data", "a webhook of Mailgun has event-data");
    let mut fields = Fields::new();
    flatten::flatten(delivery.event_data.ok_or_else(missing)?.get(), "", &mut fields)
        .map_err(|reject| reject.under("/event-data"))?;
    let of = |name: &str| field(&fields, name);
    let ours = field(&fields, &format!("user-variables.{OUR_MESSAGE_ID}"));
    let mut saying = Saying {
        recipient: of("recipient"),
        pointer: "/event-data/recipient",
        at: time::parse_number(of("timestamp")),
        message_id: Cow::Borrowed(if ours.is_empty() { of("message.headers.message-id") } else { ours }),
        subject: of("message.headers.subject"),
        user_agent: of("client-info.user-agent"),
        by_machine: !of("client-info.bot").is_empty() && of("client-info.bot") != "false",
        // Mailgun's ids are unique within a day.
        id: if of("id").is_empty() { String::new() } else { format!("{}:{}", of("timestamp"), of("id")) },
        facts: vec![("tag", of("tags"))],
        ..Saying::default()
    };
    match of("event") {
        "delivered" => saying.kind = Some(Kind::EmailDelivered),
        "opened" => saying.kind = Some(Kind::EmailOpened),
        "clicked" => {
            saying.kind = Some(Kind::EmailClicked);
            saying.facts.push(("url", of("url")));
        }
        "complained" => saying.kind = Some(Kind::EmailComplained),
        "unsubscribed" => saying.kind = Some(Kind::Unsubscribed),
        "failed" | "rejected" => failed(&mut saying, &fields),
        "accepted" | "stored" => return Ok(Told::Nothing),
        _ => {
            let message = "must be an event of Mailgun's webhooks, like delivered, failed or complained";
            return Err(Reject::new(Reason::UnknownType, "/event-data/event", message));
        }
    }
    told::event(saying, hook, rules, received_at)
}

/// Temporary failures are tried again by Mailgun; permanent ones are an answer of the other side, a reason of Mailgun's own,
/// or the end of its patience ("old").
fn failed<'f>(saying: &mut Saying<'f>, fields: &'f Fields<'_>) {
    let of = |name: &str| field(fields, name);
    let reason = match of("reason") {
        "" => of("reject.reason"),
        reason => reason,
    };
    let answer = match of("delivery-status.message") {
        "" => of("delivery-status.description"),
        message => message,
    };
    saying.facts.extend([("bounce_type", reason), ("diagnostic", answer)]);
    saying.status_code = [of("delivery-status.enhanced-code"), answer]
        .into_iter()
        .map(bounce_class::status_in)
        .find(|code| !code.is_empty())
        .unwrap_or_default();
    if of("severity") == "temporary" {
        saying.name = "email_delayed";
        return;
    }
    saying.kind = Some(match reason {
        "suppress-complaint" => Kind::EmailComplained,
        "suppress-unsubscribe" => Kind::Unsubscribed,
        _ => Kind::EmailBounced,
    });
    let answered = of("delivery-status.code").starts_with('5') || saying.status_code.starts_with('5');
    saying.bounce_class = match reason {
        _ if saying.kind != Some(Kind::EmailBounced) => "",
        "suppress-bounce" => bounce_class::HARD,
        "old" | "espblock" | "greylisted" => bounce_class::SOFT,
        _ if answered && saying.status_code.is_empty() => bounce_class::HARD,
        _ => bounce_class::of(&saying.status_code, answer),
    };
}

/// The mail in a form of a route: raw in `body-mime`, or taken apart.
///
/// # Errors
/// `MISSING_FIELD` if there is neither; `INVALID_JSON` for headers that are none.
pub(super) fn mail(parts: &[Part]) -> Result<Vec<u8>, Reject> {
    let of = |name: &str| parts.iter().find(|part| part.name == name).map(|part| part.bytes.as_ref());
    let text_of = |name: &str| String::from_utf8_lossy(of(name).unwrap_or_default()).into_owned();
    let mut letter = Letter::default();
    letter.field("X-Original-To", &text_of("recipient"));
    if let Some(raw) = of("body-mime") {
        return Ok(letter.around(raw));
    }
    let missing = || Reject::new(Reason::MissingField, "message-headers", "send message-headers, or body-mime");
    let headers: Vec<(String, String)> = serde_json::from_slice(of("message-headers").ok_or_else(missing)?)
        .map_err(|_| Reject::new(Reason::InvalidJson, "message-headers", "must be a list of pairs"))?;
    for (name, value) in &headers {
        letter.field(name, value);
    }
    for name in ["From", "Subject"] {
        if !headers.iter().any(|(listed, _)| listed.eq_ignore_ascii_case(name)) {
            letter.field(name, &text_of(&name.to_ascii_lowercase()));
        }
    }
    letter.text(of("body-plain").unwrap_or_default(), "utf-8");
    letter.html(of("body-html").unwrap_or_default(), "utf-8");
    for part in parts.iter().filter(|part| part.file.is_some()) {
        letter.attach(part.file.as_deref().unwrap_or_default(), &part.media_type, Attached::Bytes(&part.bytes));
    }
    Ok(letter.finish())
}
