//! A record that can never be applied, as it came, with the reason: an outbox row of the transaction that moves past it.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use leadflow_proto::platform::v1::DeadLetter;
use prost::Message as _;
use uuid::Uuid;

use super::route::Death;
use super::shared::{Shared, locked};
use crate::outbox::OutboxRow;
use crate::record::{CloudEvent, Position, Record};
use crate::topics::Topic;

/// Namespace of dead-letter ids: the same record always has the same id.
const NAMESPACE: Uuid = Uuid::from_u128(0x3f0f_7d0e_5a4c_5b0e_9c39_a1f2_2f4d_8e61);
/// A value longer than this is cut: the dead letter itself must fit through the outbox.
const MOST_OF_A_VALUE: usize = 800 * 1024;
/// All headers together.
const MOST_OF_HEADERS: usize = 32 * 1024;
const MOST_OF_A_KEY: usize = 4 * 1024;
const MOST_OF_A_DETAIL: usize = 1024;
/// Log lines.
const NOTICES_A_SECOND: u32 = 5;
const SECOND: Duration = Duration::from_secs(1);

/// The row. `now`: of the transaction.
pub(crate) fn row(shared: &Shared, record: &Record, death: &Death, now: jiff::Timestamp) -> OutboxRow {
    let position = &record.position;
    let subject = subject(position);
    let id = id(shared.consumer, position);
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

fn subject(position: &Position) -> String {
    format!("{}/{}/{}", position.topic, position.partition, position.offset)
}

fn id(consumer: &str, position: &Position) -> String {
    Uuid::new_v5(&NAMESPACE, format!("{consumer}/{}", subject(position)).as_bytes()).to_string()
}

/// The log lines about dead letters: one each, but of a storm only the first few of a second and then their number.
#[derive(Debug, Default)]
pub(crate) struct DeathNotices(Mutex<Notices>);

#[derive(Debug, Default)]
struct Notices {
    second: Option<Instant>,
    told: u32,
    untold: u64,
}

impl DeathNotices {
    /// A record was put aside for good: the transaction with its letter is committed. Never its content.
    pub(crate) fn tell(&self, consumer: &str, position: &Position, reason: &'static str) {
        if !self.may_tell(consumer) {
            return;
        }
        let Position { topic, partition, offset } = position;
        let id = id(consumer, position);
        tracing::warn!(
            consumer,
            %topic,
            partition,
            offset,
            reason,
            "a record of {topic}/{partition} at offset {offset} could not be applied ({reason}) and was put aside: \
             `leadflow dead-letter show {id}`, and after the cause is mended `leadflow dead-letter redrive {id}`"
        );
    }

    /// The number of those that were not told one by one.
    pub(crate) fn tell_the_rest(&self, consumer: &str) {
        let mut notices = locked(&self.0);
        if notices.second.is_none_or(|began| began.elapsed() >= SECOND) {
            notices.tell_the_rest(consumer);
        }
    }

    fn may_tell(&self, consumer: &str) -> bool {
        let mut notices = locked(&self.0);
        if notices.second.is_none_or(|began| began.elapsed() >= SECOND) {
            notices.tell_the_rest(consumer);
            notices.second = Some(Instant::now());
            notices.told = 0;
        }
        let may = notices.told < NOTICES_A_SECOND;
        notices.told += u32::from(may);
        notices.untold += u64::from(!may);
        may
    }
}

impl Notices {
    fn tell_the_rest(&mut self, consumer: &str) {
        let untold = std::mem::take(&mut self.untold);
        if untold > 0 {
            tracing::warn!(
                consumer,
                untold,
                "{untold} more records could not be applied and were put aside: `leadflow dead-letter list`"
            );
        }
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
