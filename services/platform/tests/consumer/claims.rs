//! The group is a hint, the claim is the authority.

use std::sync::Arc;
use std::time::Duration;

use leadflow_platform::consumer::{CLAIM_LOCK, CLAIM_RETRY, ConsumerConfig, EPOCH_FENCE, OFFSET_TRIM};
use leadflow_platform::run::Tasks;
use leadflow_platform::topics::Topic;

use crate::support::{FaultProxy, Gate, Hold, Noting, World, until};

/// Two partitions, each held in the transaction of process A; B joins and gets one of them.
async fn claim_during_batch(
    world: &World,
    hold: Hold,
) -> (crate::support::Running, crate::support::Running, Arc<Gate>) {
    let gate = Gate::at("gate", hold);
    for partition in 0..2 {
        world.produce(Topic::Engagement, partition, [("key", "gate")]);
    }
    let first = world.start(&Noting::with_gate(&gate)).await;
    gate.wait_reached().await;
    gate.wait_reached().await;
    for partition in 0..2 {
        world.produce_numbered(partition, &format!("later{partition}"), 50);
    }
    let second = world.start(&Arc::new(Noting::default())).await;
    (first, second, gate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_claim_waits_for_the_old_owners_batch() {
    let world = World::live_only(2).await;
    let (first, second, gate) = claim_during_batch(&world, Hold::Working).await;
    until("the claim waits for the row", || async { world.waiting_sessions().await > 0 }).await;
    assert_eq!(world.count_effects().await, 0);
    gate.open();
    world.until_drained(2).await;
    let applied = world.effects().await.len();
    let distinct: std::collections::HashSet<_> =
        world.effects().await.into_iter().map(|effect| (effect.partition, effect.position)).collect();
    assert_eq!((applied, distinct.len()), (102, 102));
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn red_a_claim_that_does_not_wait_reads_what_the_old_owner_is_applying() {
    let world = World::live_only(2).await;
    for mechanism in [CLAIM_LOCK, OFFSET_TRIM] {
        world.turn_off(mechanism);
    }
    let (_first, _second, gate) = claim_during_batch(&world, Hold::Working).await;
    until("the claim waits for the row", || async { world.waiting_sessions().await > 0 }).await;
    gate.open();
    // What is left is the check of the table: it refuses the second count of the same records.
    until("the ledger stops a partition", || async {
        world.offsets().await.iter().any(|row| row.stopped_reason.as_ref().is_some_and(|why| why.contains("23514")))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_frozen_in_its_transaction_does_not_hold_up_the_others() {
    let world = World::live_only(2).await;
    let (first, second, gate) = claim_during_batch(&world, Hold::Silent).await;
    // One partition goes over to B, whose claim gets through when the server has ended A's session.
    until("B applies a partition while A stands still", || async { world.count_effects().await >= 51 }).await;
    gate.open();
    world.until_drained(2).await;
    let distinct: std::collections::HashSet<_> =
        world.effects().await.into_iter().map(|effect| (effect.partition, effect.position)).collect();
    assert_eq!((world.count_effects().await, distinct.len()), (102, 102));
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn red_without_the_session_timeout_the_others_wait_for_the_frozen_process() {
    let world = World::live_only(2).await;
    let (first, second, gate) = claim_during_batch(&world, Hold::SilentUnfenced).await;
    for _ in 0..2 {
        until("the claim waits for the row", || async { world.waiting_sessions().await > 0 }).await;
        until("and gives up", || async { world.waiting_sessions().await == 0 }).await;
        assert_eq!(world.count_effects().await, 0);
    }
    gate.open();
    world.until_drained(2).await;
    first.stop().await;
    second.stop().await;
}

/// A decodes a batch when somebody else claims the partition: A is a zombie and does not know.
async fn zombie(world: &World) -> crate::support::Running {
    let gate = Gate::at("gate", Hold::Decoding);
    world.produce(Topic::Engagement, 0, [("key", "gate"), ("key", "after")]);
    let running = world.start(&Noting::with_gate(&gate)).await;
    gate.wait_reached().await;
    let claimed = sqlx::query("update kafka_offset set epoch = epoch + 1, owner = 'another' where topic = $1");
    claimed.bind(world.engagement()).execute(world.pool()).await.expect("a foreign claim");
    gate.open();
    running
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_zombie_changes_nothing_and_claims_again_what_the_group_leaves_it() {
    let world = World::new(1).await;
    let running = zombie(&world).await;
    world.until_drained(1).await;
    world.check_once_in_order(2).await;
    assert!(world.effects().await.iter().all(|effect| effect.owner.as_deref() != Some("another")));
    assert_eq!(world.offsets().await[0].epoch, 3, "its own claim, the foreign one, its own again");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn red_without_the_epoch_a_zombie_writes_under_another_owner() {
    let world = World::new(1).await;
    world.turn_off(EPOCH_FENCE);
    let running = zombie(&world).await;
    world.until_drained(1).await;
    assert!(world.effects().await.iter().all(|effect| effect.owner.as_deref() == Some("another")));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_is_down_while_partitions_are_given_is_waited_for() {
    let (world, tasks) = (World::new(2).await, Tasks::new());
    world.produce_numbered(0, "a", 100);
    let proxy = FaultProxy::before(&world.database, &tasks).await;
    let database = proxy.connect().await;
    proxy.take_down();
    let running = world.start_on(database, &Arc::new(Noting::default()), ConsumerConfig::default());
    until("it says that it cannot claim", || async {
        running.health.readiness().iter().any(|line| line.reason.as_ref().is_some_and(|why| why.contains("claimed")))
    })
    .await;
    assert_eq!(world.count_effects().await, 0);
    proxy.bring_up();
    world.until_drained(2).await;
    world.check_once_in_order(100).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn red_a_claim_that_is_not_tried_again_ends_the_process() {
    let (world, tasks) = (World::new(2).await, Tasks::new());
    let proxy = FaultProxy::before(&world.database, &tasks).await;
    let database = proxy.connect().await;
    database.switches().turn_off(CLAIM_RETRY);
    proxy.take_down();
    let running = world.start_on(database, &Arc::new(Noting::default()), ConsumerConfig::default());
    let ended = tokio::time::timeout(Duration::from_secs(60), running.ended()).await.expect("it ends");
    assert!(ended.is_err());
}
