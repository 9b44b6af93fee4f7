//! Ids and commits in every order, publishers killed in between: nothing is lost, the order of a key is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use leadflow_platform::outbox::{self, LATE_COMMITS, PublisherHandle};
use leadflow_platform::pg::Database;
use leadflow_platform::topics::Topic;

use crate::support::{Running, database, first_occurrences, lead_topic, row, rows_left, until_elected, until_empty};

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
            until_elected(&publisher.handle).await;
            tokio::time::sleep(Duration::from_millis(30 * turn)).await;
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
