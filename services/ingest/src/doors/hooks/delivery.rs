//! The body of a delivery, taken apart as far as its encoding goes.

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::super::{body, multipart};
use crate::domain::hook::proof::Stamp;
use crate::domain::hook::{self, Part, Told};
use crate::domain::limits;
use crate::domain::reject::{Reason, Reject};
use crate::sources::Hook;

/// How a delivery was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    Multipart,
    Urlencoded,
}

/// A delivery.
#[derive(Debug)]
pub(super) struct Delivery {
    raw: Bytes,
    content: Result<Content, Reject>,
}

#[derive(Debug)]
enum Content {
    Json(Bytes),
    Form(Vec<Part>),
}

/// One thing that a delivery tells: its own bytes, and what they say or why they were refused.
pub(super) type Item<'a> = (&'a [u8], Result<Told, Reject>);

impl Delivery {
    pub(super) async fn read(encoding: Encoding, content_type: &str, raw: Bytes) -> Self {
        let content = match encoding {
            Encoding::Json => Ok(Content::Json(raw.clone())),
            Encoding::Multipart => multipart::parts(content_type, raw.clone()).await.map(Content::Form),
            Encoding::Urlencoded => fields(&raw).map(Content::Form),
        };
        Self { raw, content }
    }

    /// The bytes as they came.
    pub(super) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// What Mailgun writes into the body; `None` if there is none.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        match self.content.as_ref().ok()? {
            Content::Json(text) => hook::stamp_of_json(body::text(text).ok()?),
            Content::Form(parts) => hook::stamp_of_fields(parts),
        }
    }

    /// Of what it says, whatever the boundary between its parts was.
    pub(super) fn digest(&self) -> [u8; 32] {
        let Ok(Content::Form(parts)) = &self.content else { return Sha256::digest(&self.raw).into() };
        let mut hash = Sha256::new();
        for part in parts {
            for bytes in [part.name.as_bytes(), part.file.as_deref().unwrap_or_default().as_bytes(), &part.bytes] {
                hash.update((bytes.len() as u64).to_be_bytes());
                hash.update(bytes);
            }
        }
        hash.finalize().into()
    }

    /// The things that it tells, each with its own bytes.
    ///
    /// # Errors
    /// What is wrong with the whole.
    pub(super) fn items(&self, hook: &Hook, received_at: Timestamp) -> Result<Vec<Item<'_>>, Reject> {
        match self.content.as_ref().map_err(Clone::clone)? {
            Content::Json(text) => {
                let wrong = |_| Reject::new(Reason::InvalidJson, "", "the body is not UTF-8");
                let items = hook::read_json(body::text(text).map_err(wrong)?, &hook.rules, &hook.source, received_at)?;
                Ok(items.into_iter().map(|item| (item.raw.as_bytes(), item.told)).collect())
            }
            Content::Form(parts) => Ok(vec![(self.raw(), hook::read_form(parts, &hook.rules).map(Told::Mail))]),
        }
    }
}

fn fields(raw: &[u8]) -> Result<Vec<Part>, Reject> {
    let mut parts = Vec::new();
    for (name, value) in form_urlencoded::parse(raw) {
        if parts.len() == limits::FIELDS {
            return Err(Reject::new(Reason::TooManyFields, "", "a form has at most 512 fields"));
        }
        let bytes = value.into_owned().into_bytes().into();
        parts.push(Part { name: name.into_owned(), bytes, ..Part::default() });
    }
    Ok(parts)
}
