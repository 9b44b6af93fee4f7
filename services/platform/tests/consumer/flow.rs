//! The ordinary way: everything is applied once, in order, and the ledger balances.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use leadflow_platform::consumer::{ConsumerConfig, LIVE_FIRST, Start};
use leadflow_platform::topics::Topic;

use crate::support::{Gate, Hold, Noting, World, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_applied_once_and_in_order() {
    let world = World::new(3).await;
    let handler = Arc::new(Noting::default());
    let config = ConsumerConfig { max_batch_events: 1000, ..ConsumerConfig::default() };
    for partition in 0..3 {
        world.produce_numbered(partition, &format!("a{partition}"), 1500);
    }
    let running = world.start_with(&handler, config.clone()).await;
    world.until_drained(3).await;
    for partition in 0..3 {
        world.produce_numbered(partition, &format!("b{partition}"), 200);
    }
    world.until_drained(3).await;
    world.check_once_in_order(5100).await;
    running.stop().await;

    // A process that starts anew goes on where the row says.
    world.produce_numbered(1, "c", 300);
    let running = world.start_with(&handler, config.clone()).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_batch_in_flight_is_finished_before_the_process_ends() {
    let world = World::new(1).await;
    let gate = Gate::at("gate", Hold::Working);
    world.produce(Topic::Engagement, 0, [("key", "gate")]);
    let running = world.start(&Noting::with_gate(&gate)).await;
    gate.wait_reached().await;
    world.produce_numbered(0, "later", 100);
    let stop = running.stop_token();
    let ended = tokio::join!(running.stop(), async {
        stop.cancelled().await;
        gate.open();
    });
    let ((), ()) = ended;
    // What was in flight is there, whatever came after is left to the next one.
    assert_eq!(world.effects().await.first().map(|effect| effect.event.as_str()), Some("gate"));
    let running = world.start(&Arc::new(Noting::default())).await;
    world.until_drained(1).await;
    world.check_once_in_order(101).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_is_told_what_the_database_has_committed() {
    let world = World::new(2).await;
    for partition in 0..2 {
        world.produce_numbered(partition, &format!("p{partition}"), 123);
    }
    let running = world.start(&Arc::new(Noting::default())).await;
    world.until_drained(2).await;
    until("the group's offsets are those of the rows", || async { world.group_offsets(2) == [Some(123), Some(123)] })
        .await;
    // Never read: resetting them changes nothing.
    running.stop().await;
    world.reset_group_offsets(2);
    world.produce_numbered(0, "more", 7);
    let running = world.start(&Arc::new(Noting::default())).await;
    world.until_drained(2).await;
    world.check_once_in_order(2 * 123 + 7).await;
    running.stop().await;
}

/// How many of three thousand bulk events, in batches of five hundred, come before a live one that arrives in the first.
async fn bulk_events_before_a_live_one(world: &World) -> usize {
    let gate = Gate::at("bulk-0000", Hold::Working);
    let handler = Noting::with_gate(&gate);
    let bulk: Vec<String> = (0..3000).map(|number| format!("bulk-{number:04}")).collect();
    world.produce(Topic::EngagementBulk, 0, bulk.iter().map(|event| ("key", event.as_str())));
    let config = ConsumerConfig { max_batch_events: 500, ..ConsumerConfig::default() };
    let running = world.start_with(&handler, config).await;
    gate.wait_reached().await;
    world.produce(Topic::Engagement, 0, [("key", "live")]);
    // Time for the fetch: the record has to lie in its queue when the bulk batch ends.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    gate.open();
    until("all is applied", || async { world.count_effects().await == 3001 }).await;
    let effects = world.effects().await;
    running.stop().await;
    effects.iter().position(|effect| effect.event == "live").expect("applied")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_live_event_overtakes_the_bulk_topic() {
    let before = bulk_events_before_a_live_one(&World::new(1).await).await;
    assert!(before <= 500, "right behind the bulk batch that was in flight, not behind {before}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn red_without_their_priority_live_events_wait_for_the_whole_import() {
    let world = World::new(1).await;
    world.turn_off(LIVE_FIRST);
    assert_eq!(bulk_events_before_a_live_one(&world).await, 3000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sampled_trace_goes_on_with_the_event_and_others_cost_nothing() {
    let world = World::new(1).await;
    let handler = Arc::new(Noting::default());
    let sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    world.produce_with_header("sampled", "traceparent", sampled.as_bytes());
    world.produce_with_header("unsampled", "traceparent", unsampled.as_bytes());
    world.produce_with_header("garbage", "traceparent", b"\xff\xfe");
    world.produce_with_header("none", "other", b"x");
    let running = world.start(&handler).await;
    world.until_drained(1).await;
    let traces: Vec<Option<String>> = handler.traces.lock().expect("no panic while held").clone();
    assert_eq!(traces, [Some(sampled.to_owned()), None, None, None]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_beginning_is_resolved_once_and_recorded() {
    let world = World::new(2).await;
    world.produce_numbered(0, "before", 40);
    let config = ConsumerConfig { start: Start::Latest, ..ConsumerConfig::default() };
    let running = world.start_with(&Arc::new(Noting::default()), config.clone()).await;
    world.until_drained(2).await;
    running.stop().await;
    assert_eq!(world.offsets().await[0].first_offset, 40);
    // Now the row decides, whatever the setting says.
    world.produce_numbered(0, "while-away", 10);
    let running = world.start_with(&Arc::new(Noting::default()), config).await;
    world.until_drained(2).await;
    world.check_once_in_order(10).await;
    running.stop().await;
}
