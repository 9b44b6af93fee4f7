//! The Segment-compatible door: one call, or a batch of them. Segment's libraries drop a batch that is answered 400, so one
//! bad event never costs its neighbours: the good ones are taken, the bad ones kept on `rejected`, and only a batch without
//! a single good event is refused.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, header};
use jiff::Timestamp;
use leadflow_platform::access::Grant;
use leadflow_platform::clock::wall_now;
use leadflow_platform::error::ApiError;
use tokio::sync::OwnedSemaphorePermit;

use super::body::{self, header_text, media_type};
use super::{Doors, answer, body_key, sender};
use crate::domain::message::Call;
use crate::domain::reject::{Reason, Reject};
use crate::domain::rules::SourceRules;
use crate::domain::segment::{self, Request as Facts};
use crate::domain::{batch, limits};
use crate::publish::Outbound;
use crate::wire::rejected::Refused;

/// Which topic a batch takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As it happens.
    Live,
    /// From an archive: scores, never raises a hand, never enrols.
    Import,
}

/// `POST /v1/track` and the like.
pub(super) async fn single(doors: Arc<Doors>, call: Call, request: Request) -> Response {
    take_single(&doors, call, request).await.unwrap_or_else(|error| error.into_response())
}

/// `POST /v1/batch` and `/v1/import`.
pub(super) async fn batch(doors: Arc<Doors>, way: Way, request: Request) -> Response {
    take_batch(&doors, way, request).await.unwrap_or_else(|error| error.into_response())
}

const MEDIA_TYPES: &str =
    "content-type: application/json, text/plain or application/x-www-form-urlencoded, each with JSON";

/// What came in, and from whom if a header says so.
struct Incoming {
    headers: HeaderMap,
    body: Bytes,
    grant: Option<Arc<Grant>>,
    received_at: Timestamp,
    /// Given back when the request is answered.
    _memory: Option<OwnedSemaphorePermit>,
}

/// Asks for the key before the body is read, where the key is in a header.
async fn receive(doors: &Doors, request: Request, single: bool) -> Result<Incoming, ApiError> {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    if !matches!(
        media_type(&headers).as_str(),
        "" | "application/json" | "text/plain" | "application/x-www-form-urlencoded"
    ) {
        return Err(ApiError::unsupported_media_type(MEDIA_TYPES));
    }
    let grant = match headers.get(header::AUTHORIZATION) {
        Some(_) => Some(sender::authenticate(&doors.access, &headers, "", wall_now())?),
        None => None,
    };
    let limit = match &grant {
        _ if single => limits::FORM_BYTES,
        Some(grant) if doors.sources.current().source(grant.source()).rudderstack => limits::RUDDERSTACK_BATCH_BYTES,
        _ => limits::BATCH_BYTES,
    };
    let memory = doors.body_budget.take(&headers, limit).await?;
    let body = body::read(&headers, body, limit).await?;
    // The clock is read when all of it is here: the sender's clock is compared with this.
    Ok(Incoming { headers, body, grant, received_at: wall_now(), _memory: memory })
}

impl Incoming {
    fn text(&self) -> Result<&str, Reject> {
        body::text(&self.body).map_err(|_| Reject::new(Reason::InvalidJson, "", "the body is not UTF-8"))
    }

    /// The key that stands in the body, if none is in a header: also in a body that is refused.
    fn body_key<'a, T>(&self, read: &'a Result<T, Reject>, key: impl Fn(&'a T) -> &'a str) -> String {
        match (&self.grant, read) {
            (Some(_), _) => String::new(),
            (None, Ok(read)) => key(read).to_owned(),
            (None, Err(_)) => self.text().map(body_key::find).unwrap_or_default(),
        }
    }

    fn grant(&self, doors: &Doors, body_key: &str) -> Result<Arc<Grant>, ApiError> {
        match &self.grant {
            Some(grant) => Ok(Arc::clone(grant)),
            None => sender::authenticate(&doors.access, &self.headers, body_key, self.received_at),
        }
    }

    fn facts(&self, grant: &Grant, sent_at: Option<Timestamp>, way: Way) -> Facts<'_> {
        Facts {
            received_at: self.received_at,
            sent_at,
            sender: sender::kind_of(grant),
            user_agent: header_text(&self.headers, header::USER_AGENT),
            historical: way == Way::Import,
        }
    }

    fn refused<'a>(&'a self, source: &'a str, door: &'a str, raw: &'a [u8]) -> Refused<'a> {
        let content_type = header_text(&self.headers, header::CONTENT_TYPE);
        Refused { source, door, raw, content_type, received_at: self.received_at }
    }
}

async fn take_single(doors: &Doors, call: Call, request: Request) -> Result<Response, ApiError> {
    let incoming = receive(doors, request, true).await?;
    let read = incoming.text().and_then(segment::read);
    let body_key = incoming.body_key(&read, |message| &message.write_key);
    let grant = incoming.grant(doors, &body_key).inspect_err(|error| doors.publisher.count_unknown(error.reason))?;
    doors.rate_limits.take_events(&grant, 1)?;
    let rules = doors.sources.current().source(grant.source());
    let facts = incoming.facts(&grant, None, Way::Live);
    let mut out = Outbound::with_capacity(1);
    let taken = read.and_then(|message| segment::from_message(message, Some(call), &facts, &rules));
    let refusal = match &taken {
        Ok(event) => {
            doors.publisher.accept(&mut out, event, &rules.id);
            None
        }
        Err(reject) => {
            let refused = incoming.refused(&rules.id, door_name(call), &incoming.body);
            doors.publisher.reject(&mut out, &refused, reject);
            Some(answer::refusal(reject))
        }
    };
    drop(taken);
    doors.publisher.send(out, "http", &rules.id).await?;
    refusal.map_or_else(|| Ok(answer::success()), Err)
}

fn door_name(call: Call) -> &'static str {
    match call {
        Call::Identify => "http.identify",
        Call::Track => "http.track",
        Call::Page => "http.page",
        Call::Screen => "http.screen",
        Call::Group => "http.group",
        Call::Alias => "http.alias",
    }
}

async fn take_batch(doors: &Doors, way: Way, request: Request) -> Result<Response, ApiError> {
    let incoming = receive(doors, request, false).await?;
    let read = incoming.text().and_then(batch::read);
    let body_key = incoming.body_key(&read, |batch| &batch.write_key);
    let grant = incoming.grant(doors, &body_key).inspect_err(|error| doors.publisher.count_unknown(error.reason))?;
    let rules = doors.sources.current().source(grant.source());
    let events = read.as_ref().map_or(1, |batch| batch.events.len());
    doors.rate_limits.take_events(&grant, events)?;
    let mut out = Outbound::with_capacity(events);
    let rejects = match &read {
        Ok(batch) => {
            let facts = incoming.facts(&grant, batch.sent_at, way);
            map_events(doors, &incoming, batch, &facts, &rules, &mut out)
        }
        Err(reject) => {
            let refused = incoming.refused(&rules.id, "http.batch", &incoming.body);
            doors.publisher.reject(&mut out, &refused, reject);
            vec![(0, reject.clone())]
        }
    };
    drop(read);
    doors.publisher.send(out, "http", &rules.id).await?;
    match rejects.len() {
        0 => Ok(answer::success()),
        all if all >= events => Err(answer::refusals(rejects.iter().map(|(_, reject)| reject))),
        _ => Ok(answer::success_without(&rejects)),
    }
}

/// Takes the good events and keeps the bad ones; gives the places and reasons of those.
fn map_events(
    doors: &Doors,
    incoming: &Incoming,
    batch: &batch::Batch<'_>,
    facts: &Facts<'_>,
    rules: &SourceRules,
    out: &mut Outbound,
) -> Vec<(usize, Reject)> {
    let mut rejects = Vec::new();
    for (index, raw) in batch.events.iter().enumerate() {
        match segment::in_batch(raw, batch.context, facts, rules) {
            Ok(event) => drop(doors.publisher.accept(out, &event, &rules.id)),
            Err(reject) => {
                let reject = reject.under(&format!("/batch/{index}"));
                doors.publisher.reject(out, &incoming.refused(&rules.id, "http.batch", raw.as_bytes()), &reject);
                rejects.push((index, reject));
            }
        }
    }
    rejects
}
