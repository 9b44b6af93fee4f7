//! `POST /v1/forms/{form}`: urlencoded, multipart or JSON. A browser goes on to the page that the sources file names and to
//! no other, whatever the post says.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, header};
use jiff::Timestamp;
use leadflow_platform::clock::wall_now;
use leadflow_platform::error::ApiError;

use super::body::{self, header_text, media_type};
use super::{Doors, answer, multipart, sender};
use crate::domain::form::{self, Post, Posted};
use crate::domain::kind::Sender;
use crate::domain::reject::{Reason, Reject};
use crate::domain::{flatten, json, limits};
use crate::publish::Outbound;
use crate::sources::Form;
use crate::wire::rejected::Refused;

/// How the fields were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Urlencoded,
    Multipart,
    Json,
}

pub(super) async fn take(doors: &Doors, name: &str, request: Request) -> Result<Response, ApiError> {
    let form = doors.sources.current().form(name).ok_or_else(|| ApiError::not_found("form"))?;
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    let encoding = match media_type(&headers).as_str() {
        "application/x-www-form-urlencoded" => Encoding::Urlencoded,
        "multipart/form-data" => Encoding::Multipart,
        "application/json" | "text/plain" => Encoding::Json,
        _ => {
            let expected = "content-type: application/x-www-form-urlencoded, multipart/form-data or application/json";
            return Err(ApiError::unsupported_media_type(expected));
        }
    };
    let sender = who(doors, &form, &headers).inspect_err(|error| doors.publisher.count_unknown(error.reason))?;
    let _memory = doors.body_budget.take(&headers, limits::FORM_BYTES).await?;
    let body = body::read(&headers, body, limits::FORM_BYTES).await?;
    let received_at = wall_now();
    let refusal = publish(doors, &form, &headers, &body, encoding, sender, received_at).await?;
    match refusal {
        // Whoever fills the trap must not learn that there is one.
        Some(reject) if reject.reason != Reason::Honeypot => Err(answer::refusal(&reject)),
        _ if encoding == Encoding::Json || wants_json(&headers) => Ok(answer::success()),
        _ => Ok(answer::see_other(&form.thank_you)),
    }
}

fn wants_json(headers: &HeaderMap) -> bool {
    header_text(headers, header::ACCEPT).trim_start().starts_with("application/json")
}

/// A key that may publish as the form's source; or none, if the form is public and the page one of its own. Every browser
/// says from which page it posts: whoever does not is a program.
fn who(doors: &Doors, form: &Form, headers: &HeaderMap) -> Result<Sender, ApiError> {
    if headers.contains_key(header::AUTHORIZATION) {
        let grant = sender::authenticate(&doors.access, headers, "", wall_now())?;
        if !grant.may_publish_as(&form.source.id) {
            let message = "this key may not publish as the source of this form";
            return Err(ApiError::permission_denied("SOURCE_NOT_ALLOWED", message));
        }
        doors.rate_limits.take_events(&grant, 1)?;
        return Ok(sender::kind_of(&grant));
    }
    if !form.public {
        return Err(ApiError::unauthenticated("API_KEY_MISSING", "this form is not public: send a key"));
    }
    let origin = header_text(headers, header::ORIGIN).trim_end_matches('/').to_ascii_lowercase();
    if !origin.is_empty() && !form.origins.iter().any(|own| own == "*" || *own == origin) {
        let message = "this form may not be posted from pages of this origin: add the origin to the form";
        return Err(ApiError::permission_denied("ORIGIN_NOT_ALLOWED", message));
    }
    doors.rate_limits.take_form_post(&form.rules.name)?;
    Ok(if origin.is_empty() { Sender::Server } else { Sender::Browser })
}

/// Maps the post and waits for the broker; gives the reason if it was refused.
async fn publish(
    doors: &Doors,
    form: &Arc<Form>,
    headers: &HeaderMap,
    body: &Bytes,
    encoding: Encoding,
    sender: Sender,
    received_at: Timestamp,
) -> Result<Option<Reject>, ApiError> {
    let content_type = header_text(headers, header::CONTENT_TYPE);
    let posted = match encoding {
        Encoding::Urlencoded => Ok(form_urlencoded::parse(body).take(limits::FIELDS + 1).collect()),
        Encoding::Multipart => multipart::fields(content_type, body.clone()).await,
        Encoding::Json => json_fields(body),
    };
    let mut out = Outbound::with_capacity(1);
    let refusal = {
        let post = Post {
            received_at,
            user_agent: header_text(headers, header::USER_AGENT),
            referer: header_text(headers, header::REFERER),
            sender,
        };
        let taken = posted.and_then(|posted| form::engagement(posted, &form.rules, &post, &form.source));
        match taken {
            Ok(event) => {
                doors.publisher.accept(&mut out, &event, &form.source.id);
                None
            }
            Err(reject) => {
                let door = format!("form.{}", form.rules.name);
                let refused = Refused { source: &form.source.id, door: &door, raw: body, content_type, received_at };
                doors.publisher.reject(&mut out, &refused, &reject);
                Some(reject)
            }
        }
    };
    doors.publisher.send(out, "form", &form.source.id).await?;
    Ok(refusal)
}

fn json_fields(body: &[u8]) -> Result<Posted<'_>, Reject> {
    let text = body::text(body).map_err(|_| Reject::new(Reason::InvalidJson, "", "the body is not UTF-8"))?;
    json::check_depth(text)?;
    let mut fields = Vec::new();
    flatten::flatten(text, "", &mut fields)?;
    Ok(fields)
}
