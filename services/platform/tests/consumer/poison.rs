//! What can never be applied becomes a dead letter with its reason, one record at a time; what looks like our own fault stops
//! the partition.

use std::sync::Arc;

use leadflow_platform::consumer::POISON_KEYS;
use leadflow_platform::offsets::{self, Hand, RestartAt, Which};
use leadflow_platform::topics::Topic;
use leadflow_proto::platform::v1::DeadLetter;
use prost::Message as _;

use crate::support::{Noting, ROLE, World, until};

/// Values from numbers.
fn produce(world: &World, count: usize, key: impl Fn(usize) -> String, value: impl Fn(usize) -> String) {
    let records = (0..count).map(|number| (key(number).into_bytes(), value(number).into_bytes()));
    world.produce_bytes(Topic::Engagement, 0, records);
}

async fn dead_letters(world: &World, count: usize) -> Vec<DeadLetter> {
    let records = world.kafka.records_until(Topic::DeadLetter, |records| records.len() >= count).await;
    records.iter().map(|record| DeadLetter::decode(record.value.as_slice()).expect("a dead letter")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_in_a_hundred_dies_alone() {
    let world = World::new(1).await;
    let kinds = ["bytes", "decode-panic", "panic", "nul"];
    let value = |number: usize| match number % 100 {
        37 => format!("{}-{number}", kinds[number / 100 % 4]),
        _ => format!("good-{number}"),
    };
    produce(&world, 2000, |number| format!("key-{}", number % 7), value);
    let running = world.start(&Arc::new(Noting::default())).await;
    world.until_drained(1).await;
    world.check_once_in_order(1980).await;
    assert_eq!((world.offsets().await[0].applied, world.offsets().await[0].dead), (1980, 20));

    let mut letters = dead_letters(&world, 20).await;
    letters.sort_by_key(|letter| letter.offset);
    assert_eq!(letters.len(), 20);
    for (index, letter) in letters.iter().enumerate() {
        let number = index * 100 + 37;
        assert_eq!(letter.offset, i64::try_from(number).expect("small"));
        assert_eq!(letter.value, value(number).into_bytes());
        assert_eq!(letter.key, format!("key-{}", number % 7).into_bytes());
        assert_eq!((letter.consumer.as_str(), letter.topic.as_str()), (ROLE, world.engagement().as_str()));
        let reason = ["decode", "panic", "panic", "data_error"][index % 4];
        assert_eq!(letter.reason, reason, "{letter:?}");
    }
    assert!(letters[3].detail.contains("22021"), "the SQLSTATE, not the value: {}", letters[3].detail);
    running.stop().await;
}

async fn hopeless(value: impl Fn(usize) -> String) {
    let world = World::new(1).await;
    produce(&world, 500, |number| format!("key-{}", number % 5), value);
    let running = world.start(&Arc::new(Noting::default())).await;
    until("the partition is stopped", || async {
        world.offsets().await.first().is_some_and(|row| row.state == "stopped")
    })
    .await;
    let row = world.offsets().await[0].clone();
    assert_eq!((row.next_offset, row.dead, row.lag), (100, 100, Some(400)), "not one more is thrown away");
    assert!(row.stopped_reason.expect("a reason").contains("poison"));
    assert_eq!(dead_letters(&world, 100).await.len(), 100);
    world.check_ledger().await;

    // Mended: the human says so.
    let which = Which { consumer: ROLE.to_owned(), topic: world.engagement(), partition: 0 };
    let hand = Hand { by: "a person".to_owned(), reason: "deployed the fix".to_owned() };
    let (database, kafka) = (world.database.database(), world.kafka.config());
    offsets::restart(database, kafka, &which, RestartAt::Here, &hand).await.expect("a restart");
    until("it is stopped again", || async {
        let row = world.offsets().await[0].clone();
        row.state == "stopped" && row.first_offset == 100 && row.next_offset == 200
    })
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_on_which_nothing_can_be_decoded_stops() {
    hopeless(|number| format!("bytes-{number}")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_on_which_nothing_can_be_stored_stops() {
    hopeless(|number| format!("nul-{number}")).await;
}

async fn hostile_client(world: &World) {
    produce(world, 400, |_| "hostile".to_owned(), |number| format!("bytes-{number}"));
    produce(world, 100, |number| format!("key-{number}"), |number| format!("good-{number}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_hostile_client_is_no_off_switch() {
    let world = World::new(1).await;
    hostile_client(&world).await;
    let running = world.start(&Arc::new(Noting::default())).await;
    world.until_drained(1).await;
    world.check_once_in_order(100).await;
    assert_eq!(world.offsets().await[0].dead, 400);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn red_without_counting_keys_one_client_stops_everybody() {
    let world = World::new(1).await;
    world.turn_off(POISON_KEYS);
    hostile_client(&world).await;
    let running = world.start(&Arc::new(Noting::default())).await;
    until("the partition is stopped", || async {
        world.offsets().await.first().is_some_and(|row| row.state == "stopped")
    })
    .await;
    assert_eq!(world.count_effects().await, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_does_not_balance_stops_the_partition_and_kills_nothing() {
    let world = World::new(1).await;
    world.produce_numbered(0, "a", 10);
    let handler = Arc::new(Noting::default());
    let running = world.start(&handler).await;
    world.until_drained(1).await;
    // Somebody writes by hand: the fence sees a row behind what was committed, claims again, and the check does the rest.
    sqlx::query("alter table kafka_offset add constraint broken check (next_offset < 11) not valid")
        .execute(world.pool())
        .await
        .expect("a check");
    world.produce_numbered(0, "b", 5);
    until("the partition is stopped", || async { world.offsets().await[0].state == "stopped" }).await;
    let row = world.offsets().await[0].clone();
    assert_eq!((row.next_offset, row.dead), (10, 0));
    running.stop().await;
}
