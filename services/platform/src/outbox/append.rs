//! Rows into the outbox: one statement per call, inside the transaction that changes the state.

use prost::Message as _;

use super::OutboxRow;
use super::headers::StoredHeaders;
use super::store::{self, NewRows};
use crate::pg::{FailureKind, PgError, WriteTx};

/// Largest key + headers + payload of one row. Below the topics' `max.message.bytes` of 1 MiB with room for the record's
/// own framing.
pub const MAX_ROW_BYTES: usize = 900 * 1024;

/// Why a row was not taken.
#[derive(Debug, thiserror::Error)]
#[error("an outgoing record for topic {topic} has {bytes} bytes, the limit is {MAX_ROW_BYTES}")]
struct TooLarge {
    topic: &'static str,
    bytes: usize,
}

/// Appends `rows` in their order. Takes the write transaction, because its transaction id must have been drawn before any
/// outbox id: the publisher's floor stands on that. After the commit, wake the publisher.
///
/// # Errors
/// [`PgError`] of kind `Data` if a row is larger than [`MAX_ROW_BYTES`] (nothing is appended); else as the database says.
pub async fn append(tx: &mut WriteTx, rows: &[OutboxRow]) -> Result<(), PgError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut new = NewRows::default();
    for row in rows {
        let headers = StoredHeaders::new(&row.event, row.trace.as_ref()).encode_to_vec();
        check_size(row, headers.len())?;
        new.topics.push(row.topic as i16);
        new.keys.push(&row.key);
        new.headers.push(headers);
        new.payloads.push(&row.payload);
    }
    store::insert(tx, new).await
}

fn check_size(row: &OutboxRow, header_bytes: usize) -> Result<(), PgError> {
    let bytes = row.key.len() + header_bytes + row.payload.len();
    if bytes <= MAX_ROW_BYTES {
        return Ok(());
    }
    let too_large = TooLarge { topic: row.topic.short_name(), bytes };
    Err(PgError {
        what: "append to the outbox",
        kind: FailureKind::Data,
        source: sqlx::Error::Encode(Box::new(too_large)),
    })
}
