//! A test mail: its links show what they would show everybody, and change nothing.

use leadflow_nurture::domain::verdict::HONEYPOT;
use leadflow_nurture::mail::LinkKind;
use leadflow_platform::timers::Next;
use leadflow_proto::nurture::v1::SendTestRequest;
use uuid::Uuid;

use crate::door::{Open, open};
use crate::support::*;

const NOTE: &str = "This page belongs to a test mail. Nothing is changed by it.";

async fn send_test(world: &World, lead_id: &str) -> Uuid {
    let request = SendTestRequest {
        body: two_mails().into_bytes(),
        to: "marketer@seller.example".to_owned(),
        lead_id: lead_id.to_owned(),
        ..SendTestRequest::default()
    };
    world.desk().send_test(request).await.unwrap().message_id.parse().unwrap()
}

async fn text(request: reqwest::RequestBuilder) -> String {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_links_of_a_test_mail_lead_somewhere_and_change_nothing() {
    let world = World::with(leadflow_mailbox::Script::default(), "topics: { news: News }\n").await;
    let message_id = send_test(&world, "").await;
    assert_eq!(world.arrived_mails()["marketer@seller.example"].len(), 1);
    let door = open(&world).await;
    let click = |number| door.client.get(door.url(&world, "c", LinkKind::Click, message_id, number)).send();
    for (number, destination) in
        [(1, "https://www.seller.example/guide?for=teams"), (2, "https://www.seller.example/prices")]
    {
        let answer = click(number).await.unwrap();
        assert_eq!(answer.status(), 302);
        assert_eq!(answer.headers()["location"], destination);
    }
    for number in [0, 3, HONEYPOT as u16] {
        let answer = click(number).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers().contains_key("location")), (404, false), "{number}");
    }
    pages(&world, &door, message_id).await;
    let picture = door.client.get(door.url(&world, "o", LinkKind::Open, message_id, 0) + ".gif").send().await.unwrap();
    assert_eq!(picture.status(), 200);
    // A token of another kind is none.
    let wrong = door.client.get(door.url(&world, "u", LinkKind::Click, message_id, 1)).send().await.unwrap();
    assert_eq!(wrong.status(), 404);
    for table in ["message", "link_hit", "consent", "suppression", "preference", "consent_proof", "contact", "outbox"] {
        let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {table}")))
            .fetch_one(world.database.pool())
            .await
            .unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    world.pass(1).await;
    assert_eq!(world.door.judge().await.unwrap(), Next::Rest, "nothing waits to be judged");
}

/// Every page is the one that people see, with a note.
async fn pages(world: &World, door: &Open, message_id: Uuid) {
    for (path, kind, body, asks, says) in [
        ("u", LinkKind::Unsubscribe, "List-Unsubscribe=One-Click", "Press the button", "You are unsubscribed"),
        ("p", LinkKind::Preferences, "action=topics", "News", "News"),
        ("p", LinkKind::Preferences, "action=unsubscribe", "Unsubscribe from everything", "News"),
        ("d", LinkKind::Confirm, "action=confirm", "Yes, write to me", "Your address is confirmed."),
    ] {
        let url = door.url(world, path, kind, message_id, 0);
        let page = text(door.client.get(&url)).await;
        assert!(page.contains(asks) && page.contains(NOTE) && page.contains("<button"), "{page}");
        let form = door.client.post(&url).header("content-type", "application/x-www-form-urlencoded");
        let page = text(form.body(body)).await;
        assert!(page.contains(says) && page.contains(NOTE), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_mail_with_the_words_of_a_lead_is_forgotten_with_it_and_others_after_a_month() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.deliver(vec![opened(1)]).await;
    send_test(&world, &lead_id(1).to_string()).await;
    send_test(&world, "").await;
    assert_eq!(world.count("select count(*) from sample").await, 2);
    world.deliver(vec![erased(1, 2)]).await;
    assert_eq!(world.count("select count(*) from sample where lead_id is null").await, 1);
    assert_eq!(world.count("select count(*) from sample").await, 1);
    world.pass(31 * 24).await;
    send_test(&world, "").await;
    assert_eq!(world.count("select count(*) from sample").await, 1);
}
