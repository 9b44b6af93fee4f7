//! A record that can never be applied, as it came, with the reason: an outbox row of the transaction that moves past it.

use leadflow_proto::platform::v1::DeadLetter;
use prost::Message as _;
use uuid::Uuid;

use super::route::Death;
use super::shared::Shared;
use crate::outbox::OutboxRow;
use crate::record::{CloudEvent, Record};
use crate::topics::Topic;

/// Namespace of dead-letter ids: the same record always has the same id.
const NAMESPACE: Uuid = Uuid::from_u128(0x3f0f_7d0e_5a4c_5b0e_9c39_a1f2_2f4d_8e61);
/// A value longer than this is cut: the dead letter itself must fit through the outbox.
const MOST_OF_A_VALUE: usize = 800 * 1024;
/// All headers together.
const MOST_OF_HEADERS: usize = 32 * 1024;
const MOST_OF_A_KEY: usize = 4 * 1024;
const MOST_OF_A_DETAIL: usize = 1024;

/// The row. `now`: of the transaction.
pub(crate) fn row(shared: &Shared, record: &Record, death: &Death, now: jiff::Timestamp) -> OutboxRow {
    let position = &record.position;
    let subject = format!("{}/{}/{}", position.topic, position.partition, position.offset);
    let id = Uuid::new_v5(&NAMESPACE, format!("{}/{subject}", shared.consumer).as_bytes()).to_string();
    let mut detail: String = death.detail.chars().take(MOST_OF_A_DETAIL).collect();
    if record.value.len() > MOST_OF_A_VALUE {
        detail.push_str(&format!(" (value cut, it had {} bytes)", record.value.len()));
    }
    let letter = DeadLetter {
        dead_letter_id: id.clone(),
        consumer: shared.consumer.to_owned(),
        topic: position.topic.to_string(),
        partition: position.partition,
        offset: position.offset,
        reason: death.reason.to_owned(),
        detail,
        key: cut(&record.key, MOST_OF_A_KEY).into(),
        value: cut(&record.value, MOST_OF_A_VALUE).into(),
        headers: headers(record),
        died_at: Some(pbjson_types::Timestamp { seconds: now.as_second(), nanos: now.subsec_nanosecond() }),
    };
    OutboxRow {
        topic: Topic::DeadLetter,
        key: cut(&record.key, MOST_OF_A_KEY).to_vec(),
        event: CloudEvent {
            id,
            source: shared.source,
            kind: "leadflow.platform.dead_letter.v1".to_owned(),
            subject,
            time: now,
            dataschema: "leadflow.platform.v1.DeadLetter",
        },
        trace: None,
        payload: letter.encode_to_vec(),
    }
}

fn cut(bytes: &[u8], most: usize) -> &[u8] {
    &bytes[..bytes.len().min(most)]
}

fn headers<M: FromIterator<(String, V)>, V: From<Vec<u8>>>(record: &Record) -> M {
    let mut left = MOST_OF_HEADERS;
    record
        .headers
        .iter()
        .take_while(|(name, value)| {
            let fits = name.len() + value.len() <= left;
            left = left.saturating_sub(name.len() + value.len());
            fits
        })
        .map(|(name, value)| (name.to_owned(), value.to_vec().into()))
        .collect()
}
