//! The outbox against a real PostgreSQL and a real broker: order, loss, repeats, who publishes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use leadflow_platform::migrate::Migrations;
use leadflow_platform::outbox::{self, LATE_COMMITS, MAX_ROW_BYTES, OutboxRow, Publisher, PublisherHandle};
use leadflow_platform::pg::{Database, FailureKind};
use leadflow_platform::record::{CloudEvent, Record, TraceParent};
use leadflow_platform::run::Tasks;
use leadflow_platform::testing::{TestDatabase, TestKafka};
use leadflow_platform::topics::Topic;

async fn database() -> TestDatabase {
    TestDatabase::new("spine", &Migrations::spine_only()).await
}

async fn lead_topic() -> TestKafka {
    TestKafka::with_partitions(&[(Topic::Lead, 3)]).await
}

fn row(key: &str, number: u64) -> OutboxRow {
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

async fn append(database: &Database, rows: &[OutboxRow]) {
    let mut tx = database.write_tx("test").await.expect("a transaction");
    outbox::append(&mut tx, rows).await.expect("appended");
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

async fn until_leads(handle: &PublisherHandle) {
    for _ in 0..6000 {
        if handle.is_elected() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no publisher after a minute");
}

/// A publisher as a process would have it; `kill` drops it in the middle of whatever it does.
struct Running {
    handle: PublisherHandle,
    kill: tokio::sync::oneshot::Sender<()>,
    tasks: Tasks,
}

impl Running {
    fn start(database: &Database, kafka: &TestKafka) -> Self {
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

    async fn kill(self) {
        self.kill.send(()).expect("still there");
        self.tasks.run_until(std::future::ready(()), Duration::from_secs(20)).await.expect("gone");
    }

    async fn stop(self) {
        let Self { kill, tasks, .. } = self;
        tasks.run_until(std::future::ready(()), Duration::from_secs(20)).await.expect("drained");
        drop(kill);
    }
}

/// Numbers per key in the order in which they came to the topic for the first time.
fn first_occurrences(records: &[Record]) -> BTreeMap<String, Vec<u64>> {
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

fn header<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    let value = record.headers.iter().find(|(key, _)| key == name)?;
    std::str::from_utf8(&value.1).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_committed_row_is_published_with_its_headers_and_deleted() {
    let (test, kafka) = (database().await, lead_topic().await);
    let publisher = Running::start(test.database(), &kafka);
    until_leads(&publisher.handle).await;
    let mut first = row("a", 1);
    first.trace = Some(TraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()));
    append(test.database(), &[first, row("b", 1), row("a", 2)]).await;
    publisher.handle.wake();
    let records = kafka.records_until(Topic::Lead, |records| records.len() >= 3).await;
    assert_eq!(first_occurrences(&records), BTreeMap::from([("a".into(), vec![1, 2]), ("b".into(), vec![1])]));
    let first = records.iter().find(|record| header(record, "ce_id") == Some("a-1")).expect("the first");
    let expected = [
        ("content-type", "application/protobuf"),
        ("ce_specversion", "1.0"),
        ("ce_id", "a-1"),
        ("ce_source", "/leadflow/test"),
        ("ce_type", "leadflow.test.v1"),
        ("ce_time", "2026-03-04T05:06:07Z"),
        ("ce_subject", "a"),
        ("ce_dataschema", "leadflow.test.v1.Test"),
        ("ce_partitionkey", "a"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    assert_eq!(first.headers, expected.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())));
    until_empty(test.database()).await;
    publisher.stop().await;
    assert_eq!(kafka.records(Topic::Lead).await.len(), 3, "no repeat when nothing goes wrong");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_no_topic_takes_is_refused_before_it_is_there() {
    let test = database().await;
    let mut tx = test.database().write_tx("test").await.expect("a transaction");
    let mut large = row("a", 1);
    large.payload = vec![0; MAX_ROW_BYTES];
    let error = outbox::append(&mut tx, &[row("a", 0), large]).await.expect_err("too large");
    assert_eq!(error.kind, FailureKind::Data);
    assert!(error.to_string().contains("limit is 921600"), "{error}");
    tx.commit().await.expect("committed");
    assert_eq!(rows_left(test.database()).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolled_back_rows_are_never_published() {
    let (test, kafka) = (database().await, lead_topic().await);
    let publisher = Running::start(test.database(), &kafka);
    let mut tx = test.database().write_tx("test").await.expect("a transaction");
    outbox::append(&mut tx, &[row("a", 1)]).await.expect("appended");
    drop(tx);
    append(test.database(), &[row("a", 2)]).await;
    publisher.handle.wake();
    let records = kafka.records_until(Topic::Lead, |records| !records.is_empty()).await;
    assert_eq!(first_occurrences(&records), BTreeMap::from([("a".into(), vec![2])]));
    publisher.stop().await;
}

/// Sixteen writers; each transaction takes the lock of one or two of fifty keys, draws their next numbers, rests a moment,
/// and commits or rolls back: ids and commits interleave in every way. Returns the numbers committed per key.
async fn write_interleaved(
    database: &Database,
    handle: &PublisherHandle,
    transactions: u32,
) -> BTreeMap<String, Vec<u64>> {
    sqlx::query("create table counter (key text primary key, number bigint not null)")
        .execute(database.pool())
        .await
        .expect("a table");
    sqlx::query("insert into counter select 'key' || n, 0 from generate_series(0, 49) n")
        .execute(database.pool())
        .await
        .expect("keys");
    let writers = (0..16_u32).map(|writer| async move {
        for turn in 0..transactions / 16 {
            let seed = writer * 7919 + turn * 104_729;
            let mut keys = vec![seed % 50, (seed / 50) % 50];
            keys.sort_unstable();
            keys.dedup();
            write(database, handle, &keys, seed).await;
        }
    });
    futures::future::join_all(writers).await;
    let counters: Vec<(String, i64)> =
        sqlx::query_as("select key, number from counter").fetch_all(database.pool()).await.expect("counters");
    counters.into_iter().map(|(key, last)| (key, (1..=last.unsigned_abs()).collect())).collect()
}

async fn write(database: &Database, handle: &PublisherHandle, keys: &[u32], seed: u32) {
    let mut tx = database.write_tx("writer").await.expect("a transaction");
    let mut rows = Vec::new();
    for key in keys {
        let key = format!("key{key}");
        let number: i64 = sqlx::query_scalar("update counter set number = number + 1 where key = $1 returning number")
            .bind(&key)
            .fetch_one(tx.connection())
            .await
            .expect("a number");
        rows.push(row(&key, number.unsigned_abs()));
    }
    outbox::append(&mut tx, &rows).await.expect("appended");
    if seed.is_multiple_of(3) {
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_micros(u64::from(seed % 2000))).await;
    }
    if seed.is_multiple_of(11) {
        drop(tx);
    } else {
        tx.commit().await.expect("committed");
        handle.wake();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_interleavings_publish_every_row_in_order_per_key() {
    let (test, kafka) = (database().await, lead_topic().await);
    let publisher = Running::start(test.database(), &kafka);
    let written = write_interleaved(test.database(), &publisher.handle, 10_000).await;
    until_empty(test.database()).await;
    publisher.stop().await;
    let records = kafka.records(Topic::Lead).await;
    let total: usize = written.values().map(Vec::len).sum();
    assert!(total > 10_000, "{total}");
    assert_eq!(first_occurrences(&records), written);
    assert_eq!(records.len(), total, "no repeat when nothing goes wrong");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_looking_for_late_commits_rows_are_lost() {
    let (test, kafka) = (database().await, lead_topic().await);
    test.database().switches().turn_off(LATE_COMMITS);
    let publisher = Running::start(test.database(), &kafka);
    let written = write_interleaved(test.database(), &publisher.handle, 2_000).await;
    // A row that is published leaves the table; what stays while the others go was passed over.
    let mut left = rows_left(test.database()).await;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = rows_left(test.database()).await;
        if now == left {
            break;
        }
        left = now;
    }
    assert!(left > 0, "the mechanism was off and nothing broke: the test proves nothing");
    publisher.stop().await;
    assert_ne!(first_occurrences(&kafka.records(Topic::Lead).await), written);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_that_is_killed_or_cut_off_repeats_but_loses_nothing() {
    let (test, kafka) = (database().await, lead_topic().await);
    let database = test.database();
    let mut administrator = test.administrator().await;
    let writing = async {
        let handle = PublisherHandle::default();
        write_interleaved(database, &handle, 6_000).await
    };
    let killing = async {
        let mut kills = 0;
        for turn in 0..12 {
            let publisher = Running::start(database, &kafka);
            tokio::time::sleep(Duration::from_millis(150 + 40 * turn)).await;
            if turn % 2 == 0 {
                publisher.kill().await;
                kills += 1;
            } else {
                kills += sqlx::query_scalar::<_, i64>(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                     where datname = current_database() and application_name = 'test/outbox'",
                )
                .fetch_one(&mut administrator)
                .await
                .expect("a count");
                publisher.kill().await;
            }
        }
        kills
    };
    let (written, kills) = tokio::join!(writing, killing);
    assert!(kills >= 12, "{kills}");
    let last = Running::start(database, &kafka);
    until_empty(database).await;
    last.stop().await;
    assert_eq!(first_occurrences(&kafka.records(Topic::Lead).await), written);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_processes_publishes_and_the_other_takes_over() {
    let (test, kafka) = (database().await, lead_topic().await);
    let other_database = test.connect("other").await;
    let first = Running::start(test.database(), &kafka);
    until_leads(&first.handle).await;
    let second = Running::start(&other_database, &kafka);
    let mut numbers: HashMap<bool, u64> = HashMap::new();
    for number in 1..=20 {
        append(test.database(), &[row("a", number)]).await;
        second.handle.wake();
        until_empty(test.database()).await;
        *numbers.entry(second.handle.is_elected()).or_default() += 1;
    }
    assert_eq!(numbers, HashMap::from([(false, 20)]), "two publishers at once");
    first.kill().await;
    append(test.database(), &[row("a", 21)]).await;
    until_empty(test.database()).await;
    until_leads(&second.handle).await;
    second.stop().await;
    let records = kafka.records(Topic::Lead).await;
    assert_eq!(first_occurrences(&records), BTreeMap::from([("a".into(), (1..=21).collect())]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_does_not_publish_notifies_the_one_that_does() {
    let (test, kafka) = (database().await, lead_topic().await);
    let mut listener = sqlx::postgres::PgListener::connect_with(test.database().pool()).await.expect("a listener");
    listener.listen("outbox_spine").await.expect("listening");
    let other_database = test.connect("other").await;
    let first = Running::start(&other_database, &kafka);
    until_leads(&first.handle).await;
    let second = Running::start(test.database(), &kafka);
    for _ in 0..100 {
        second.handle.wake();
    }
    let notified = tokio::time::timeout(Duration::from_secs(30), listener.recv()).await.expect("in time");
    assert_eq!(notified.expect("a notification").channel(), "outbox_spine");
    first.handle.wake();
    second.stop().await;
    first.stop().await;
}
