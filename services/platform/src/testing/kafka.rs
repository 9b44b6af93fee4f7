//! Topics of a test's own on the test broker, deleted at the end.

use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use super::{clean_up, required, unique};
use crate::kafka::KafkaConfig;
use crate::record::{Position, Record};
use crate::topics::Topic;

const BROKERS: &str = "LEADFLOW_TEST_KAFKA";
const PATIENCE: Duration = Duration::from_secs(20);

/// A topic prefix that nobody else uses, and topics under it.
#[derive(Debug)]
pub struct TestKafka {
    config: KafkaConfig,
    topics: Vec<Topic>,
}

impl TestKafka {
    /// Every topic with three partitions (dead-letter with one).
    ///
    /// # Panics
    /// If the broker is not there: the message says how to start it.
    pub async fn new() -> Self {
        let partitions = |topic| if topic == Topic::DeadLetter { 1 } else { 3 };
        Self::with_partitions(&Topic::ALL.map(|topic| (topic, partitions(topic)))).await
    }

    /// These topics with these numbers of partitions.
    ///
    /// # Panics
    /// If the broker is not there, or cannot make them.
    pub async fn with_partitions(topics: &[(Topic, i32)]) -> Self {
        let kafka = Self {
            config: KafkaConfig::new(required(BROKERS), format!("test-{}.", unique())),
            topics: topics.iter().map(|(topic, _)| *topic).collect(),
        };
        for (topic, partitions) in topics {
            kafka.create(*topic, *partitions).await.expect("a topic on the test broker");
        }
        kafka
    }

    /// How the roles of the test reach the broker.
    #[must_use]
    pub fn config(&self) -> &KafkaConfig {
        &self.config
    }

    /// Makes one topic (again, after [`TestKafka::delete`]).
    ///
    /// # Errors
    /// What the broker says.
    pub async fn create(&self, topic: Topic, partitions: i32) -> anyhow::Result<()> {
        let name = self.config.topic_name(topic);
        let new = NewTopic::new(&name, partitions, TopicReplication::Fixed(1))
            .set("message.timestamp.type", "LogAppendTime")
            .set("max.message.bytes", "1048588");
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
        let results = self.admin()?.create_topics([&new], &options).await?;
        for result in results {
            result.map_err(|(name, code)| anyhow::anyhow!("create {name}: {code}"))?;
        }
        Ok(())
    }

    /// Deletes one topic with everything in it.
    ///
    /// # Errors
    /// What the broker says.
    pub async fn delete(&self, topics: &[Topic]) -> anyhow::Result<()> {
        let names: Vec<String> = topics.iter().map(|topic| self.config.topic_name(*topic)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
        for result in self.admin()?.delete_topics(&names, &options).await? {
            result.map_err(|(name, code)| anyhow::anyhow!("delete {name}: {code}"))?;
        }
        Ok(())
    }

    fn admin(&self) -> anyhow::Result<AdminClient<DefaultClientContext>> {
        self.config.client("test-admin").create().with_context(|| format!("the broker of {BROKERS}"))
    }

    /// Everything that stands on a topic now, partition by partition, in order of the offsets.
    ///
    /// # Panics
    /// If the broker does not answer for twenty seconds.
    pub async fn records(&self, topic: Topic) -> Vec<Record> {
        let config = self.config.clone();
        tokio::task::spawn_blocking(move || read_all(&config, topic)).await.expect("no panic").expect("records")
    }

    /// Reads a topic again and again until `enough` says so.
    ///
    /// # Panics
    /// If that has not happened after a minute: with the last number of records.
    pub async fn records_until(&self, topic: Topic, enough: impl Fn(&[Record]) -> bool) -> Vec<Record> {
        let started = tokio::time::Instant::now();
        loop {
            let records = self.records(topic).await;
            if enough(&records) {
                return records;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "{} records after a minute", records.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for TestKafka {
    fn drop(&mut self) {
        let topics = self.topics.clone();
        clean_up(&self.config.topic_prefix, || self.delete(&topics));
    }
}

fn read_all(config: &KafkaConfig, topic: Topic) -> anyhow::Result<Vec<Record>> {
    let consumer: BaseConsumer = config
        .client("test-reader")
        .set("group.id", "unused")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .create()?;
    let name = config.topic_name(topic);
    let metadata = consumer.fetch_metadata(Some(&name), PATIENCE)?;
    let partitions = metadata.topics().first().context("the topic")?.partitions().len();
    let mut records = Vec::new();
    for partition in 0..i32::try_from(partitions)? {
        let (low, high) = consumer.fetch_watermarks(&name, partition, PATIENCE)?;
        if high > low {
            let mut assignment = TopicPartitionList::new();
            assignment.add_partition_offset(&name, partition, Offset::Offset(low))?;
            consumer.assign(&assignment)?;
            read_partition(&consumer, high, &mut records)?;
        }
    }
    Ok(records)
}

fn read_partition(consumer: &BaseConsumer, high: i64, records: &mut Vec<Record>) -> anyhow::Result<()> {
    loop {
        let message = consumer.poll(PATIENCE).context("the broker stopped sending")??;
        let last = message.offset() + 1 >= high;
        records.push(record(&message));
        if last {
            return Ok(());
        }
    }
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    let headers = message
        .headers()
        .map(|headers| headers.iter().map(|header| (header.key, header.value.unwrap_or_default())).collect());
    Record {
        position: Position { topic: message.topic().into(), partition: message.partition(), offset: message.offset() },
        key: message.key().unwrap_or_default().to_vec(),
        value: message.payload().unwrap_or_default().to_vec(),
        headers: headers.unwrap_or_default(),
        appended_at: message
            .timestamp()
            .to_millis()
            .and_then(|millis| Timestamp::from_millisecond(millis).ok())
            .unwrap_or_default(),
    }
}
