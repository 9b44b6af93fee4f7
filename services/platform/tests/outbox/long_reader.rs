//! A long reader elsewhere in the database keeps every published row from being cleaned up. The publisher must not read
//! through them at each poll.

use std::time::Duration;

use leadflow_platform::outbox::MOVING_FLOOR;
use leadflow_platform::pg::Database;
use leadflow_platform::testing::TestDatabase;
use sqlx::Connection as _;

use crate::support::{Running, append, database, lead_topic, row, until_elected};

/// Rows that are published and deleted, and cannot be cleaned up.
const DEAD: u64 = 20_000;
const POLLED: u64 = 50;

/// Pages of table and index that anybody has looked at so far. The server counts a session's at most once a second.
async fn pages(database: &Database) -> i64 {
    tokio::time::sleep(Duration::from_secs(3)).await;
    sqlx::query_scalar(
        "select heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read from pg_statio_user_tables \
         where schemaname = current_schema() and relname = 'outbox'",
    )
    .fetch_one(database.pool())
    .await
    .expect("the table is counted")
}

/// Pages per row that is appended, published and deleted, one at a time.
async fn pages_per_row(database: &Database, publisher: &Running, from: u64) -> i64 {
    let before = pages(database).await;
    for number in from..from + POLLED {
        append(database, &[row("k", number)]).await;
        publisher.handle.wake();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (pages(database).await - before) / POLLED as i64
}

async fn until_published(test: &TestDatabase, rows: u64) {
    for _ in 0..6000 {
        let deleted: i64 = sqlx::query_scalar(
            "select n_tup_del from pg_stat_user_tables where schemaname = current_schema() and relname = 'outbox'",
        )
        .fetch_one(test.database().pool())
        .await
        .expect("the table is counted");
        if deleted.unsigned_abs() >= rows {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not published after five minutes");
}

/// Before and after the dead rows.
async fn measure(test: &TestDatabase) -> (i64, i64) {
    let kafka = lead_topic().await;
    let database = test.database();
    let publisher = Running::start(database, &kafka);
    until_elected(&publisher.handle).await;
    let clean = pages_per_row(database, &publisher, 0).await;

    let mut administrator = test.administrator().await;
    let mut reader = administrator.begin().await.expect("a transaction");
    sqlx::query("set transaction isolation level repeatable read").execute(&mut *reader).await.expect("set");
    sqlx::query("select count(*) from pg_class").execute(&mut *reader).await.expect("a snapshot");
    for thousand in 0..DEAD / 1000 {
        let numbers = POLLED + thousand * 1000..POLLED + (thousand + 1) * 1000;
        append(database, &numbers.map(|number| row("k", number)).collect::<Vec<_>>()).await;
        publisher.handle.wake();
    }
    until_published(test, POLLED + DEAD).await;
    // A session that has fallen idle tells what it looked at only after ten seconds: not as if it were of the next rows.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let beside_a_reader = pages_per_row(database, &publisher, POLLED + DEAD).await;
    reader.rollback().await.expect("ended");
    publisher.stop().await;
    (clean, beside_a_reader)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_reader_makes_no_poll_dearer() {
    let test = database().await;
    let (clean, beside_a_reader) = measure(&test).await;
    println!("{clean} pages a row, {beside_a_reader} beside a long reader");
    assert!(beside_a_reader <= 2 * clean + 20, "{clean} pages a row became {beside_a_reader}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn red_a_publisher_that_begins_at_the_start_reads_every_dead_row_again() {
    let test = database().await;
    test.database().switches().turn_off(MOVING_FLOOR);
    let (clean, beside_a_reader) = measure(&test).await;
    println!("{clean} pages a row, {beside_a_reader} beside a long reader");
    assert!(beside_a_reader > 20 * clean.max(1), "{clean} pages a row became only {beside_a_reader}");
}
