//! The end of a process: what is under way gets its last word as long as the drain allows, and nothing is lost or said twice.

use std::time::Duration;

use leadflow_mailbox::{Fault, Script};
use leadflow_nurture::config::NurtureConfig;
use leadflow_platform::health::Health;
use leadflow_platform::run::{DRAIN, Tasks};

use crate::support::*;

/// A relay that takes its time, as relays do.
fn patient(config: &mut NurtureConfig) {
    let slow = serde_saphyr::from_str("{ command: 60, data: 60, body: 60, final_reply: 120 }").unwrap();
    config.smtp.timeouts = slow;
}

async fn until(world: &World, sql: &'static str, expected: i64) {
    for _ in 0..400 {
        if world.count(sql).await == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{sql} never came to {expected}");
}

const SENDING: &str = "select count(*) from message where state = 2";

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_waits_for_the_last_word_and_ends_in_order_without_it() {
    let faults =
        [(1, Fault::HangAfterBody), (2, Fault::HangAfterBody), (3, Fault::KeepAndDrip), (4, Fault::HangAtRcpt)];
    let pinned = faults.map(|(n, fault)| (email(n), fault)).into();
    let world = World::configured(Script { hang_seconds: 90.0, pinned, ..Script::default() }, "", patient).await;
    let steps = "  - id: hello\n    email: { template: hello }";
    world.publish(&journey("entry: { stage: [open] }", steps)).await;
    world.deliver((1..=4).map(opened).collect()).await;
    let tasks = Tasks::new();
    world.sender(&tasks).start(&tasks, &Health::new());
    let kept = "select count(*) from message where state in (2, 3) or lease_owner is not null";
    until(&world, kept, 4).await;
    until(&world, SENDING, 3).await;
    // All four turns are taken: this one waits for one.
    world.deliver(vec![opened(5)]).await;
    let ended = tasks.run_until(std::future::ready(()), DRAIN).await;
    assert!(ended.is_ok(), "{ended:?}");
    // Nobody but the relay knows whether it has them.
    assert_eq!(world.ledger(1).await, ["hello 1 uncertain(no_reply)"]);
    assert_eq!(world.ledger(2).await, ["hello 1 uncertain(no_reply)"]);
    assert_eq!(world.ledger(3).await, ["hello 1 sent"]);
    // These were not said: another process may have them at once.
    for n in [4, 5] {
        assert_eq!(world.ledger(n).await, ["hello 1 queued"]);
    }
    let free = "select count(*) from message where state = 1 and lease_owner is null and attempt = 0 and not_before <= clock()";
    assert_eq!(world.count(free).await, 2);
}
