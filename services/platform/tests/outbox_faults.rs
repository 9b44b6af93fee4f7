//! The outbox and a broker that fails: librdkafka's mock, because a real one cannot be told to refuse.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::migrate::Migrations;
use leadflow_platform::outbox::{self, OutboxRow, Publisher};
use leadflow_platform::pg::Database;
use leadflow_platform::record::CloudEvent;
use leadflow_platform::run::Tasks;
use leadflow_platform::testing::TestDatabase;
use leadflow_platform::topics::Topic;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

fn mock() -> (MockCluster<'static, DefaultProducerContext>, KafkaConfig) {
    let cluster = MockCluster::new(1).expect("a mock cluster");
    cluster.create_topic("mock.lead.v1", 1, 1).expect("a topic");
    let config = KafkaConfig::new(cluster.bootstrap_servers(), "mock.");
    (cluster, config)
}

async fn append(database: &Database, numbers: std::ops::Range<u32>) {
    let rows: Vec<OutboxRow> = numbers
        .map(|number| OutboxRow {
            topic: Topic::Lead,
            key: b"key".to_vec(),
            event: CloudEvent {
                id: number.to_string(),
                source: "/leadflow/test",
                kind: "leadflow.test.v1".to_owned(),
                subject: String::new(),
                time: jiff::Timestamp::UNIX_EPOCH,
                dataschema: "leadflow.test.v1.Test",
            },
            trace: None,
            payload: number.to_string().into_bytes(),
        })
        .collect();
    let mut tx = database.write_tx("test").await.expect("a transaction");
    outbox::append(&mut tx, &rows).await.expect("appended");
    tx.commit().await.expect("committed");
}

async fn rows_left(database: &Database) -> i64 {
    sqlx::query_scalar("select count(*) from outbox").fetch_one(database.pool()).await.expect("a count")
}

async fn until_empty(database: &Database) {
    for _ in 0..6000 {
        if rows_left(database).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} rows after a minute", rows_left(database).await);
}

/// Everything on the topic, in order.
async fn numbers(config: KafkaConfig) -> Vec<u32> {
    tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = config
            .client("test")
            .set("group.id", "test")
            .set("enable.partition.eof", "true")
            .create()
            .expect("a consumer");
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition_offset("mock.lead.v1", 0, Offset::Beginning).expect("an assignment");
        consumer.assign(&assignment).expect("assigned");
        let mut numbers = Vec::new();
        // The error at the end of the partition ends the reading.
        while let Some(Ok(message)) = consumer.poll(Duration::from_secs(20)) {
            let text = std::str::from_utf8(message.payload().expect("a payload")).expect("text");
            numbers.push(text.parse().expect("a number"));
        }
        numbers
    })
    .await
    .expect("no panic")
}

fn first_occurrences(numbers: &[u32]) -> Vec<u32> {
    let mut seen = std::collections::BTreeSet::new();
    numbers.iter().copied().filter(|number| seen.insert(*number)).collect()
}

/// Counts the warnings of the publisher: one per producer that it gave up.
struct CountWarnings(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> Layer<S> for CountWarnings {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() == tracing::Level::WARN && metadata.target() == "leadflow_platform::outbox::leader" {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn count_warnings() -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    tracing_subscriber::registry().with(CountWarnings(Arc::clone(&count))).init();
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_fails_means_a_new_producer_and_repeats_only() {
    let test = TestDatabase::new("spine", &Migrations::spine_only()).await;
    let (cluster, config) = mock();
    let warnings = count_warnings();
    append(test.database(), 0..3000).await;
    // The second request and two later ones are refused for good: with gaps forbidden each ends its producer.
    let (good, bad) =
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR, RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    cluster.request_errors(RDKafkaApiKey::Produce, &[good, bad, good, good, bad, bad, good]);
    let publisher = Publisher::new(test.database(), &config);
    let handle = publisher.handle();
    let tasks = Tasks::new();
    let stop = tasks.stop_token();
    tasks.spawn("publisher", async move {
        publisher.run(stop).await;
        Ok(())
    });
    until_empty(test.database()).await;
    append(test.database(), 3000..4000).await;
    handle.wake();
    until_empty(test.database()).await;
    tasks.run_until(std::future::ready(()), Duration::from_secs(20)).await.expect("drained");
    let numbers = numbers(config).await;
    assert!(warnings.load(Ordering::SeqCst) >= 2, "no delivery failed: the test proves nothing");
    assert_eq!(first_occurrences(&numbers), (0..4000).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_is_waited_for_with_the_rows_in_the_table() {
    let test = TestDatabase::new("spine", &Migrations::spine_only()).await;
    let (cluster, config) = mock();
    cluster.broker_down(1).expect("down");
    let publisher = Publisher::new(test.database(), &config);
    let handle = publisher.handle();
    let tasks = Tasks::new();
    let stop = tasks.stop_token();
    tasks.spawn("publisher", async move {
        publisher.run(stop).await;
        Ok(())
    });
    // More than it may have under way.
    for part in 0..20 {
        append(test.database(), part * 1000..(part + 1) * 1000).await;
        handle.wake();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(rows_left(test.database()).await, 20_000, "deleted without an acknowledgement");
    cluster.broker_up(1).expect("up");
    until_empty(test.database()).await;
    tasks.run_until(std::future::ready(()), Duration::from_secs(20)).await.expect("drained");
    assert_eq!(numbers(config).await, (0..20_000).collect::<Vec<_>>(), "each once, in order");
}
