//! Double opt-in: a "yes" counts for its purpose, is not undone by what was said before it, and never pretends.

use leadflow_nurture::mail::LinkKind;

use crate::door::{Open, message_of, open};
use crate::support::*;

const CONFIRMED: &str = "Your address is confirmed.";

async fn sent() -> (World, Open) {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.start_sender();
    world.deliver(vec![opened(1)]).await;
    world.settle().await;
    let door = open(&world).await;
    (world, door)
}

async fn stop(world: &World, door: &Open) {
    let url = door.url(world, "u", LinkKind::Unsubscribe, message_of(world, 1).await, 0);
    assert_eq!(door.client.post(&url).body("List-Unsubscribe=One-Click").send().await.unwrap().status(), 200);
}

async fn confirm(world: &World, door: &Open) -> String {
    let url = door.url(world, "d", LinkKind::Confirm, message_of(world, 1).await, 0);
    let answer = door.client.post(&url).body("action=confirm").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

const STOPPED: &str = "select count(*) from suppression where reason = 'unsubscribed'";

#[tokio::test(flavor = "multi_thread")]
async fn our_own_stop_heard_late_does_not_undo_a_newer_confirmation() {
    let (world, door) = sent().await;
    let entry = "entry: { event: { kind: consent }, reentry: always }";
    let back = journey(entry, "  - id: stay\n    wait: { for: 30d }\n  - id: again\n    email: { template: again }");
    world.publish(&back.replace("name: warm-up", "name: back")).await;
    stop(&world, &door).await;
    world.pass(1).await;
    assert!(confirm(&world, &door).await.contains(CONFIRMED));
    // What he said, as it comes through the lead: the yes, and then the stop that is older. Neither knows our consents.
    let late = happened(engaged(1, 3, "unsubscribed", &[]), at(NOW));
    world.deliver(vec![engaged(1, 2, "consent", &[]), late.clone()]).await;
    assert_eq!(world.count(STOPPED).await, 0);
    let still = "select count(*) from enrollment where journey_id = 'back' and state = 1";
    assert_eq!(world.count(still).await, 1, "a journey of the time after it goes on");
    // One that is newer stops.
    let newer = happened(engaged(1, 4, "unsubscribed", &[]), at("2026-11-24T12:00:00Z"));
    world.deliver(vec![newer]).await;
    assert_eq!(world.count(STOPPED).await, 1);
    assert_eq!(world.count(still).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_under_a_complaint_or_a_bounce_does_not_say_that_it_helped() {
    for reason in ["complaint", "hard_bounce"] {
        let (world, door) = sent().await;
        sqlx::query("insert into suppression select email_hash, $1, clock() from contact")
            .bind(reason)
            .execute(world.database.pool())
            .await
            .unwrap();
        for _ in 0..2 {
            world.pass(1).await;
            let page = confirm(&world, &door).await;
            assert!(!page.contains("confirmed") && page.contains("We cannot write to you"), "{page}");
        }
        let left: String =
            sqlx::query_scalar("select reason from suppression").fetch_one(world.database.pool()).await.unwrap();
        assert_eq!(left, reason);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_said_stop_after_he_had_confirmed_may_confirm_again() {
    let (world, door) = sent().await;
    let given = "select count(*) from consent where given and source = 'double_opt_in'";
    for round in 1..=2 {
        stop(&world, &door).await;
        assert_eq!((world.count(STOPPED).await, world.count(given).await), (1, 0));
        world.pass(1).await;
        // Twice: the second press says nothing new.
        for _ in 0..2 {
            assert!(confirm(&world, &door).await.contains(CONFIRMED));
            assert_eq!((world.count(STOPPED).await, world.count(given).await), (0, 1));
            assert_eq!(world.count("select count(*) from consent_proof where asked_at < confirmed_at").await, round);
        }
        assert_eq!(world.acts().await.len(), 2 * usize::try_from(round).unwrap());
        world.pass(1).await;
    }
    let ids: std::collections::BTreeSet<String> = world.acts().await.into_iter().map(|act| act.event_id).collect();
    assert_eq!(ids.len(), 4, "each is an event of its own");
}

/// Both at once: nobody is told that he gets mails when he gets none.
#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_at_the_very_moment_of_a_stop_asks_again() {
    let (world, door) = sent().await;
    stop(&world, &door).await;
    let page = confirm(&world, &door).await;
    assert!(!page.contains("confirmed") && page.contains("<button"), "{page}");
    assert_eq!(world.count(STOPPED).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journey_with_a_purpose_of_its_own_is_confirmed_and_stopped_by_it() {
    let world = World::new().await;
    let head = "purpose: newsletter\nentry: { stage: [open] }";
    world.publish(&journey(head, "  - id: hello\n    email: { template: hello }")).await;
    let mut first = opened(1);
    let mut consent = consent(true, "2026-10-24T10:00:00Z");
    consent.purpose = "newsletter".to_owned();
    first.lead.as_mut().unwrap().consents = vec![consent];
    world.start_sender();
    world.deliver(vec![first]).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 sent"]);
    let door = open(&world).await;
    stop(&world, &door).await;
    let no = "select count(*) from consent where purpose in ('newsletter', 'marketing_email') and not given";
    assert_eq!(world.count(no).await, 2);
    world.pass(1).await;
    assert!(confirm(&world, &door).await.contains(CONFIRMED));
    let yes = "select count(*) from consent where purpose = 'newsletter' and given and source = 'double_opt_in'";
    assert_eq!((world.count(yes).await, world.count(STOPPED).await), (1, 0));
    assert_eq!(world.count("select count(*) from consent where purpose = 'marketing_email' and given").await, 0);
    assert_eq!(world.count("select count(*) from consent_proof where purpose = 'newsletter'").await, 1);
    let acts = world.acts().await;
    assert_eq!(acts[0].consent.keys().collect::<Vec<_>>(), ["marketing_email", "newsletter"]);
    assert_eq!(acts[1].consent, [("newsletter".to_owned(), true)].into());
    // Our own word of the stop, heard only now.
    world.deliver(vec![happened(engaged(1, 2, "unsubscribed", &[]), at(NOW))]).await;
    assert_eq!(world.count(STOPPED).await, 0);
}
