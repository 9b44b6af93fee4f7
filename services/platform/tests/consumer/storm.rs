//! Several processes in one group that come and go while events flow: each is applied once, and in order.
//!
//! `LEADFLOW_TEST_STORM=full` runs the large form: up to eight consumers, 64 comings and goings, 32 partitions, 102,400 events.

use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};

use crate::support::{Noting, World};

struct Size {
    partitions: i32,
    rounds: usize,
    per_round: usize,
    consumers: usize,
}

const QUICK: Size = Size { partitions: 6, rounds: 8, per_round: 250, consumers: 4 };
const FULL: Size = Size { partitions: 32, rounds: 64, per_round: 50, consumers: 8 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_that_come_and_go_apply_each_event_once() {
    let full = std::env::var("LEADFLOW_TEST_STORM").is_ok_and(|form| form == "full");
    let size = if full { FULL } else { QUICK };
    let world = World::new(size.partitions).await;
    let mut random = rand::rngs::SmallRng::seed_from_u64(7);
    let handler = Arc::new(Noting::default());
    let mut running = vec![world.start(&handler).await];
    for round in 0..size.rounds {
        for partition in 0..size.partitions {
            world.produce_numbered(partition, &format!("{round}-{partition}"), size.per_round);
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..1000))).await;
        if running.len() == size.consumers || (running.len() > 1 && random.random_bool(0.4)) {
            let leaving = running.remove(random.random_range(0..running.len()));
            leaving.stop().await;
        } else {
            running.push(world.start(&handler).await);
        }
    }
    let partitions = usize::try_from(size.partitions).expect("small");
    world.until_drained(partitions).await;
    world.check_once_in_order(size.rounds * size.per_round * partitions).await;
    for running in running {
        running.stop().await;
    }
}
