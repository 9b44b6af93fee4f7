//! From librdkafka's message to a [`Record`] of our own: the one copy of the bytes on their way in.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use jiff::Timestamp;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use super::route::Death;
use crate::record::{Position, Record, RecordHeaders};

/// The record, and a death if its headers cannot be read.
pub(crate) fn unpack(topic: &Arc<str>, message: &BorrowedMessage<'_>) -> (Record, Option<Death>) {
    // The binding panics on a header name that is not UTF-8, which any producer can send.
    let (headers, death) = match catch_unwind(AssertUnwindSafe(|| headers(message))) {
        Ok(headers) => (headers, None),
        Err(_) => {
            let detail = "a header name is not UTF-8".to_owned();
            (RecordHeaders::default(), Some(Death { reason: "decode", detail }))
        }
    };
    let milliseconds = message.timestamp().to_millis().unwrap_or_default();
    let record = Record {
        position: Position { topic: Arc::clone(topic), partition: message.partition(), offset: message.offset() },
        key: message.key().unwrap_or_default().to_vec(),
        value: message.payload().unwrap_or_default().to_vec(),
        headers,
        appended_at: Timestamp::from_millisecond(milliseconds).unwrap_or_default(),
    };
    (record, death)
}

fn headers(message: &BorrowedMessage<'_>) -> RecordHeaders {
    let Some(headers) = message.headers() else { return RecordHeaders::default() };
    // Names and values of CloudEvents, as a guess.
    let mut copied = RecordHeaders::with_capacity(headers.count(), headers.count() * 40);
    headers.iter().for_each(|header| copied.push(header.key, header.value.unwrap_or_default()));
    copied
}
