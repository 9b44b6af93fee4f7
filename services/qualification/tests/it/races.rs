//! Sixteen lanes at once on one person: every batch is applied, no deadlock is left, and the person is as if they had come
//! one after the other.

use std::sync::Arc;

use leadflow_proto::engagement::v1::EngagementEvent;
use leadflow_qualification::handler::LOCK_ORDER;

use crate::bed::{Bed, Events};

fn lanes(make: &Events) -> Vec<Vec<EngagementEvent>> {
    (0..16_i64)
        .map(|lane| {
            (0..12_i64)
                .map(|nth| {
                    // Every lane has browsers of its own and meets the others in addresses and one user id.
                    let browser = format!("b-{lane}-{}", nth % 3);
                    let mut event = make.page(&format!("{lane}/{nth}"), &browser, "/pricing", lane * 20 + nth);
                    match nth % 4 {
                        1 => event.email = format!("kim{}@acme.example", (lane + nth) % 3),
                        2 => event.user_id = "kim".into(),
                        3 => (event.user_id, event.email) = ("kim".into(), format!("kim{}@acme.example", nth % 3)),
                        _ => {}
                    }
                    event
                })
                .collect()
        })
        .collect()
}

/// False if one does not come to its end.
async fn all_end(mut running: tokio::task::JoinSet<()>) -> bool {
    let all = async {
        while let Some(done) = running.join_next().await {
            if done.is_err() {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(std::time::Duration::from_secs(120), all).await.unwrap_or(false)
}

/// All at once; false if one does not come to its end.
async fn run(bed: &Arc<Bed>, lanes: Vec<Vec<EngagementEvent>>) -> bool {
    let mut running = tokio::task::JoinSet::new();
    for lane in lanes {
        let bed = Arc::clone(bed);
        running.spawn(async move {
            for batch in lane.chunks(3) {
                bed.apply(batch).await;
            }
        });
    }
    all_end(running).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_lanes_merging_one_person_leave_no_deadlock_and_lose_nothing() {
    let bed = Arc::new(Bed::new().await);
    let lanes = lanes(&Events { now: bed.now().await });
    assert!(run(&bed, lanes.clone()).await, "lanes hang or fail");
    bed.drain().await;
    assert_eq!(bed.count("select count(*) from timeline").await, 16 * 12);
    assert_eq!(bed.count("select count(distinct person_id) from identifier").await, 1);
    assert_eq!(bed.count("select count(*) from identifier").await, 16 * 3 + 3 + 1);
    assert_eq!(bed.count("select count(*) from lead where closed_at is null").await, 1);
    let seen = bed.count("select count(*) from pg_stat_database where datname = current_database() and deadlocks > 0");
    assert_eq!(seen.await, 0);

    let alone = Bed::new().await;
    let all: Vec<EngagementEvent> = lanes.concat();
    alone.apply(&all).await;
    alone.drain().await;
    let acc = "select score_milli::bigint from person where merged_into is null";
    assert_eq!(bed.count(acc).await, alone.count(acc).await);
}

/// Eight lanes with acts of the same sixty persons in each of their batches.
async fn acts_of_the_same_persons(bed: &Arc<Bed>) -> bool {
    let make = Events { now: bed.now().await };
    let act = |lane: i64, round: i64, person: i64| {
        make.page(&format!("{lane}/{round}/{person}"), &format!("b-{person}"), "/pricing", round * 60 + person)
    };
    bed.apply(&(0..60).map(|person| act(9, 0, person)).collect::<Vec<_>>()).await;
    let mut running = tokio::task::JoinSet::new();
    for lane in 0..8 {
        let bed = Arc::clone(bed);
        let rounds: Vec<Vec<EngagementEvent>> =
            (0..15).map(|round| (0..60).map(|person| act(lane, round, person)).collect()).collect();
        running.spawn(async move {
            for round in rounds {
                bed.apply(&round).await;
            }
        });
    }
    all_end(running).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lanes_with_acts_of_the_same_persons_do_not_wait_for_each_other() {
    let bed = Arc::new(Bed::new().await);
    assert!(acts_of_the_same_persons(&bed).await, "lanes hang or fail");
    assert_eq!(bed.count("select count(*) from timeline").await, 60 + 8 * 15 * 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn red_without_an_order_of_locks_lanes_wait_for_each_other() {
    let bed = Arc::new(Bed::new().await);
    bed.database().switches().turn_off(LOCK_ORDER);
    // The test bed does not try again after a deadlock, as the consumer would.
    assert!(!acts_of_the_same_persons(&bed).await, "the server found no deadlock");
}
