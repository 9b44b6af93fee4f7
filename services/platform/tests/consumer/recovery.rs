//! One rule for an ambiguous commit, a transient error, a rewind and a restart: the row is read again, what lies below it is
//! dropped, and we carry on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use leadflow_platform::consumer::{ConsumerConfig, OFFSET_TRIM};
use leadflow_platform::offsets::{self, Hand, Which};
use leadflow_platform::run::Tasks;
use leadflow_platform::topics::Topic;

use crate::support::{FaultProxy, Noting, ROLE, Running, World, until};

/// The answer to a batch's COMMIT does not arrive, though it was carried out.
async fn ambiguous_commit(world: &World, tasks: &Tasks) -> (Running, FaultProxy) {
    let proxy = FaultProxy::before(&world.database, tasks).await;
    world.produce_numbered(0, "a", 10);
    let config = ConsumerConfig { lanes: 1, ..ConsumerConfig::default() };
    let running = world.start_on(proxy.connect().await, &Arc::new(Noting::default()), config);
    until("the claim and a first batch are done", || async { world.count_effects().await == 10 }).await;
    proxy.cut_commits(3);
    world.produce_numbered(0, "b", 1000);
    until("a commit was cut", || async { proxy.cuts_done() > 0 }).await;
    (running, proxy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_not_applied_again() {
    let (world, tasks) = (World::new(1).await, Tasks::new());
    let (running, proxy) = ambiguous_commit(&world, &tasks).await;
    world.until_drained(1).await;
    world.produce_numbered(0, "c", 100);
    world.until_drained(1).await;
    assert!(proxy.cuts_done() > 0);
    world.check_once_in_order(1110).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn red_without_trimming_the_lost_answer_is_applied_again_until_the_ledger_refuses() {
    let (world, tasks) = (World::new(1).await, Tasks::new());
    world.turn_off(OFFSET_TRIM);
    let (_running, _proxy) = ambiguous_commit(&world, &tasks).await;
    until("the ledger stops the partition", || async {
        world.offsets().await[0].stopped_reason.as_ref().is_some_and(|why| why.contains("23514"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_in_between_costs_nothing() {
    let (world, tasks) = (World::new(2).await, Tasks::new());
    let proxy = FaultProxy::before(&world.database, &tasks).await;
    let database = proxy.connect().await;
    let running = world.start_on(database, &Arc::new(Noting::default()), ConsumerConfig::default());
    for round in 0..5 {
        for partition in 0..2 {
            world.produce_numbered(partition, &format!("{round}-{partition}"), 400);
        }
        until("some of it is applied", || async { world.count_effects().await > round * 800 }).await;
        proxy.take_down();
        world.produce_numbered(0, &format!("{round}-down"), 10);
        proxy.bring_up();
    }
    world.until_drained(2).await;
    world.check_once_in_order(5 * 810).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_batch_comes_again_after_a_transient_error_and_when_the_handler_asks() {
    let world = World::new(1).await;
    let handler = Arc::new(Noting::default());
    handler.fail.store(3, Ordering::Relaxed);
    handler.again.store(12, Ordering::Relaxed);
    world.produce_numbered(0, "a", 100);
    let running = world.start(&handler).await;
    world.until_drained(1).await;
    world.check_once_in_order(100).await;
    assert_eq!((handler.fail.load(Ordering::Relaxed), handler.again.load(Ordering::Relaxed)), (0, 0));
    assert_eq!(world.offsets().await[0].dead, 0, "transient errors are nobody's death");
    running.stop().await;
}

/// Everything is applied, then an operator moves every partition to its beginning while the consumer runs.
async fn rewind(world: &World, handler: &Arc<Noting>) -> Running {
    for partition in 0..3 {
        world.produce_numbered(partition, &format!("p{partition}"), 400);
    }
    let running = world.start(handler).await;
    world.until_drained(3).await;
    let hand = Hand { by: "test".to_owned(), reason: "rewind".to_owned() };
    for partition in 0..3 {
        let which = Which { consumer: ROLE.to_owned(), topic: world.engagement(), partition };
        let database = world.database.database();
        let row = offsets::set(database, world.kafka.config(), &which, 0, &hand).await.expect("a rewind");
        assert_eq!((row.first_offset, row.next_offset, row.applied), (0, 0, 0));
    }
    // The running consumer finds out with its next batch.
    for partition in 0..3 {
        world.produce(Topic::Engagement, partition, [("new", format!("new{partition}").as_str())]);
    }
    running
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rewind_of_everything_applies_nothing_twice() {
    let world = World::new(3).await;
    let handler = Noting::with_dedupe();
    let running = rewind(&world, &handler).await;
    world.until_drained(3).await;
    assert_eq!(world.count_effects().await, 1203, "each once, by the handler's own memory");
    for row in world.offsets().await {
        assert_eq!((row.applied, row.duplicate), (1, 400), "counted anew in the new stretch");
    }
    let kept: i64 = sqlx::query_scalar("select sum(applied)::bigint from kafka_offset_history where by = 'test'")
        .fetch_one(world.pool())
        .await
        .expect("the history");
    assert_eq!(kept, 1200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn red_a_handler_without_a_memory_applies_everything_twice_after_a_rewind() {
    let world = World::new(3).await;
    let running = rewind(&world, &Arc::new(Noting::default())).await;
    world.until_drained(3).await;
    assert_eq!(world.count_effects().await, 2403);
    running.stop().await;
}
