//! `offsets set` while the consumer runs and no record comes: it is taken up all the same. Without `look_at_moved` in
//! `services/platform/src/consumer/group.rs` nothing would tell the process, and these tests wait in vain.

use std::sync::Arc;

use leadflow_platform::offsets::{self, Hand, OffsetRow, Which};
use leadflow_platform::topics::Topic;

use crate::support::{Noting, ROLE, Running, World, until};

/// Two partitions, twenty and five records, all of them applied; from now on nothing comes.
async fn idle() -> (World, Running) {
    let world = World::live_only(2).await;
    world.produce_numbered(0, "a", 20);
    world.produce_numbered(1, "b", 5);
    let running = world.start(&Arc::new(Noting::default())).await;
    world.until_drained(2).await;
    assert_eq!(world.count_effects().await, 25);
    (world, running)
}

async fn set(world: &World, offset: i64) -> OffsetRow {
    let which = Which { consumer: ROLE.to_owned(), topic: world.engagement(), partition: 0 };
    let hand = Hand { by: "a person".to_owned(), reason: "a test".to_owned() };
    let row = offsets::set(world.database.database(), world.kafka.config(), &which, offset, &hand).await.expect("set");
    assert_eq!((row.first_offset, row.next_offset, row.owner.as_deref()), (offset, offset, None));
    row
}

/// The process has it again, under a claim of its own.
async fn until_claimed(world: &World, moved: &OffsetRow) {
    until("the partition is claimed again", || async {
        let row = world.offsets().await.remove(0);
        row.owner.is_some() && row.epoch > moved.epoch
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_is_moved_back_is_read_again_from_there_though_nothing_comes() {
    let (world, running) = idle().await;
    let neighbour = world.offsets().await.remove(1);
    let moved = set(&world, 12).await;
    until("eight are applied again", || async { world.count_effects().await == 33 }).await;
    until_claimed(&world, &moved).await;
    world.until_drained(2).await;
    let rows = world.offsets().await;
    assert_eq!((rows[0].first_offset, rows[0].next_offset, rows[0].applied), (12, 20, 8), "a new stretch");
    assert_eq!(rows[1], neighbour, "the other one is left alone");
    let again: Vec<i64> = world.effects().await[25..].iter().map(|effect| effect.position).collect();
    assert_eq!(again, (12..20).collect::<Vec<i64>>(), "in order, each once");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_is_moved_to_its_end_is_claimed_again_and_goes_on_with_what_comes() {
    let (world, running) = idle().await;
    for _ in 0..2 {
        let moved = set(&world, 20).await;
        until_claimed(&world, &moved).await;
    }
    world.produce(Topic::Engagement, 0, [("key", "new")]);
    until("the new one is applied", || async { world.count_effects().await == 26 }).await;
    world.until_drained(2).await;
    let row = world.offsets().await.remove(0);
    assert_eq!((row.first_offset, row.next_offset, row.applied), (20, 21, 1));
    running.stop().await;
}
