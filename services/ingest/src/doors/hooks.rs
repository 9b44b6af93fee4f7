//! `POST /hooks/{hook}`: what a mail provider tells about our mails, and mails that came in through it. The proof is checked
//! on the bytes as they came; what a stranger sends is counted and not kept, what a provider sends is published or kept with
//! the reason, and neither is acknowledged before the broker did.

mod delivery;
mod replays;

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, HeaderName, header};
use jiff::Timestamp;
use leadflow_platform::clock::wall_now;
use leadflow_platform::error::ApiError;
use leadflow_platform::http::read_body;

use self::delivery::{Delivery, Encoding};
pub(super) use self::replays::Replays;
use super::body::{header_text, media_type};
use super::{Doors, answer, email};
use crate::domain::hook::proof::{Disbelief, Proof, Shown};
use crate::domain::hook::{self, Told};
use crate::domain::limits;
use crate::domain::reject::Reject;
use crate::publish::Outbound;
use crate::sources::Hook;
use crate::wire::rejected::Refused;

const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-email-event-webhook-signature");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-twilio-email-event-webhook-timestamp");

pub(super) async fn take(doors: &Doors, name: &str, request: Request) -> Result<Response, ApiError> {
    let hook = doors.sources.current().hook(name).ok_or_else(|| ApiError::not_found("hook"))?;
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    let encoding = encoding(&hook, &headers)?;
    let unknown = |disbelief| {
        let error = not_believed(disbelief);
        doors.publisher.count_unknown(error.reason);
        error
    };
    let shown = shown(&hook.proof, &headers);
    hook.proof.before_body(&shown, wall_now().as_second()).map_err(unknown)?;
    let limit = limit(&hook, encoding);
    let _memory = doors.hook_budget.take(&headers, limit).await?;
    let body = read_body(body, limit).await?;
    let received_at = wall_now();
    hook.proof.of_body(&shown, &body).map_err(unknown)?;
    let content_type = header_text(&headers, header::CONTENT_TYPE);
    let delivery = Delivery::read(encoding, content_type, body).await;
    let stamp = delivery.stamp();
    hook.proof.of_stamp(stamp.as_ref(), received_at.as_second()).map_err(unknown)?;
    if let (Proof::Mailgun(_), Some(stamp)) = (&hook.proof, stamp)
        && !doors.replays.is_first_or_same(&stamp.token, &delivery).await
    {
        doors.publisher.count_unknown(REPLAYED);
        return Err(ApiError::unauthenticated(REPLAYED, "this signature came before with another body"));
    }
    publish(doors, &hook, &delivery, content_type, received_at).await
}

const REPLAYED: &str = "HOOK_REPLAYED";

fn not_believed(disbelief: Disbelief) -> ApiError {
    let (reason, message) = match disbelief {
        Disbelief::Missing => ("HOOK_PROOF_MISSING", "the proof that the sources file names for this hook is missing"),
        Disbelief::Wrong => ("HOOK_PROOF_INVALID", "the proof does not fit the secret of this hook"),
        Disbelief::Stale => ("HOOK_PROOF_STALE", "the signature is more than five minutes old, or ahead"),
    };
    ApiError::unauthenticated(reason, message)
}

fn shown<'a>(proof: &Proof, headers: &'a HeaderMap) -> Shown<'a> {
    let own = match proof {
        Proof::Header(name, _) => headers.get(&**name).and_then(|value| value.to_str().ok()).unwrap_or_default(),
        _ => "",
    };
    Shown {
        authorization: header_text(headers, header::AUTHORIZATION),
        header: own,
        signature: header_text(headers, SIGNATURE),
        timestamp: header_text(headers, TIMESTAMP),
    }
}

fn encoding(hook: &Hook, headers: &HeaderMap) -> Result<Encoding, ApiError> {
    // A signature is over the bytes as they came, and no provider packs them.
    if !matches!(header_text(headers, header::CONTENT_ENCODING).trim(), "" | "identity") {
        return Err(ApiError::unsupported_media_type("no content-encoding"));
    }
    let forms = hook.rules.recipe.takes_forms();
    match media_type(headers).as_str() {
        "application/json" => Ok(Encoding::Json),
        "multipart/form-data" if forms => Ok(Encoding::Multipart),
        "application/x-www-form-urlencoded" if forms => Ok(Encoding::Urlencoded),
        _ if forms => Err(ApiError::unsupported_media_type("content-type: application/json or multipart/form-data")),
        _ => Err(ApiError::unsupported_media_type("content-type: application/json")),
    }
}

/// A mail may be as large as through the e-mail door, an event 1 MiB, a batch of events 8 MiB.
fn limit(hook: &Hook, encoding: Encoding) -> usize {
    use hook::Recipe::{Mailgun, Postmark, Sendgrid};
    let takes_mail = hook.rules.mailbox.is_some();
    match (hook.rules.recipe, encoding) {
        (Postmark, _) if takes_mail => limits::MAIL_BYTES,
        (Sendgrid | Mailgun, Encoding::Multipart | Encoding::Urlencoded) if takes_mail => limits::MAIL_BYTES,
        (Sendgrid, _) => limits::HOOK_BATCH_BYTES,
        _ => limits::HOOK_EVENT_BYTES,
    }
}

async fn publish(
    doors: &Doors,
    hook: &Arc<Hook>,
    delivery: &Delivery,
    content_type: &str,
    received_at: Timestamp,
) -> Result<Response, ApiError> {
    let door = format!("hook.{}", hook.rules.name);
    let source = &hook.source;
    let items = match delivery.items(hook, received_at) {
        Ok(items) => items,
        Err(reject) => vec![(delivery.raw(), Err(reject))],
    };
    let all = items.len();
    let mut out = Outbound::with_capacity(all);
    let mut rejects: Vec<(usize, Reject)> = Vec::new();
    for (index, (raw, told)) in items.into_iter().enumerate() {
        let taken = match told {
            Ok(Told::Mail(mail)) => {
                mail_of(doors, hook, mail, received_at).await?.map(|event| Told::Event(Box::new(event)))
            }
            other => other,
        };
        match taken {
            Ok(Told::Event(event)) => drop(doors.publisher.accept(&mut out, &event, &source.id)),
            Ok(_) => {}
            Err(reject) => {
                let refused = Refused { source: &source.id, door: &door, raw, content_type, received_at };
                doors.publisher.reject(&mut out, &refused, &reject);
                rejects.push((index, reject));
            }
        }
    }
    doors.publisher.send(out, "hook", &source.id).await?;
    match rejects.len() {
        0 => Ok(answer::success()),
        some if some < all => Ok(answer::success_without(&rejects)),
        _ => Err(answer::refusals(rejects.iter().map(|(_, reject)| reject))),
    }
}

/// Read by the one reader of mails.
async fn mail_of(
    doors: &Doors,
    hook: &Arc<Hook>,
    mail: Vec<u8>,
    received_at: Timestamp,
) -> Result<Result<crate::domain::engagement::Engagement<'static>, Reject>, ApiError> {
    let rules = hook.rules.mailbox.clone();
    let Some(rules) = rules else { return Ok(Err(hook::no_mailbox())) };
    email::read(doors, mail.into(), rules, Arc::clone(&hook.source), received_at).await
}
