//! What the broker no longer has is named, waits for a human, and is never passed over in silence.

use std::sync::Arc;

use leadflow_platform::consumer::{EOF_ADVANCE, LOSS_CHECK};
use leadflow_platform::offsets::{self, Hand, OffsetsError, RestartAt, Which};
use leadflow_platform::topics::Topic;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

use crate::support::{Noting, PATIENCE, ROLE, World, until};

fn which(world: &World, partition: i32) -> Which {
    Which { consumer: ROLE.to_owned(), topic: world.engagement(), partition }
}

fn hand() -> Hand {
    Hand { by: "a person".to_owned(), reason: "a test".to_owned() }
}

/// As retention does.
async fn delete_below(world: &World, partition: i32, offset: i64) {
    let admin: AdminClient<DefaultClientContext> =
        world.kafka.config().client("test-admin").create().expect("an admin client");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&world.engagement(), partition, Offset::Offset(offset)).expect("an offset");
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    admin.delete_records(&list, &options).await.expect("records are deleted");
}

/// Ten applied, then a stop, twenty more, and retention passes fifteen of them.
async fn pass_retention(world: &World, handler: &Arc<Noting>) {
    world.produce_numbered(0, "a", 10);
    let running = world.start(handler).await;
    world.until_drained(2).await;
    running.stop().await;
    world.produce_numbered(0, "b", 20);
    delete_below(world, 0, 25).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passed_retention_stops_the_partition_by_name_and_a_human_accepts_the_loss() {
    let world = World::new(2).await;
    let handler = Arc::new(Noting::default());
    pass_retention(&world, &handler).await;
    let running = world.start(&handler).await;
    until("partition 0 is stopped", || async { world.offsets().await[0].state == "stopped" }).await;
    let reason = world.offsets().await[0].stopped_reason.clone().expect("a reason");
    assert!(reason.contains("offsets 10 to 24 of") && reason.contains(&world.engagement()), "{reason}");
    // Ready, because everything else can be asked; and it says what a human has to look at.
    let doubt = || running.health.readiness().remove(0).degraded;
    let said = doubt().expect("degraded");
    let expected = format!("partition {}/0 is stopped: retention passed", world.engagement());
    assert!(running.health.is_ready() && said.starts_with(&expected), "{said}");
    assert!(said.ends_with("see `leadflow offsets list`"), "{said}");

    // The others go on.
    world.produce_numbered(1, "other", 5);
    until("partition 1 is read", || async { world.count_effects().await == 15 }).await;

    let (database, kafka) = (world.database.database(), world.kafka.config());
    let refused = offsets::restart(database, kafka, &which(&world, 0), RestartAt::Here, &hand()).await;
    assert!(matches!(refused, Err(OffsetsError::OffTheLog { offset: 10, low: 25, high: 30, .. })), "{refused:?}");
    let row = offsets::accept_loss(database, kafka, &which(&world, 0), &hand()).await.expect("accepted");
    assert_eq!((row.skipped, row.next_offset, row.first_offset), (15, 25, 0));
    let nothing = offsets::accept_loss(database, kafka, &which(&world, 0), &hand()).await;
    // The running consumer may have gone on meanwhile.
    assert!(matches!(nothing, Err(OffsetsError::NothingLost { next: 25.., low: 25 })), "{nothing:?}");

    // The running consumer sees the row and goes on.
    world.until_drained(2).await;
    assert_eq!(doubt(), None);
    world.check_once_in_order(20).await;
    let row = &world.offsets().await[0];
    assert_eq!((row.applied, row.skipped), (15, 15));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn red_without_the_comparison_nobody_is_told_of_the_loss() {
    let world = World::new(2).await;
    let handler = Arc::new(Noting::default());
    pass_retention(&world, &handler).await;
    world.turn_off(LOSS_CHECK);
    let before = world.offsets().await[0].epoch;
    let running = world.start(&handler).await;
    // It claims again and again what the broker does not have.
    until("several claims", || async { world.offsets().await[0].epoch > before + 3 }).await;
    let row = &world.offsets().await[0];
    assert_eq!((row.state.as_str(), row.next_offset), ("running", 10));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_made_anew_stops_by_name_and_restarts_with_a_new_stretch() {
    let world = World::new(1).await;
    let handler = Arc::new(Noting::default());
    world.produce_numbered(0, "old", 30);
    let running = world.start(&handler).await;
    world.until_drained(1).await;
    running.stop().await;
    world.kafka.delete(&[Topic::Engagement]).await.expect("deleted");
    until("the topic can be made anew", || async { world.kafka.create(Topic::Engagement, 1).await.is_ok() }).await;
    world.produce_numbered(0, "new", 12);

    let running = world.start(&handler).await;
    until("it is stopped", || async { world.offsets().await[0].state == "stopped" }).await;
    let reason = world.offsets().await[0].stopped_reason.clone().expect("a reason");
    assert!(reason.contains("ends at 12 but 30 was read before"), "{reason}");
    assert_eq!(world.count_effects().await, 30);

    let (database, kafka) = (world.database.database(), world.kafka.config());
    let row = offsets::restart(database, kafka, &which(&world, 0), RestartAt::Earliest, &hand()).await;
    assert_eq!(row.expect("a new stretch").first_offset, 0);
    world.until_drained(1).await;
    assert_eq!((world.count_effects().await, world.offsets().await[0].applied), (42, 12));
    running.stop().await;
}

/// A foreign program writes in a transaction: its marker takes an offset, but is no record.
fn produce_in_transaction(world: &World, events: &[&str], commit: bool) {
    let producer: ThreadedProducer<DefaultProducerContext> = world
        .kafka
        .config()
        .client("foreign")
        .set("transactional.id", "foreign")
        .create()
        .expect("a transactional producer");
    producer.init_transactions(PATIENCE).expect("transactions");
    producer.begin_transaction().expect("begun");
    for event in events {
        let topic = world.engagement();
        let record = BaseRecord::to(&topic).partition(0).key("key").payload(*event);
        producer.send(record).map_err(|(error, _)| error).expect("room");
    }
    // An abort would else throw away what was not sent yet.
    producer.flush(PATIENCE).expect("acknowledged");
    let ended = if commit { producer.commit_transaction(PATIENCE) } else { producer.abort_transaction(PATIENCE) };
    ended.expect("the transaction ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_marker_at_the_end_is_no_loss() {
    let world = World::new(1).await;
    let handler = Arc::new(Noting::default());
    let running = world.start(&handler).await;
    produce_in_transaction(&world, &["a", "b", "c"], true);
    produce_in_transaction(&world, &["never"], false);
    // Three records, a marker, one aborted record, its marker.
    until("it stands behind the last marker", || async { world.offsets().await[0].next_offset == 6 }).await;
    world.check_ledger().await;
    let row = world.offsets().await[0].clone();
    assert_eq!((row.next_offset, row.applied, row.skipped), (6, 3, 3));
    running.stop().await;
    delete_below(&world, 0, 6).await;
    let running = world.start(&handler).await;
    world.produce(Topic::Engagement, 0, [("key", "d")]);
    world.until_drained(1).await;
    world.check_once_in_order(4).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn red_without_the_step_over_the_marker_retention_looks_like_a_loss() {
    let world = World::new(1).await;
    world.turn_off(EOF_ADVANCE);
    let handler = Arc::new(Noting::default());
    let running = world.start(&handler).await;
    produce_in_transaction(&world, &["a", "b", "c"], true);
    until("all is applied", || async { world.count_effects().await == 3 }).await;
    running.stop().await;
    delete_below(&world, 0, 4).await;
    let running = world.start(&handler).await;
    until("it is stopped for a loss of nothing", || async { world.offsets().await[0].state == "stopped" }).await;
    running.stop().await;
}
