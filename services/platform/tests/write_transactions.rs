//! Write transactions against a real PostgreSQL: what a caller who goes away leaves behind, dead connections, settings.

use std::time::Duration;

use leadflow_platform::migrate::Migrations;
use leadflow_platform::pg::{Database, SPAWNED_BEGIN};
use leadflow_platform::testing::{TestDatabase, clock};
use sqlx::Connection as _;

async fn database() -> TestDatabase {
    TestDatabase::new("spine", &Migrations::spine_only()).await
}

/// Gives up `count` callers somewhere between the first poll and the end of `write_tx`, each at another point.
async fn cancel_begins(database: &Database, count: u32) {
    let mut cancelled = 0;
    for round in 0..count {
        // Polled a few times and dropped: at this point the answer to `begin` is on its way.
        let polls = round % 4 + 1;
        let mut future = Box::pin(database.write_tx("cancelled"));
        for poll in 0..polls {
            let ready =
                std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context).is_ready()));
            if ready.await {
                break;
            }
            if poll + 1 == polls {
                cancelled += 1;
            } else {
                tokio::task::yield_now().await;
            }
        }
        drop(future);
    }
    assert!(cancelled > count / 2, "only {cancelled} of {count} were cancelled half-way");
}

/// Plain statements on the pool; returns how many of them are there for somebody else. On a poisoned connection they run
/// inside a transaction that nobody will commit.
async fn visible_to_others(test: &TestDatabase, writes: i64) -> i64 {
    let database = test.database();
    for n in 0..writes {
        sqlx::query("insert into command (caller, key, request_hash) values ('caller', $1, '')")
            .bind(n.to_string())
            .execute(database.pool())
            .await
            .expect("a plain statement");
    }
    let other = test.connect("other").await;
    sqlx::query_scalar("select count(*) from command").fetch_one(other.pool()).await.expect("a count")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_cancelled_begins_poison_nothing() {
    let test = database().await;
    cancel_begins(test.database(), 10_000).await;
    assert_eq!(visible_to_others(&test, 100).await, 100);
    let left: i64 = sqlx::query_scalar(
        "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
    )
    .fetch_one(test.database().pool())
    .await
    .expect("a count");
    assert_eq!(left, 0, "sessions left inside a transaction");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_task_of_its_own_a_cancelled_begin_poisons_the_pool() {
    // Whether a cancel falls between the statement and its answer is chance: a few hundred nearly always meet it once.
    for _ in 0..20 {
        let test = database().await;
        test.database().switches().turn_off(SPAWNED_BEGIN);
        cancel_begins(test.database(), 500).await;
        if visible_to_others(&test, 100).await < 100 {
            return;
        }
    }
    panic!("the mechanism was off and nothing broke: the test proves nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_transaction_leaves_nothing_and_a_committed_one_stays() {
    let test = database().await;
    for (key, commit) in [("dropped", false), ("committed", true)] {
        let mut tx = test.database().write_tx("test").await.expect("a transaction");
        sqlx::query("insert into command (caller, key, request_hash) values ('caller', $1, '')")
            .bind(key)
            .execute(tx.connection())
            .await
            .expect("an insert");
        if commit {
            tx.commit().await.expect("a commit");
        }
    }
    let keys: Vec<String> =
        sqlx::query_scalar("select key from command").fetch_all(test.database().pool()).await.expect("keys");
    assert_eq!(keys, ["committed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_caller_went_away_is_still_finished() {
    let test = database().await;
    let mut tx = test.database().write_tx("test").await.expect("a transaction");
    sqlx::query("insert into command (caller, key, request_hash) values ('caller', 'key', '')")
        .execute(tx.connection())
        .await
        .expect("an insert");
    let mut commit = Box::pin(tx.commit());
    let ready = std::future::poll_fn(|context| std::task::Poll::Ready(commit.as_mut().poll(context).is_ready())).await;
    assert!(!ready, "the commit was done at the first poll: the test proves nothing");
    drop(commit);
    for _ in 0..1000 {
        let count: i64 = sqlx::query_scalar("select count(*) from command")
            .fetch_one(test.database().pool())
            .await
            .expect("a count");
        if count == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the commit was never finished");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_of_dead_connections_is_got_over_without_an_error() {
    let test = database().await;
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(test.database().write_tx("test").await.expect("a transaction"));
    }
    drop(open);
    while test.database().pool().num_idle() < 5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut administrator = test.administrator().await;
    let ended: i64 = sqlx::query_scalar(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity \
         where datname = current_database() and pid <> pg_backend_pid()",
    )
    .fetch_one(&mut administrator)
    .await
    .expect("a count");
    assert!(ended >= 5, "{ended}");
    let tx = test.database().write_tx("test").await.expect("a live connection after the dead ones");
    tx.commit().await.expect("a commit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_session_has_the_settings_of_the_fence() {
    let test = database().await;
    let mut tx = test.database().write_tx("test").await.expect("a transaction");
    let expected = [
        ("transaction_isolation", "read committed"),
        ("idle_in_transaction_session_timeout", "5s"),
        ("lock_timeout", "5s"),
        ("statement_timeout", "15s"),
        ("application_name", "test"),
        ("search_path", "spine"),
        ("TimeZone", "UTC"),
    ];
    for (name, value) in expected {
        let found: String = sqlx::query_scalar("select current_setting($1)")
            .bind(name)
            .fetch_one(tx.connection())
            .await
            .expect("a setting");
        assert_eq!(found, value, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_sleeps_inside_a_transaction_is_ended_by_the_server() {
    let test = database().await;
    let mut tx = test.database().write_tx("sleeper").await.expect("a transaction");
    sqlx::query("update incarnation set incarnation = 2").execute(tx.connection()).await.expect("an update");
    // Waits for the row lock of the sleeper, within its own lock_timeout of 5 s or the next attempt.
    let mut attempts = 0;
    loop {
        attempts += 1;
        let updated = sqlx::query("update incarnation set incarnation = 3").execute(test.database().pool()).await;
        if updated.is_ok() {
            break;
        }
        assert!(attempts < 4, "the lock was never released");
    }
    let error = tx.commit().await.expect_err("the session is gone");
    assert!(error.is_disconnect(), "{error}");
    assert_eq!(test.database().incarnation().await.expect("a number"), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_of_one_schema_can_be_moved() {
    let test = database().await;
    let database = test.database();
    let before = database.now().await.expect("a time");
    clock::shift(database, 86_400).await.expect("shifted");
    let tx = database.write_tx("test").await.expect("a transaction");
    let moved = tx.now().duration_since(before).as_secs();
    assert!((86_400..86_500).contains(&moved), "{moved}");
    drop(tx);
    let noon: jiff::Timestamp = "2026-03-04T12:00:00Z".parse().expect("a time");
    clock::stop_at(database, noon).await.expect("stopped");
    assert_eq!(database.now().await.expect("a time"), noon);
    clock::reset(database).await.expect("reset");
    clock::speed(database, 1000.0).await.expect("speeded up");
    let first = database.now().await.expect("a time");
    let mut connection = test.administrator().await;
    sqlx::query("select pg_sleep(0.01)").execute(&mut connection).await.expect("a sleep");
    connection.close().await.expect("closed");
    assert!(database.now().await.expect("a time").duration_since(first).as_secs() >= 10);
}
