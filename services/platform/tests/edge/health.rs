//! Ready by reasons, alive by progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use leadflow_platform::health::{Health, STUCK_AFTER};
use leadflow_platform::run::Tasks;
use leadflow_platform::server::Limits;
use serde_json::json;

use crate::support::{PATIENCE, Running, get};

#[tokio::test]
async fn readiness_lists_every_part_with_its_reason() {
    let health = Health::new();
    let server = Running::start(health.router(None), Limits::default()).await;
    assert_eq!(server.ask(&get("/readyz")).await.status(), 503, "nothing has said that it is ready");

    let (database, model) = (health.register("database"), health.register("model"));
    database.ready();
    model.not_ready("no model is active; type `leadflow model publish FILE`");
    let answer = server.ask(&get("/readyz")).await;
    assert_eq!((answer.status(), answer.header("content-type")), (503, Some("application/json")));
    let expected = json!({ "ready": false, "status": "not_ready", "checks": [
        { "name": "database", "ready": true },
        { "name": "model", "ready": false, "reason": "no model is active; type `leadflow model publish FILE`" },
    ]});
    assert_eq!(answer.json(), expected);

    model.ready();
    let answer = server.ask(&get("/readyz")).await;
    assert_eq!((answer.status(), &answer.json()["ready"]), (200, &json!(true)));
    database.not_ready("connection refused");
    assert_eq!(server.ask(&get("/readyz")).await.status(), 503);

    assert_eq!(server.ask(&get("/metrics")).await.status(), 200);
    assert_eq!(server.ask(&get("/livez")).await.status(), 200, "not ready is not dead");
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_degraded_part_is_named_and_still_asked() {
    let health = Health::new();
    let server = Running::start(health.router(None), Limits::default()).await;
    let broker_is_away = Arc::new(AtomicBool::new(true));
    let (consumer, outbox) = (health.register("consumer"), health.register("outbox"));
    let asked = Arc::clone(&broker_is_away);
    consumer.degraded_while(move || asked.load(Ordering::SeqCst).then(|| "the broker does not answer".to_owned()));
    consumer.degraded_while(|| Some("partition 3 is stopped".to_owned()));
    consumer.ready();
    outbox.ready();
    let answer = server.ask(&get("/readyz")).await;
    assert_eq!(answer.status(), 200, "who cannot be asked is another question");
    let expected = json!({ "ready": true, "status": "degraded", "checks": [
        { "name": "consumer", "ready": true, "degraded": "the broker does not answer; partition 3 is stopped" },
        { "name": "outbox", "ready": true },
    ]});
    assert_eq!(answer.json(), expected);
    broker_is_away.store(false, Ordering::SeqCst);
    assert_eq!(server.ask(&get("/readyz")).await.json()["checks"][0]["degraded"], "partition 3 is stopped");
    outbox.not_ready("connection refused");
    let answer = server.ask(&get("/readyz")).await;
    assert_eq!((answer.status(), &answer.json()["status"]), (503, &json!("not_ready")));
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_drain_is_not_ready() {
    let (health, tasks) = (Health::new(), Tasks::new());
    health.register("database").ready();
    health.watch(&tasks);
    assert!(health.is_ready());
    let mut changes = health.subscribe();
    tasks.run_until(std::future::ready(()), PATIENCE).await.expect("a clean end");
    assert!(!*changes.borrow_and_update());
    assert_eq!(health.readiness()[1].reason.as_deref(), Some("the process is stopping"));
}

#[tokio::test]
async fn only_a_lane_with_work_and_no_beat_is_stuck() {
    let wait = Duration::from_millis(100);
    let health = Health::new();
    // One that is stuck as soon as it has work, one that has all the time of the test.
    let (strict, patient) = (health.progress("strict", Duration::ZERO), health.progress("patient", STUCK_AFTER));
    tokio::time::sleep(wait).await;
    assert!(health.stuck().is_empty(), "idle");
    strict.busy(true);
    patient.busy(true);
    tokio::time::sleep(wait).await;
    // Said again, it is still the same work.
    strict.busy(true);
    let [(name, silent)] = health.stuck().try_into().expect("one");
    assert!(name == "strict" && silent >= wait);
    tokio::time::sleep(wait).await;
    strict.beat();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(health.stuck()[0].1 < silent + wait, "a beat starts the clock anew");
    strict.busy(false);
    assert!(health.stuck().is_empty(), "done");
    strict.busy(true);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(health.stuck().len(), 1);
    drop(strict);
    assert!(health.stuck().is_empty(), "a lane that was given back is nobody's");
}

#[tokio::test]
async fn a_stuck_lane_ends_the_process_by_name() {
    let (health, tasks) = (Health::new(), Tasks::new());
    let lane = health.progress("engagement/1", Duration::ZERO);
    health.watch_every(&tasks, Duration::from_millis(10));
    lane.busy(true);
    let error = tasks.run_until(std::future::pending(), PATIENCE).await.expect_err("the process ends");
    let error = format!("{error:#}");
    assert_eq!(error, "task health failed: engagement/1 has work and made no progress for 0 s");
}

#[tokio::test]
async fn a_lane_that_moves_again_in_time_is_forgiven() {
    let look = Duration::from_millis(200);
    let (health, tasks) = (Health::new(), Tasks::new());
    let lane = health.progress("engagement/1", Duration::ZERO);
    health.watch_every(&tasks, look);
    for _ in 0..4 {
        // As after SIGSTOP and SIGCONT: stuck at one look or two, and not at the next.
        lane.busy(true);
        tokio::time::sleep(look * 3 / 2).await;
        lane.busy(false);
        tokio::time::sleep(look * 3 / 2).await;
    }
    assert!(!tasks.stop_token().is_cancelled());
    tasks.run_until(std::future::ready(()), PATIENCE).await.expect("a clean end");
}

#[tokio::test]
async fn liveness_names_the_stuck_lane() {
    let health = Health::new();
    let lane = health.progress("timers", Duration::ZERO);
    lane.busy(true);
    tokio::time::sleep(Duration::from_millis(5)).await;
    let server = Running::start(health.router(None), Limits::default()).await;
    let answer = server.ask(&get("/livez")).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.json(), json!({ "alive": false, "stuck": [{ "name": "timers", "silent_seconds": 0 }] }));
    server.stop().await.expect("a clean end");
}
