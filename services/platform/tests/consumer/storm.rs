//! Several processes in one group that come and go while events flow: each is applied once, and in order.

use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};

use crate::support::{Noting, World};

const PARTITIONS: i32 = 6;
const ROUNDS: usize = 8;
const PER_ROUND: usize = 250;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_that_come_and_go_apply_each_event_once() {
    let world = World::new(PARTITIONS).await;
    // The seed is in the panic message of a failure, through the name of the last event.
    let mut random = rand::rngs::SmallRng::seed_from_u64(7);
    let handler = Arc::new(Noting::default());
    let mut running = vec![world.start(&handler).await, world.start(&handler).await];
    for round in 0..ROUNDS {
        for partition in 0..PARTITIONS {
            world.produce_numbered(partition, &format!("{round}-{partition}"), PER_ROUND);
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..1500))).await;
        if running.len() > 1 && random.random_bool(0.5) {
            let leaving = running.remove(random.random_range(0..running.len()));
            leaving.stop().await;
        } else {
            running.push(world.start(&handler).await);
        }
    }
    world.until_drained(usize::try_from(PARTITIONS).expect("small")).await;
    let expected = ROUNDS * PER_ROUND * usize::try_from(PARTITIONS).expect("small");
    world.check_once_in_order(expected).await;
    for running in running {
        running.stop().await;
    }
}
