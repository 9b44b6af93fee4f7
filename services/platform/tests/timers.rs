//! Timers against a real PostgreSQL: the loop of the platform under the query that every timer has (plain select of what is
//! due, lock, re-check, act, commit).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leadflow_platform::health::Health;
use leadflow_platform::migrate::Migrations;
use leadflow_platform::pg::Database;
use leadflow_platform::run::Tasks;
use leadflow_platform::testing::TestDatabase;
use leadflow_platform::timers::{HINT_IS_CAPPED, Next, poll_loop};
use tokio::sync::Notify;

async fn database() -> TestDatabase {
    let migration = sqlx::migrate::Migration::new(
        100,
        "thing".into(),
        sqlx::migrate::MigrationType::Simple,
        sqlx::SqlSafeStr::into_sql_str(
            "create table thing (thing_id bigint primary key, wake_at timestamptz, fired int not null default 0); \
             create index thing_wake on thing (wake_at) where wake_at is not null",
        ),
        false,
    );
    let service = sqlx::migrate::Migrator::with_migrations(vec![migration]);
    TestDatabase::new("spine", &Migrations::new(&service).expect("a valid number")).await
}

/// One step as a service writes it.
async fn step(database: &Database) -> anyhow::Result<Next> {
    let mut tx = database.write_tx("timer").await?;
    let now = jiff_sqlx::ToSqlx::to_sqlx(tx.now());
    let fired = sqlx::query(
        "update thing set fired = fired + 1, wake_at = null where thing_id in \
         (select thing_id from thing where wake_at <= $1 order by wake_at limit 500 for no key update skip locked)",
    )
    .bind(now)
    .execute(tx.connection())
    .await?
    .rows_affected();
    let next: Option<f64> =
        sqlx::query_scalar("select extract(epoch from min(wake_at) - $1)::float8 from thing where wake_at is not null")
            .bind(now)
            .fetch_one(tx.connection())
            .await?;
    tx.commit().await?;
    Ok(match next {
        _ if fired == 500 => Next::AtOnce,
        Some(seconds) => Next::Within(Duration::try_from_secs_f64(seconds).unwrap_or_default()),
        None => Next::Rest,
    })
}

async fn set(database: &Database, thing: i64, seconds_from_now: i32) {
    sqlx::query("insert into thing values ($1, clock() + make_interval(secs => $2))")
        .bind(thing)
        .bind(f64::from(seconds_from_now))
        .execute(database.pool())
        .await
        .expect("a timer");
}

async fn fired(database: &Database) -> i64 {
    sqlx::query_scalar("select coalesce(sum(fired), 0)::bigint from thing")
        .fetch_one(database.pool())
        .await
        .expect("a sum")
}

struct Loop {
    tasks: Tasks,
    wake: Arc<Notify>,
    steps: Arc<AtomicUsize>,
}

fn start(database: &Database, interval: Duration) -> Loop {
    let (tasks, wake, steps) = (Tasks::new(), Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (own, count) = (database.clone(), Arc::clone(&steps));
    poll_loop(&tasks, &Health::new(), database, "test-timer", interval, Arc::clone(&wake), move || {
        let (database, count) = (own.clone(), Arc::clone(&count));
        async move {
            let next = step(&database).await;
            count.fetch_add(1, Ordering::SeqCst);
            next
        }
    });
    Loop { tasks, wake, steps }
}

async fn until(what: &str, mut reached: impl AsyncFnMut() -> bool) {
    for _ in 0..3000 {
        if reached().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not after 30 s: {what}");
}

async fn stop(timers: Loop) {
    timers.tasks.run_until(std::future::ready(()), Duration::from_secs(20)).await.expect("drained");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_set_in_the_past_fires_although_the_next_known_one_is_far_away() {
    let test = database().await;
    set(test.database(), 1, 3600).await;
    let timers = start(test.database(), Duration::from_millis(200));
    until("a first look", async || timers.steps.load(Ordering::SeqCst) >= 1).await;
    // By another process, which cannot wake this one.
    set(test.database(), 2, -600).await;
    until("the timer of the past", async || fired(test.database()).await == 1).await;
    stop(timers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_that_trusts_the_hint_misses_a_timer_set_in_the_past() {
    let test = database().await;
    test.database().switches().turn_off(HINT_IS_CAPPED);
    set(test.database(), 1, 3600).await;
    let timers = start(test.database(), Duration::from_millis(200));
    until("a first look", async || timers.steps.load(Ordering::SeqCst) >= 1).await;
    set(test.database(), 2, -600).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(fired(test.database()).await, 0, "the mechanism was off and nothing broke: the test proves nothing");
    timers.wake.notify_one();
    until("the wake-up", async || fired(test.database()).await == 1).await;
    stop(timers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_one_step_of_due_timers_fire_once_each_by_two_workers() {
    let test = database().await;
    sqlx::query("insert into thing select n, clock() - interval '1 minute' from generate_series(1, 5000) n")
        .execute(test.database().pool())
        .await
        .expect("timers");
    let other = test.connect("other").await;
    let workers = [start(test.database(), Duration::from_secs(60)), start(&other, Duration::from_secs(60))];
    until("all", async || fired(test.database()).await == 5000).await;
    for worker in workers {
        stop(worker).await;
    }
    let twice: i64 = sqlx::query_scalar("select count(*) from thing where fired <> 1")
        .fetch_one(test.database().pool())
        .await
        .expect("a count");
    assert_eq!(twice, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_fails_is_tried_again() {
    let test = database().await;
    sqlx::query("alter table thing rename to hidden").execute(test.database().pool()).await.expect("hidden");
    let timers = start(test.database(), Duration::from_secs(60));
    until("three attempts", async || timers.steps.load(Ordering::SeqCst) >= 3).await;
    sqlx::query("alter table hidden rename to thing").execute(test.database().pool()).await.expect("shown");
    set(test.database(), 1, -1).await;
    until("the timer", async || fired(test.database()).await == 1).await;
    stop(timers).await;
}

#[tokio::test]
async fn a_timer_that_rests_has_no_work_that_could_be_stuck() {
    let test = database().await;
    let (tasks, health) = (Tasks::new(), Health::new());
    let steps = Arc::new(AtomicUsize::new(0));
    let (counted, hour) = (Arc::clone(&steps), Duration::from_secs(3600));
    poll_loop(&tasks, &health, test.database(), "hourly", hour, Arc::new(Notify::new()), move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok(Next::Rest) }
    });
    for _ in 0..1000 {
        if steps.load(Ordering::SeqCst) == 1 && health.busy().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((steps.load(Ordering::SeqCst), health.busy()), (1, Vec::new()));
    tasks.run_until(std::future::ready(()), Duration::from_secs(20)).await.expect("a clean end");
}

#[tokio::test]
async fn a_timer_that_fails_has_work() {
    let test = database().await;
    let (tasks, health) = (Tasks::new(), Health::new());
    let (wake, hour) = (Arc::new(Notify::new()), Duration::from_secs(3600));
    poll_loop(&tasks, &health, test.database(), "hourly", hour, wake, || async { anyhow::bail!("no") });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(health.busy(), ["hourly"]);
    tasks.run_until(std::future::ready(()), Duration::from_secs(20)).await.expect("a clean end");
}
