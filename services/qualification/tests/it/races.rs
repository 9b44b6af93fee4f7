//! Sixteen lanes at once on one person: every batch is applied, no deadlock is left, and the person is as if they had come
//! one after the other.

use std::sync::Arc;

use leadflow_proto::engagement::v1::EngagementEvent;

use crate::bed::{Bed, Events};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_lanes_merging_one_person_leave_no_deadlock_and_lose_nothing() {
    let bed = Arc::new(Bed::new().await);
    let make = Events { now: bed.now().await };
    let lanes: Vec<Vec<EngagementEvent>> = (0..16_i64)
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
        .collect();
    let mut running = tokio::task::JoinSet::new();
    for lane in lanes.clone() {
        let bed = Arc::clone(&bed);
        running.spawn(async move {
            for batch in lane.chunks(3) {
                bed.apply(batch).await;
            }
        });
    }
    let done = tokio::time::timeout(std::time::Duration::from_secs(120), running.join_all()).await;
    assert!(done.is_ok(), "lanes hang");
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
