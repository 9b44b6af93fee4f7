//! A database, a broker, and consumers in them as different processes would be.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use leadflow_platform::consumer::{Consumer, ConsumerConfig};
use leadflow_platform::health::Health;
use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::migrate::Migrations;
use leadflow_platform::offsets::{self, OffsetRow};
use leadflow_platform::outbox::Publisher;
use leadflow_platform::pg::{Database, Mechanism};
use leadflow_platform::run::Tasks;
use leadflow_platform::testing::{TestDatabase, TestKafka};
use leadflow_platform::topics::Topic;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use super::{Noting, PATIENCE, until};

/// The role of all tests.
pub(crate) const ROLE: &str = "tested";

/// One row of table `effect`.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Effect {
    pub(crate) event: String,
    pub(crate) partition: i32,
    pub(crate) position: i64,
    pub(crate) owner: Option<String>,
}

/// See the head of this file.
pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) kafka: TestKafka,
    producer: ThreadedProducer<DefaultProducerContext>,
    /// Off in every process that starts from here on.
    off: Mutex<Vec<Mechanism>>,
    /// Whether consumers read the bulk topic too.
    bulk: bool,
}

/// A consumer that runs.
pub(crate) struct Running {
    tasks: Tasks,
    pub(crate) health: Health,
    pub(crate) database: Database,
}

impl World {
    /// Engagement with this many partitions, bulk with as many, one of dead letters.
    pub(crate) async fn new(partitions: i32) -> Self {
        let topics = [(Topic::Engagement, partitions), (Topic::EngagementBulk, partitions), (Topic::DeadLetter, 1)];
        let kafka = TestKafka::with_partitions(&topics);
        let database = TestDatabase::new("platform", &Migrations::spine_only()).await;
        for statement in [
            "create table effect (effect_id bigint generated always as identity primary key, event text not null,
               topic text not null, partition int not null, position bigint not null, owner text)",
            // Who held the partition when the effect was written.
            "create function note_owner() returns trigger language plpgsql as $$ begin
               new.owner := (select owner from kafka_offset where topic = new.topic and partition = new.partition);
               return new; end $$",
            "create trigger effect_owner before insert on effect for each row execute function note_owner()",
            "create table known (event text primary key)",
        ] {
            sqlx::query(statement).execute(database.database().pool()).await.expect("a table of the test");
        }
        let kafka = kafka.await;
        let producer = producer(kafka.config());
        Self { database, kafka, producer, off: Mutex::default(), bulk: true }
    }

    /// Without the bulk topic: then two partitions are always shared one to one.
    pub(crate) async fn live_only(partitions: i32) -> Self {
        Self { bulk: false, ..Self::new(partitions).await }
    }

    pub(crate) fn pool(&self) -> &sqlx::PgPool {
        self.database.database().pool()
    }

    /// For a red test.
    pub(crate) fn turn_off(&self, mechanism: Mechanism) {
        self.off.lock().expect("no panic while held").push(mechanism);
    }

    /// Sessions of this database that wait for a lock.
    pub(crate) async fn waiting_sessions(&self) -> i64 {
        sqlx::query_scalar(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        )
        .fetch_one(self.pool())
        .await
        .expect("the activity view")
    }

    pub(crate) fn engagement(&self) -> String {
        self.kafka.config().topic_name(Topic::Engagement)
    }

    /// Sends and waits for the acknowledgements. Key and value are text.
    pub(crate) fn produce<'a>(
        &self,
        topic: Topic,
        partition: i32,
        records: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        let records = records.into_iter().map(|(key, value)| (key.as_bytes().to_vec(), value.as_bytes().to_vec()));
        self.produce_bytes(topic, partition, records);
    }

    /// `count` events "<prefix>-<number>" with as many keys on one partition of engagement.
    pub(crate) fn produce_numbered(&self, partition: i32, prefix: &str, count: usize) {
        let records = (0..count).map(|number| {
            let text = format!("{prefix}-{number:05}").into_bytes();
            (text.clone(), text)
        });
        self.produce_bytes(Topic::Engagement, partition, records);
    }

    /// Sends and waits for the acknowledgements.
    pub(crate) fn produce_bytes(
        &self,
        topic: Topic,
        partition: i32,
        records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) {
        let name = self.kafka.config().topic_name(topic);
        for (key, value) in records {
            let record = BaseRecord::to(&name).partition(partition).key(&key).payload(&value);
            self.producer.send(record).map_err(|(error, _)| error).expect("room in the queue");
        }
        self.producer.flush(PATIENCE).expect("acknowledged");
    }

    /// One event with one header on partition 0.
    pub(crate) fn produce_with_header(&self, event: &str, name: &str, value: &[u8]) {
        let topic = self.engagement();
        let headers = OwnedHeaders::new().insert(Header { key: name, value: Some(value) });
        let record = BaseRecord::to(&topic).partition(0).key("key").payload(event).headers(headers);
        self.producer.send(record).map_err(|(error, _)| error).expect("room in the queue");
        self.producer.flush(PATIENCE).expect("acknowledged");
    }

    /// What Kafka thinks this group has read of engagement, by partition.
    pub(crate) fn group_offsets(&self, partitions: i32) -> Vec<Option<i64>> {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&self.engagement(), 0, partitions - 1);
        let committed = self.group_client().committed_offsets(list, PATIENCE).expect("the group's offsets");
        committed.elements().iter().map(|element| element.offset().to_raw().filter(|offset| *offset >= 0)).collect()
    }

    /// What an operator might try: back to 0 in Kafka.
    pub(crate) fn reset_group_offsets(&self, partitions: i32) {
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(&self.engagement(), partition, Offset::Offset(0)).expect("an offset");
        }
        self.group_client().commit(&list, CommitMode::Sync).expect("a commit from outside");
    }

    fn group_client(&self) -> BaseConsumer {
        let config = self.kafka.config();
        config.client("test-group").set("group.id", config.group(ROLE)).create().expect("a client of the group")
    }

    /// A consumer of engagement (live) and engagement-bulk (bulk), with a pool of its own, as another process has it.
    pub(crate) async fn start(&self, handler: &Arc<Noting>) -> Running {
        self.start_with(handler, ConsumerConfig::default()).await
    }

    pub(crate) async fn start_with(&self, handler: &Arc<Noting>, config: ConsumerConfig) -> Running {
        let database = self.database.connect("tested").await;
        self.start_on(database, handler, config)
    }

    pub(crate) fn start_on(&self, database: Database, handler: &Arc<Noting>, config: ConsumerConfig) -> Running {
        for mechanism in self.off.lock().expect("no panic while held").iter() {
            database.switches().turn_off(*mechanism);
        }
        let (tasks, health) = (Tasks::new(), Health::new());
        let publisher = Publisher::new(&database, self.kafka.config());
        let consumer = Consumer::new(ROLE, &database, self.kafka.config(), publisher.handle(), config)
            .live(Topic::Engagement, Arc::clone(handler));
        let consumer = if self.bulk { consumer.bulk(Topic::EngagementBulk, Arc::clone(handler)) } else { consumer };
        consumer.start(&tasks, &health);
        let stop = tasks.stop_token();
        tasks.spawn("publisher", async move {
            publisher.run(stop).await;
            Ok(())
        });
        Running { tasks, health, database }
    }

    /// What was applied, in the order of its application.
    pub(crate) async fn effects(&self) -> Vec<Effect> {
        sqlx::query_as("select event, partition, position, owner from effect order by effect_id")
            .fetch_all(self.pool())
            .await
            .expect("effects")
    }

    pub(crate) async fn count_effects(&self) -> i64 {
        sqlx::query_scalar("select count(*) from effect").fetch_one(self.pool()).await.expect("effects")
    }

    /// Rows of engagement, in order of the partitions.
    pub(crate) async fn offsets(&self) -> Vec<OffsetRow> {
        let mut rows = offsets::list(self.database.database(), self.kafka.config()).await.expect("offsets");
        rows.retain(|row| row.topic == self.engagement());
        rows
    }

    /// Waits until nothing of engagement is left, and checks the ledger.
    pub(crate) async fn until_drained(&self, partitions: usize) {
        until("all partitions of engagement are read", || async {
            let rows = self.offsets().await;
            rows.len() == partitions && rows.iter().all(|row| row.lag == Some(0))
        })
        .await;
        self.check_ledger().await;
    }

    /// high watermark - first offset = what the counters add up to + lag.
    pub(crate) async fn check_ledger(&self) {
        for row in self.offsets().await {
            let counted = row.applied + row.duplicate + row.ignored + row.parked + row.dead + row.skipped;
            let (high, lag) = (row.high_watermark.expect("an answer"), row.lag.expect("an answer"));
            assert_eq!(row.difference, 0, "{row:?}");
            assert_eq!(high - row.first_offset, counted + lag, "{row:?}");
        }
    }

    /// Every event once, and in the order of the offsets on each partition.
    pub(crate) async fn check_once_in_order(&self, expected: usize) {
        let effects = self.effects().await;
        let distinct: std::collections::HashSet<_> = effects.iter().map(|effect| &effect.event).collect();
        assert_eq!((effects.len(), distinct.len()), (expected, expected), "each once");
        let mut last = std::collections::HashMap::new();
        for effect in &effects {
            if let Some(before) = last.insert(effect.partition, effect.position) {
                assert!(before < effect.position, "order on partition {}", effect.partition);
            }
        }
    }
}

impl Running {
    /// Cancelled when the drain begins.
    pub(crate) fn stop_token(&self) -> CancellationToken {
        self.tasks.stop_token()
    }

    /// As on SIGTERM.
    pub(crate) async fn stop(self) {
        let drained = self.tasks.run_until(std::future::ready(()), Duration::from_secs(20)).await;
        drained.expect("a clean drain");
        self.database.pool().close().await;
    }

    /// Runs until it ends by itself.
    pub(crate) async fn ended(self) -> anyhow::Result<()> {
        self.tasks.run_until(std::future::pending(), Duration::from_secs(20)).await
    }
}

fn producer(config: &KafkaConfig) -> ThreadedProducer<DefaultProducerContext> {
    config
        .client("test-producer")
        .set("enable.idempotence", "true")
        .set("queue.buffering.max.messages", "1000000")
        .set("linger.ms", "1")
        .create()
        .expect("a producer")
}
