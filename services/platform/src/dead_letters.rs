//! Dead letters for an operator: all that the broker still has, and the way back to where one came from. Writing them is
//! the consumer's work.

use std::time::Duration;

use anyhow::Context as _;
use leadflow_proto::platform::v1::DeadLetter;
use prost::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::KafkaConfig;
use crate::topics::Topic;

/// One dead letter.
#[derive(Clone, Debug)]
pub struct Letter(DeadLetter);

impl Letter {
    /// The same record has the same id, however often it died.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.dead_letter_id
    }

    /// Where the record came from.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.0.topic
    }

    /// As JSON; the value's bytes as hex only if asked for: they may hold personal data.
    #[must_use]
    pub fn describe(&self, with_bytes: bool) -> serde_json::Value {
        let letter = &self.0;
        let mut value = serde_json::json!({
            "dead_letter_id": letter.dead_letter_id, "consumer": letter.consumer, "topic": letter.topic,
            "partition": letter.partition, "offset": letter.offset, "reason": letter.reason, "detail": letter.detail,
            "bytes": letter.value.len(), "died_at": letter.died_at,
        });
        if with_bytes {
            value["key_hex"] = hex(&letter.key).into();
            value["value_hex"] = hex(&letter.value).into();
        }
        value
    }

    /// Id, consumer, origin, reason, time, detail: for a table.
    #[must_use]
    pub fn cells(&self) -> Vec<String> {
        let letter = &self.0;
        let died = letter.died_at.as_ref().and_then(|at| jiff::Timestamp::new(at.seconds, at.nanos).ok());
        vec![
            letter.dead_letter_id.clone(),
            letter.consumer.clone(),
            format!("{} {} @ {}", letter.topic, letter.partition, letter.offset),
            letter.reason.clone(),
            died.map(|at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()).unwrap_or_default(),
            letter.detail.clone(),
        ]
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |text, byte| text + &format!("{byte:02x}"))
}

/// Every dead letter on the broker, oldest first.
///
/// # Errors
/// If the broker does not answer within `wait`.
pub async fn read(kafka: &KafkaConfig, wait: Duration) -> anyhow::Result<Vec<Letter>> {
    let kafka = kafka.clone();
    // The client blocks: on a thread of its own.
    tokio::task::spawn_blocking(move || read_blocking(&kafka, wait)).await?
}

fn read_blocking(kafka: &KafkaConfig, wait: Duration) -> anyhow::Result<Vec<Letter>> {
    let topic = kafka.topic_name(Topic::DeadLetter);
    let mut settings = kafka.client("leadflow-dead-letter");
    settings
        .set("group.id", kafka.group("dead-letter-reader"))
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error");
    let consumer: BaseConsumer = settings.create()?;
    let metadata = consumer.fetch_metadata(Some(&topic), wait).context("the broker does not answer")?;
    let mut places = TopicPartitionList::new();
    let mut open = std::collections::BTreeMap::new();
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()).map(|partition| partition.id()) {
        let (low, high) = consumer.fetch_watermarks(&topic, partition, wait)?;
        if low < high {
            places.add_partition_offset(&topic, partition, Offset::Offset(low))?;
            open.insert(partition, high);
        }
    }
    consumer.assign(&places)?;
    let mut letters = Vec::new();
    while !open.is_empty() {
        let record = consumer.poll(wait).context("the broker stopped answering")??;
        letters.push(Letter(
            DeadLetter::decode(record.payload().unwrap_or_default()).context("a record is no dead letter")?,
        ));
        if open.get(&record.partition()).is_some_and(|high| record.offset() + 1 >= *high) {
            open.remove(&record.partition());
        }
    }
    letters.sort_by_key(|letter| letter.0.died_at.map(|at| (at.seconds, at.nanos)));
    Ok(letters)
}

/// Sends the record again to the topic it came from, as it was.
///
/// # Errors
/// If the broker does not take it within 15 s.
pub async fn redrive(kafka: &KafkaConfig, letter: &Letter) -> anyhow::Result<()> {
    let mut settings = kafka.client("leadflow-dead-letter");
    settings.set("enable.idempotence", "true").set("message.timeout.ms", "15000");
    let producer: FutureProducer = settings.create()?;
    let headers = letter
        .0
        .headers
        .iter()
        .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
    let record = FutureRecord::to(&letter.0.topic).key(&letter.0.key).payload(&letter.0.value).headers(headers);
    producer
        .send(record, Duration::from_secs(15))
        .await
        .map_err(|(error, _)| error)
        .context("the broker did not take it")?;
    Ok(())
}
