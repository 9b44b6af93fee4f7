//! A database, a topic, rows, and a publisher that can be killed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use leadflow_platform::migrate::Migrations;
use leadflow_platform::outbox::{self, OutboxRow, Publisher, PublisherHandle};
use leadflow_platform::pg::Database;
use leadflow_platform::record::{CloudEvent, Record};
use leadflow_platform::run::Tasks;
use leadflow_platform::testing::{TestDatabase, TestKafka};
use leadflow_platform::topics::Topic;

pub(crate) async fn database() -> TestDatabase {
    TestDatabase::new("spine", &Migrations::spine_only()).await
}

pub(crate) async fn lead_topic() -> TestKafka {
    TestKafka::with_partitions(&[(Topic::Lead, 3)]).await
}

pub(crate) fn row(key: &str, number: u64) -> OutboxRow {
    OutboxRow {
        topic: Topic::Lead,
        key: key.as_bytes().to_vec(),
        event: CloudEvent {
            id: format!("{key}-{number}"),
            source: "/leadflow/test",
            kind: "leadflow.test.v1".to_owned(),
            subject: key.to_owned(),
            time: "2026-03-04T05:06:07Z".parse().expect("a time"),
            dataschema: "leadflow.test.v1.Test",
        },
        trace: None,
        payload: number.to_string().into_bytes(),
    }
}

pub(crate) async fn append(database: &Database, rows: &[OutboxRow]) {
    let mut tx = database.write_tx("test").await.expect("a transaction");
    outbox::append(&mut tx, rows).await.expect("appended");
    tx.commit().await.expect("committed");
}

pub(crate) async fn rows_left(database: &Database) -> i64 {
    sqlx::query_scalar("select count(*) from outbox").fetch_one(database.pool()).await.expect("a count")
}

pub(crate) async fn until_empty(database: &Database) {
    for _ in 0..6000 {
        if rows_left(database).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} rows after a minute", rows_left(database).await);
}

pub(crate) async fn until_elected(handle: &PublisherHandle) {
    for _ in 0..6000 {
        if handle.is_elected() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no publisher after a minute");
}

/// A publisher as a process would have it; `kill` drops it in the middle of whatever it does.
pub(crate) struct Running {
    pub(crate) handle: PublisherHandle,
    kill: tokio::sync::oneshot::Sender<()>,
    tasks: Tasks,
}

impl Running {
    pub(crate) fn start(database: &Database, kafka: &TestKafka) -> Self {
        let publisher = Publisher::new(database, kafka.config());
        let handle = publisher.handle();
        let (kill, killed) = tokio::sync::oneshot::channel();
        let tasks = Tasks::new();
        let stop = tasks.stop_token();
        tasks.spawn("publisher", async move {
            tokio::select! {
                () = publisher.run(stop) => {}
                _ = killed => {}
            }
            Ok(())
        });
        Self { handle, kill, tasks }
    }

    pub(crate) async fn kill(self) {
        self.kill.send(()).expect("still there");
        self.tasks.run_until(std::future::ready(()), Duration::from_secs(20)).await.expect("gone");
    }

    pub(crate) async fn stop(self) {
        let Self { kill, tasks, .. } = self;
        tasks.run_until(std::future::ready(()), Duration::from_secs(20)).await.expect("drained");
        drop(kill);
    }
}

/// Numbers per key in the order in which they came to the topic for the first time.
pub(crate) fn first_occurrences(records: &[Record]) -> BTreeMap<String, Vec<u64>> {
    let mut seen = BTreeSet::new();
    let mut keys: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in records {
        let key = String::from_utf8(record.key.clone()).expect("text");
        let number: u64 = String::from_utf8(record.value.clone()).expect("text").parse().expect("a number");
        if seen.insert((key.clone(), number)) {
            keys.entry(key).or_default().push(number);
        }
    }
    keys
}

pub(crate) fn header<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    std::str::from_utf8(record.headers.get(name)?).ok()
}
