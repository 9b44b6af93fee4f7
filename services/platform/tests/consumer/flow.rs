//! The ordinary way: everything is applied once, in order, and the ledger balances.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use leadflow_platform::topics::Topic;

use crate::support::{Noting, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_applied_once_and_in_order() {
    let world = World::new(3).await;
    let handler = Arc::new(Noting::default());
    for partition in 0..3 {
        world.produce_numbered(partition, &format!("a{partition}"), 1500);
    }
    let running = world.start(&handler).await;
    world.until_drained(3).await;
    for partition in 0..3 {
        world.produce_numbered(partition, &format!("b{partition}"), 200);
    }
    world.until_drained(3).await;
    world.check_once_in_order(5100).await;
    running.stop().await;

    // A process that starts anew goes on where the row says.
    world.produce_numbered(1, "c", 300);
    let running = world.start(&handler).await;
    world.until_drained(3).await;
    world.check_once_in_order(5400).await;
    assert!(handler.committed.load(Ordering::Relaxed) > 0);
    assert!(handler.largest.load(Ordering::Relaxed) <= 1000);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outcomes_are_counted_each_in_its_place() {
    let world = World::new(1).await;
    let handler = Arc::new(Noting { dedupe: true, ..Noting::default() });
    let events = ["one", "two", "one", "ignored-1", "parked-1", "bytes", "three", "two"];
    world.produce(Topic::Engagement, 0, events.map(|event| ("key", event)));
    let running = world.start(&handler).await;
    world.until_drained(1).await;
    let row = &world.offsets().await[0];
    let counted = (row.applied, row.duplicate, row.ignored, row.parked, row.dead, row.skipped);
    assert_eq!(counted, (3, 2, 1, 1, 1, 0));
    running.stop().await;
}
