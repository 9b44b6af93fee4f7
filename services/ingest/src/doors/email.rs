//! `POST /v1/email/{mailbox}`: a mail as the relay got it, raw. What it means is the domain's; here its size, who may hand
//! it over, and that only a few are taken apart at a time, off the threads that serve requests.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::header;
use jiff::Timestamp;
use leadflow_platform::access::Grant;
use leadflow_platform::clock::wall_now;
use leadflow_platform::error::ApiError;

use super::body::{self, header_text, media_type};
use super::{Doors, answer, sender};
use crate::domain::engagement::Engagement;
use crate::domain::mail::MailboxRules;
use crate::domain::reject::{Reason, Reject};
use crate::domain::rules::SourceRules;
use crate::domain::{limits, mail};
use crate::publish::Outbound;
use crate::sources::Mailbox;
use crate::wire::rejected::Refused;

/// How long a mail waits for its turn before the relay is told to come later.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn take(doors: &Doors, name: &str, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    let grant = sender::authenticate(&doors.access, &headers, "", wall_now())
        .inspect_err(|error| doors.publisher.count_unknown(error.reason))?;
    sender::may_send_mail(&grant)?;
    let mailbox = doors.sources.current().mailbox(name).ok_or_else(|| ApiError::not_found("mailbox"))?;
    let rules = source_of(doors, &mailbox, &grant)?;
    if media_type(&headers) != "message/rfc822" {
        return Err(ApiError::unsupported_media_type("content-type: message/rfc822, with the raw mail"));
    }
    doors.rate_limits.take_events(&grant, 1)?;
    let _memory = doors.body_budget.take(&headers, limits::MAIL_BYTES).await?;
    let raw = body::read(&headers, body, limits::MAIL_BYTES).await?;
    let received_at = wall_now();

    let taken = read(doors, raw.clone(), mailbox.rules.clone(), Arc::clone(&rules), received_at).await?;
    let mut out = Outbound::with_capacity(1);
    match taken {
        Ok(event) => {
            let event_id = doors.publisher.accept(&mut out, &event, &rules.id);
            doors.publisher.send(out, "email", &rules.id).await?;
            Ok(answer::json(format!("{{\"success\":true,\"event_id\":\"{event_id}\"}}")))
        }
        Err(reject) => {
            let door = format!("email.{name}");
            let content_type = header_text(&headers, header::CONTENT_TYPE);
            let refused = Refused { source: &rules.id, door: &door, raw: &raw, content_type, received_at };
            doors.publisher.reject(&mut out, &refused, &reject);
            doors.publisher.send(out, "email", &rules.id).await?;
            Err(answer::refusal(&reject))
        }
    }
}

/// Reads a mail, off the threads that serve requests.
///
/// # Errors
/// 503 if it did not get its turn. Inside: why the mail was refused.
pub(super) async fn read(
    doors: &Doors,
    raw: Bytes,
    mailbox: MailboxRules,
    rules: Arc<SourceRules>,
    received_at: Timestamp,
) -> Result<Result<Engagement<'static>, Reject>, ApiError> {
    // A turn is taken when all of it is here: a relay that sends slowly keeps nobody else from theirs.
    let busy = || ApiError::unavailable("too many mails at a time, send the same again").with_reason("BODY_MEMORY");
    let turn = tokio::time::timeout(PATIENCE, doors.mail_slots.acquire()).await;
    let turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
    let read = tokio::task::spawn_blocking(move || mail::engagement(&raw, &mailbox, &rules, received_at));
    // A parser's panic is a defect of ours, but the mail is what it is: kept with its reason, and never asked for again.
    let taken = read.await.unwrap_or_else(|error| {
        tracing::error!("a mail could not be read and is kept on the topic rejected: {error}");
        Err(Reject::new(Reason::InvalidMime, "", "the mail could not be read"))
    });
    drop(turn);
    Ok(taken)
}

fn source_of(doors: &Doors, mailbox: &Mailbox, grant: &Grant) -> Result<Arc<SourceRules>, ApiError> {
    match &mailbox.source {
        None => Ok(doors.sources.current().source(grant.source())),
        Some(source) if grant.may_publish_as(&source.id) => Ok(Arc::clone(source)),
        Some(_) => {
            let message = "this key may not publish as the source of this mailbox";
            Err(ApiError::permission_denied("SOURCE_NOT_ALLOWED", message))
        }
    }
}
