//! Unsubscribe against sending: whoever commits first is first, and nothing begins after a stop.

use std::sync::Arc;

use leadflow_nurture::mail::LinkKind;

use crate::door::{message_of, open};
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_journeys_skips_what_waits_and_is_told_once() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.start_sender();
    world.deliver(vec![opened(1)]).await;
    world.settle().await;
    let door = open(&world).await;
    let url = door.url(&world, "u", LinkKind::Unsubscribe, message_of(&world, 1).await, 0);
    for _ in 0..2 {
        let answer = door.client.post(&url).body("List-Unsubscribe=One-Click").send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let acts = world.acts().await;
    assert_eq!(acts.len(), 1, "told once");
    assert!(!acts[0].consent["marketing_email"]);
    assert_eq!(world.story(1).await.last().unwrap(), "exited pause");
    world.pass(48).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 sent"]);
}

/// People of a round: as many as say stop while the sender is at their mails.
const ROUND: usize = 200;

/// Stops against senders, many at a time. How many mails began although a stop stood there, sent, skipped.
async fn race(world: &World, people: std::ops::RangeInclusive<u128>) -> (i64, i64, i64) {
    world.deliver(people.clone().map(opened).collect()).await;
    let door = Arc::new(open(world).await);
    let mut urls = Vec::new();
    for n in people {
        urls.push(door.url(world, "u", LinkKind::Unsubscribe, message_of(world, n).await, 0));
    }
    world.start_sender();
    let stop = |(number, url): (usize, String)| {
        let door = Arc::clone(&door);
        async move {
            tokio::time::sleep(std::time::Duration::from_millis(u64::try_from(number % 97).unwrap() * 7)).await;
            // A door that is overrun says so, and whoever asks comes again: only 200 is an answer.
            for _ in 0..60 {
                let answer = door.client.post(&url).body("List-Unsubscribe=One-Click").send().await.unwrap();
                if answer.status() == 200 {
                    return;
                }
                assert_eq!(answer.status(), 503);
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            }
            panic!("the door did not answer");
        }
    };
    futures::future::join_all(urls.into_iter().enumerate().map(stop)).await;
    world.mails_rest().await;
    world.stop_senders();
    (
        world.count("select count(*) from message where begun_after_stop").await,
        world.count("select count(*) from message where state = 3").await,
        world.count("select count(*) from message where state = 6").await,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn no_mail_begins_after_a_stop() {
    // LEADFLOW_RACES=10000 is the long form.
    let people: u128 = std::env::var("LEADFLOW_RACES").ok().and_then(|text| text.parse().ok()).unwrap_or(400);
    let world = watched().await;
    let (mut sent, mut skipped) = (0, 0);
    for first in (1..=people).step_by(ROUND) {
        let wrong;
        (wrong, sent, skipped) = race(&world, first..=people.min(first + ROUND as u128 - 1)).await;
        assert_eq!(wrong, 0);
    }
    assert_eq!(u128::try_from(sent + skipped).unwrap(), people);
    assert!(sent > 0 && skipped > 0, "both came first at times: {sent} sent, {skipped} skipped");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_last_look_mails_would_begin_after_a_stop() {
    let world = watched().await;
    world.database.switches().turn_off(leadflow_nurture::sender::LAST_LOOK);
    for round in 0..10 {
        let first = round * ROUND as u128;
        if race(&world, first + 1..=first + ROUND as u128).await.0 > 0 {
            return;
        }
    }
    panic!("two thousand races, and the look was never needed");
}

/// The door does not wait for what the lead topic tells, and what the topic tells late takes nothing back: for ten minutes
/// everything that qualification says comes ten minutes late, and all of it still says that marketing mails are allowed.
#[tokio::test(flavor = "multi_thread")]
async fn however_late_the_lead_topic_is_no_mail_begins_after_a_stop() {
    const PEOPLE: u128 = 40;
    const MINUTES: usize = 22;
    const LAG: usize = 10;
    let world = watched().await;
    let mails = (0..10).map(|n| {
        format!("  - id: mail{n}\n    email: {{ template: hello }}\n  - id: pause{n}\n    wait: {{ for: 2m }}\n")
    });
    let journey = journey("entry: { stage: [open] }\nexit: [mql]", &mails.collect::<String>());
    world.publish(&journey.replace("name: warm-up", "name: every-two-minutes")).await;
    world.deliver((1..=PEOPLE).map(opened).collect()).await;
    let door = open(&world).await;
    world.start_sender();
    let mut late = std::collections::VecDeque::new();
    for minute in 0..MINUTES {
        world.settle().await;
        // Two say stop in every minute of the first half; everybody is seen on the web site.
        for n in (2 * minute as u128 + 1..=2 * minute as u128 + 2).filter(|n| *n <= PEOPLE / 2) {
            let url = door.url(&world, "u", LinkKind::Unsubscribe, message_of(&world, n).await, 0);
            assert_eq!(door.client.post(&url).body("List-Unsubscribe=One-Click").send().await.unwrap().status(), 200);
        }
        let sequence = i32::try_from(minute).unwrap() + 2;
        late.push_back((1..=PEOPLE).map(|n| engaged(n, sequence, "page", &[])).collect::<Vec<_>>());
        if late.len() > LAG {
            world.deliver(late.pop_front().unwrap()).await;
        }
        world.pass_minutes(1).await;
    }
    world.settle().await;
    assert_eq!(world.count("select count(*) from message where begun_after_stop").await, 0);
    let by_lead = "select count(*) filter (where n = 11), count(*) filter (where n < 11) from
        (select count(*) filter (where state = 3) as n from message group by lead_id) of_lead";
    let (all, fewer): (i64, i64) = sqlx::query_as(by_lead).fetch_one(world.database.pool()).await.unwrap();
    assert_eq!((all, fewer), (20, 20), "whoever said nothing got all eleven mails, the others fewer");
}

/// A world with the oracle's own column: whether a stop stood there, committed, when a mail was marked. Both sides hold the
/// lock of the contact until they commit, so one of them is first.
async fn watched() -> World {
    let world = World::new().await;
    for sql in [
        "alter table message add column begun_after_stop boolean",
        "create function watch_begin() returns trigger language plpgsql as $$ begin
             if new.state = 2 and old.state = 1 then
                 new.begun_after_stop = exists (select from suppression s where s.email_hash = new.email_hash);
             end if;
             return new;
         end $$",
        "create trigger watch_begin before update on message for each row execute function watch_begin()",
    ] {
        sqlx::query(sql).execute(world.database.pool()).await.unwrap();
    }
    // A journey that does not end by itself when somebody says stop: nothing but the look stands between them.
    let head = "entry: { stage: [open] }\nexit: [mql]";
    world
        .publish(&journey(head, "  - id: hello\n    email: { template: hello }\n  - id: stay\n    wait: { for: 30d }"))
        .await;
    world
}
