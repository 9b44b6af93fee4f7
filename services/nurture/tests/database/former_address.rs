//! What somebody says by a mail to an address that he had before holds for the one that he has now; and a consent that is
//! withdrawn while a mail is on its way to the relay is heeded.

use leadflow_nurture::mail::LinkKind;

use crate::door::{Open, message_of, open};
use crate::support::*;

const PRESENT: &str = "person1@present.example";

/// Two mails of a journey that does not end by itself when somebody says stop: only wishes stand in the way of the second.
fn stubborn() -> String {
    two_mails().replace("entry: { stage: [open, recycled] }", "entry: { stage: [open, recycled] }\nexit: [mql]")
}

/// The first mail has arrived.
async fn sent(journey: &str) -> (World, Open) {
    let world = World::new().await;
    world.publish(journey).await;
    world.start_sender();
    world.deliver(vec![opened(1)]).await;
    world.settle().await;
    let door = open(&world).await;
    (world, door)
}

/// Then the lead got another address.
async fn sent_and_moved(journey: &str) -> (World, Open) {
    let (world, door) = sent(journey).await;
    world.deliver(vec![moved(engaged(1, 2, "page", &[]), PRESENT)]).await;
    (world, door)
}

async fn press(world: &World, door: &Open, path: &str, kind: LinkKind, body: &'static str) {
    let url = door.url(world, path, kind, message_of(world, 1).await, 0);
    let request = door.client.post(&url).header("content-type", "application/x-www-form-urlencoded").body(body);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_a_mail_to_a_former_address_stops_the_present_one_at_once() {
    for (path, kind, body) in
        [("u", LinkKind::Unsubscribe, "List-Unsubscribe=One-Click"), ("p", LinkKind::Preferences, "action=unsubscribe")]
    {
        let (world, door) = sent_and_moved(&stubborn()).await;
        for _ in 0..2 {
            press(&world, &door, path, kind, body).await;
        }
        let withdrawn = "select count(*) from consent where purpose = 'marketing_email' and not given";
        assert_eq!(world.count(withdrawn).await, 2, "{path}");
        assert_eq!(world.count("select count(*) from suppression where reason = 'unsubscribed'").await, 2);
        let acts = world.acts().await;
        assert_eq!(
            (acts.len(), acts[0].email.as_str()),
            (1, email(1).as_str()),
            "told once, by the address of the mail"
        );
        world.pass(48).await;
        world.settle().await;
        assert_eq!(world.ledger(1).await, ["hello 1 sent", "again 1 skipped(unsubscribed)"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_a_mail_to_a_former_address_ends_journeys() {
    let (world, door) = sent_and_moved(&two_mails()).await;
    press(&world, &door, "u", LinkKind::Unsubscribe, "List-Unsubscribe=One-Click").await;
    assert_eq!(world.count("select count(*) from enrollment where end_reason = 'unsubscribed'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_a_mail_that_is_in_data_to_the_present_address() {
    let (world, door) = sent_and_moved(&stubborn()).await;
    let url = door.url(&world, "u", LinkKind::Unsubscribe, message_of(&world, 1).await, 0);
    world.stop_senders();
    world.pass(48).await;
    world.tick().await;
    let begun = "update message set state = 2, sending_at = clock(), lease_until = clock() + interval '5 minutes' where state = 1";
    assert_eq!(sqlx::query(begun).execute(world.database.pool()).await.unwrap().rows_affected(), 1);
    let client = door.client.clone();
    let request = client.post(&url).body("List-Unsubscribe=One-Click").send();
    let page = async {
        while world.count("select count(*) from suppression").await == 0 {
            tokio::task::yield_now().await;
        }
        // Whoever does not wait has answered before any of these is answered.
        for _ in 0..20 {
            assert_eq!(door.client.get(&url).send().await.unwrap().status(), 200);
        }
        sqlx::query("update message set state = 3, settled_at = clock(), reason = 'over' where state = 2")
            .execute(world.database.pool())
            .await
            .unwrap();
    };
    let answered = async {
        let answer = request.await.unwrap();
        (answer.status(), world.count("select count(*) from message where reason = 'over'").await)
    };
    let (answer, ()) = tokio::join!(answered, page);
    assert_eq!(answer, (reqwest::StatusCode::OK, 1), "the mail was over when it was answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_turned_off_in_an_old_mail_is_off_at_the_present_address() {
    let world = World::with(leadflow_mailbox::Script::default(), "topics: { news: News }\n").await;
    world.publish(&two_mails().replace("{ template: again }", "{ template: again, topic: news }")).await;
    world.start_sender();
    world.deliver(vec![opened(1)]).await;
    world.settle().await;
    world.deliver(vec![moved(engaged(1, 2, "page", &[]), PRESENT)]).await;
    let door = open(&world).await;
    press(&world, &door, "p", LinkKind::Preferences, "action=topics").await;
    world.pass(48).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 sent", "again 1 skipped(topic_off)"]);
}

/// The page of an old mail shows what holds now, and its button is there as long as one address may get mails.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_mail_whose_address_bounced_still_offers_the_stop() {
    let (world, door) = sent_and_moved(&stubborn()).await;
    let message_id = message_of(&world, 1).await;
    let bounced = "insert into suppression select email_hash, 'hard_bounce', clock() from message where state = 3";
    sqlx::query(bounced).execute(world.database.pool()).await.unwrap();
    let url = door.url(&world, "p", LinkKind::Preferences, message_id, 0);
    let page = door.client.get(&url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Unsubscribe from everything"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_said_stop_is_not_mailed_at_an_address_of_which_we_hear_later() {
    let (world, door) = sent(&stubborn()).await;
    press(&world, &door, "u", LinkKind::Unsubscribe, "List-Unsubscribe=One-Click").await;
    // Decided before qualification heard of the stop: it says that all is well.
    world.deliver(vec![moved(engaged(1, 2, "page", &[]), PRESENT)]).await;
    world.pass(48).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 sent", "again 1 skipped(unsubscribed)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_came_back_with_another_address_is_mailed_there() {
    let (world, door) = sent(&stubborn()).await;
    press(&world, &door, "u", LinkKind::Unsubscribe, "List-Unsubscribe=One-Click").await;
    let mut back = moved(engaged(1, 2, "form", &[]), PRESENT);
    back.lead.as_mut().unwrap().consents = vec![consent(true, "2026-11-24T11:00:00Z")];
    world.deliver(vec![back]).await;
    world.pass(48).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 sent", "again 1 sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_shows_former_addresses_but_none_that_is_somebody_elses() {
    let world = World::new().await;
    world.deliver(vec![opened(1), opened(2)]).await;
    for (sequence, address) in (2..).zip([&email(2), PRESENT]) {
        world.deliver(vec![moved(engaged(1, sequence, "page", &[]), address)]).await;
    }
    let present = world.intake.hash(Some(PRESENT), lead_id(1));
    let document = world.desk().export(&present).await.unwrap();
    assert_eq!(document["email"], PRESENT);
    let former = document["former_addresses"].as_array().unwrap();
    assert_eq!((former.len(), former[0]["email"].as_str().unwrap()), (1, email(1).as_str()));
    assert_eq!(former[0]["consents"][0]["purpose"], "marketing_email");
}

/// A lead event says that the consent is gone, at the very moment between the claim of a mail and its DATA.
#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_is_withdrawn_after_the_claim_is_heeded() {
    let world = World::new().await;
    for sql in [
        "create function withdraw() returns trigger language plpgsql as $$ begin
             update consent set given = false where email_hash = new.email_hash;
             return null;
         end $$",
        "create trigger withdraw after update on message for each row
             when (old.lease_owner is null and new.lease_owner is not null) execute function withdraw()",
    ] {
        sqlx::query(sql).execute(world.database.pool()).await.unwrap();
    }
    world.publish(&stubborn()).await;
    world.deliver(vec![opened(1)]).await;
    world.start_sender();
    world.mails_rest().await;
    assert_eq!(world.ledger(1).await, ["hello 1 skipped(consent_withdrawn)"]);
    assert!(world.arrived_mails().is_empty());
}
