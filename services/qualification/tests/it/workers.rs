//! What qualification does without being asked, when somebody's rows cannot be read: the others go on, the chore is put off
//! and in the end given up with a dead letter.

use std::sync::Arc;

use jiff::SignedDuration;
use leadflow_platform::outbox::PublisherHandle;
use leadflow_platform::testing::clock;
use leadflow_platform::timers::Next;
use leadflow_proto::platform::v1::DeadLetter;
use leadflow_qualification::workers::Workers;
use prost::Message as _;
use tokio::sync::Notify;

use crate::bed::{Bed, Events};

fn workers(bed: &Bed) -> Workers {
    Workers {
        database: bed.database().clone(),
        models: Arc::clone(&bed.models),
        incarnation: 1,
        publisher: PublisherHandle::default(),
        committed: Arc::new(Notify::new()),
    }
}

/// Ada, whose row nobody can read any more, and Ben.
async fn two_of_whom_one_is_unreadable() -> Bed {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    bed.apply(&[make.demo("1", "b-1", "ada@acme.example", 10), make.demo("2", "b-2", "ben@acme.example", 10)]).await;
    bed.drain().await;
    let now = make.now;
    clock::stop_at(bed.database(), now).await.expect("a clock");
    let spoil = "update person set acc = '\\xff' where person_id = (select person_id from identifier where value = 'ada@acme.example')";
    sqlx::query(spoil).execute(bed.database().pool()).await.expect("spoiled");
    bed
}

async fn letters(bed: &Bed) -> Vec<DeadLetter> {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar("select payload from outbox where topic = 7")
        .fetch_all(bed.database().pool())
        .await
        .expect("the outbox");
    rows.iter().map(|bytes| DeadLetter::decode(bytes.as_slice()).expect("a dead letter")).collect()
}

async fn later(bed: &Bed, by: SignedDuration) {
    let now = bed.now().await;
    clock::stop_at(bed.database(), now.checked_add(by).expect("a time")).await.expect("a clock");
}

#[tokio::test]
async fn who_cannot_be_folded_anew_is_put_off_and_given_up_after_five_attempts() {
    let bed = two_of_whom_one_is_unreadable().await;
    let workers = workers(&bed);
    let all = "insert into recompute (person_id, reason, due_at) select person_id, 3, clock() from person where merged_into is null";
    sqlx::query(all).execute(bed.database().pool()).await.expect("noted");
    for attempt in 1..=5 {
        assert_eq!(workers.recompute_page().await.expect("the page goes on"), Next::AtOnce);
        assert_eq!(bed.count("select count(*) from recompute").await, i64::from(attempt < 5), "attempt {attempt}");
        assert_eq!(workers.recompute_page().await.expect("nothing"), Next::Rest, "put off");
        later(&bed, SignedDuration::from_secs(61)).await;
    }
    let letters = letters(&bed).await;
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((letter.consumer.as_str(), letter.topic.as_str()), ("qualification", "timer/recompute"));
    let uid = "select count(*) from person where person_uid::text = encode($1, 'escape') and acc = '\\xff'";
    let found: i64 = sqlx::query_scalar(uid).bind(&letter.key).fetch_one(bed.database().pool()).await.expect("a count");
    assert_eq!(found, 1, "the letter names the person");
}

#[tokio::test]
async fn who_cannot_be_reviewed_does_not_hold_up_the_others() {
    let bed = two_of_whom_one_is_unreadable().await;
    let workers = workers(&bed);
    // Both are due some day: that day has come for both.
    let due = "update review set due_on = (clock() at time zone 'UTC')::date - date '1970-01-01'";
    assert_eq!(sqlx::query(due).execute(bed.database().pool()).await.expect("due").rows_affected(), 2);
    let mut failures = 0;
    while bed.count("select count(*) from review where attempts > 0").await > 0 || failures == 0 {
        failures += 1;
        assert!(failures < 10, "never given up");
        assert_eq!(workers.review_page().await.expect("the page goes on"), Next::AtOnce);
        later(&bed, SignedDuration::from_hours(24)).await;
    }
    assert_eq!(failures, 5);
    assert_eq!(letters(&bed).await.iter().map(|letter| letter.topic.as_str()).collect::<Vec<_>>(), ["timer/review"]);
    let unreadable = "select count(*) from review r join person p using (person_id) where p.acc = '\\xff'";
    assert_eq!(bed.count(unreadable).await, 0);
}
