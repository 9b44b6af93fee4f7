//! A refusal as `leadflow.ingest.v1.RejectedEvent`: at most 64 KiB of what was sent, without the keys in it, with its full
//! length and SHA-256.

use jiff::Timestamp;
use leadflow_proto::ingest::v1::RejectedEvent;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::mask::masked;
use crate::domain::limits;
use crate::domain::reject::Reject;

/// Looked at beyond what is kept, so that a key is recognised that stands across the end.
const BEYOND: usize = 512;

/// Where and when something was refused.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'a> {
    /// Id of the source whose key was used.
    pub source: &'a str,
    /// "http.track", "grpc.publish_events", "form.contact", "email.sales".
    pub door: &'a str,
    /// What was sent.
    pub raw: &'a [u8],
    /// Its media type.
    pub content_type: &'a str,
    /// When.
    pub received_at: Timestamp,
}

/// The record's value.
#[must_use]
pub fn encode(rejected_id: Uuid, refused: &Refused<'_>, reject: &Reject) -> Vec<u8> {
    let mut kept = masked(&refused.raw[..refused.raw.len().min(limits::REJECTED_RAW_BYTES + BEYOND)]);
    kept.truncate(limits::REJECTED_RAW_BYTES);
    RejectedEvent {
        rejected_id: rejected_id.to_string(),
        source: refused.source.to_owned(),
        door: refused.door.to_owned(),
        code: reject.reason.code().to_owned(),
        field: reject.pointer.clone().into_owned(),
        message: reject.message.clone().into_owned(),
        raw: kept,
        length: refused.raw.len() as i64,
        sha256: Sha256::digest(refused.raw).to_vec(),
        content_type: limits::prefix(refused.content_type, limits::NAME_BYTES).to_owned(),
        received_at: Some(pbjson_types::Timestamp {
            seconds: refused.received_at.as_second(),
            nanos: refused.received_at.subsec_nanosecond(),
        }),
    }
    .encode_to_vec()
}
