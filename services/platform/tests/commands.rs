//! Idempotent commands against a real PostgreSQL: replay, reuse, two at once, pruning.

use leadflow_platform::command::{self, Begun};
use leadflow_platform::error::{ApiError, Code};
use leadflow_platform::migrate::Migrations;
use leadflow_platform::pg::Database;
use leadflow_platform::testing::{TestDatabase, clock};

async fn database() -> TestDatabase {
    let migration = sqlx::migrate::Migration::new(
        100,
        "work".into(),
        sqlx::migrate::MigrationType::Simple,
        sqlx::SqlSafeStr::into_sql_str("create table work (done text not null)"),
        false,
    );
    let service = sqlx::migrate::Migrator::with_migrations(vec![migration]);
    TestDatabase::new("spine", &Migrations::new(&service).expect("a valid number")).await
}

/// A command as a service writes it: its work is one row.
async fn run(database: &Database, caller: &str, key: &str, request: &str) -> Result<String, ApiError> {
    let mut tx = database.write_tx("command").await?;
    let hash = command::request_hash(request.as_bytes());
    if let Begun::Replayed(reply) = command::begin(&mut tx, caller, key, &hash).await? {
        return Ok(String::from_utf8(reply).expect("text"));
    }
    sqlx::query("insert into work values ($1)").bind(request).execute(tx.connection()).await.expect("work");
    let count: i64 = sqlx::query_scalar("select count(*) from work").fetch_one(tx.connection()).await.expect("a count");
    let reply = format!("{request} was number {count}");
    command::finish(&mut tx, caller, key, reply.as_bytes()).await?;
    tx.commit().await?;
    Ok(reply)
}

async fn work_done(database: &Database) -> Vec<String> {
    sqlx::query_scalar("select done from work order by done").fetch_all(database.pool()).await.expect("rows")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_command_again_gets_the_same_reply_and_does_nothing() {
    let test = database().await;
    let first = run(test.database(), "caller", "key", "paint").await.expect("done");
    run(test.database(), "caller", "other", "sand").await.expect("done");
    let again = run(test.database(), "caller", "key", "paint").await.expect("replayed");
    assert_eq!((first.as_str(), again.as_str()), ("paint was number 1", "paint was number 1"));
    assert_eq!(work_done(test.database()).await, ["paint", "sand"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_with_another_body_is_refused_and_another_callers_key_is_another_key() {
    let test = database().await;
    run(test.database(), "caller", "key", "paint").await.expect("done");
    let error = run(test.database(), "caller", "key", "burn").await.expect_err("another body");
    assert_eq!(error.code, Code::KeyReused);
    run(test.database(), "somebody else", "key", "burn").await.expect("their own key");
    assert_eq!(work_done(test.database()).await, ["burn", "paint"]);
    for key in ["", "a\u{0}b", &"x".repeat(257)] {
        let error = run(test.database(), "caller", key, "paint").await.expect_err("no key");
        assert_eq!(error.code, Code::InvalidArgument, "{key:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_copies_at_once_one_does_the_work() {
    let test = database().await;
    let copies = (0..16).map(|_| run(test.database(), "caller", "key", "paint"));
    let replies = futures::future::join_all(copies).await;
    for reply in replies {
        assert_eq!(reply.expect("done or replayed"), "paint was number 1");
    }
    assert_eq!(work_done(test.database()).await, ["paint"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_failed_leaves_its_key_free() {
    let test = database().await;
    let mut tx = test.database().write_tx("command").await.expect("a transaction");
    let hash = command::request_hash(b"paint");
    assert_eq!(command::begin(&mut tx, "caller", "key", &hash).await.expect("begun"), Begun::Fresh);
    drop(tx);
    run(test.database(), "caller", "key", "paint").await.expect("as if it had never been there");
    assert_eq!(work_done(test.database()).await, ["paint"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_are_kept_for_a_day() {
    let test = database().await;
    let database = test.database();
    run(database, "caller", "key", "paint").await.expect("done");
    clock::shift(database, 24 * 3600 - 60).await.expect("shifted");
    assert_eq!(command::prune(database).await.expect("pruned"), 0);
    clock::shift(database, 24 * 3600 + 60).await.expect("shifted");
    assert_eq!(command::prune(database).await.expect("pruned"), 1);
    assert_eq!(run(database, "caller", "key", "paint").await.expect("new again"), "paint was number 2");
}
