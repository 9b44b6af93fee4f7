//! The members of a batch as slices of the body: its events are not yet looked at, so that one that is broken does not
//! spoil the others.

use std::borrow::Cow;

use jiff::Timestamp;

use super::json::{self, Json};
use super::limits;
use super::reject::{Reason, Reject};
use super::time;

/// A batch.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    /// Each as it was written.
    pub events: Vec<&'a str>,
    /// `sentAt`, for events that have none of their own.
    pub sent_at: Option<Timestamp>,
    /// `context`, for events that have none of their own.
    pub context: Option<&'a str>,
    /// `writeKey`, for senders that cannot set headers.
    pub write_key: Cow<'a, str>,
}

/// Reads a batch.
///
/// # Errors
/// `INVALID_JSON`, `NOT_AN_OBJECT`, `MISSING_FIELD`, `WRONG_TYPE`, `TOO_MANY_EVENTS`, `JSON_TOO_DEEP`.
pub fn read(raw: &str) -> Result<Batch<'_>, Reject> {
    let mut batch = Batch::default();
    let mut found = false;
    json::members(raw, |key, value| {
        match key.as_ref() {
            "batch" => {
                found = true;
                batch.events.clear();
                json::elements(value.get(), |event| {
                    if batch.events.len() == limits::BATCH_EVENTS {
                        return Err(Reject::new(
                            Reason::TooManyEvents,
                            "",
                            "a batch has at most 2500 events: send several",
                        ));
                    }
                    batch.events.push(event.get());
                    Ok(())
                })
                .map_err(|reject| reject.under("/batch"))?;
            }
            "writeKey" => {
                if let Json::Text(text) = Json::of(value, || "/writeKey".to_owned())? {
                    batch.write_key = text;
                }
            }
            "sentAt" => {
                if let Json::Text(text) = Json::of(value, || "/sentAt".to_owned())? {
                    batch.sent_at = time::parse(&text);
                }
            }
            "context" => batch.context = Some(value.get()).filter(|context| context.starts_with('{')),
            _ => json::check_depth(value.get())?,
        }
        Ok(())
    })?;
    if let Some(context) = batch.context {
        json::check_depth(context)?;
    }
    if found { Ok(batch) } else { Err(Reject::new(Reason::MissingField, "/batch", "send the events as an array")) }
}
