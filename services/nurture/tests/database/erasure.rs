//! Erasing somebody leaves numbers and a keyed hash, and nothing that says who it was.

use leadflow_nurture::mail::LinkKind;
use leadflow_proto::qualification::v1 as lead;
use sqlx::Row as _;
use uuid::Uuid;

use crate::door::{message_of, open};
use crate::support::*;

/// Text that must be nowhere afterwards.
const CANARY: &str = "person1";

async fn everything(world: &World) -> String {
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.tables where table_schema = 'nurture' and table_name <> 'outbox'",
    )
    .fetch_all(world.database.pool())
    .await
    .unwrap();
    assert!(tables.len() > 15, "{tables:?}");
    let mut all = String::new();
    for table in tables {
        // Bytes as text: protobuf carries its strings as they are.
        let sql = format!(
            "select coalesce(string_agg(encode(convert_to(t::text, 'utf8'), 'escape'), ''), '') as rows from {table} t"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(world.database.pool()).await.unwrap();
        all += &row.get::<String, _>("rows");
    }
    all
}

fn hexadecimal(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_erasure_nothing_says_who_it_was_and_nobody_is_mailed_again() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.start_sender();
    world.deliver(vec![opened(1), opened(2)]).await;
    world.settle().await;
    let before = everything(&world).await;
    assert!(before.contains(CANARY), "the test can see it");
    world.deliver(vec![erased(1, 2)]).await;
    let after = everything(&world).await;
    assert!(!after.contains(CANARY) && !after.contains(&hexadecimal("Person 1")), "it is gone");
    assert!(after.contains("person2"), "the other one is there");
    world.pass(48).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 sent"]);
    assert_eq!(world.ledger(2).await, ["hello 1 sent", "again 1 sent"]);
    // The same address in an old file: a new lead, and no mail.
    let mut again = opened(3);
    again.lead.as_mut().unwrap().contact.as_mut().unwrap().email = email(1);
    world.deliver(vec![again]).await;
    world.settle().await;
    assert_eq!(world.ledger(3).await, ["hello 1 skipped(erased)"]);
}

/// An old file brings nobody back, but he himself can come back: he is asked, and his yes lifts it.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_erased_and_asks_again_is_asked_to_confirm() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    let ask = journey(
        "purpose: transactional\nentry: { event: { kind: form } }",
        "  - id: ask\n    email: { template: hello }",
    );
    world.publish(&ask.replace("name: warm-up", "name: ask")).await;
    world.start_sender();
    world.deliver(vec![opened(1), erased(1, 2)]).await;
    let own = |mut event: lead::LeadEvent| {
        event.lead.as_mut().unwrap().contact.as_mut().unwrap().email = email(1);
        event
    };
    world.deliver(vec![own(opened(2)), own(engaged(2, 2, "form", &[]))]).await;
    world.settle().await;
    assert_eq!(world.ledger(2).await, ["ask 1 sent", "hello 1 skipped(erased)"]);
    let door = open(&world).await;
    let asked = "select message_id from message where step = 'ask'";
    let message_id: Uuid = sqlx::query_scalar(asked).fetch_one(world.database.pool()).await.unwrap();
    world.pass(1).await;
    let url = door.url(&world, "d", LinkKind::Confirm, message_id, 0);
    assert_eq!(door.client.post(&url).body("action=confirm").send().await.unwrap().status(), 200);
    assert_eq!(world.count("select count(*) from suppression").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_covers_every_address_that_the_person_ever_had() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.start_sender();
    world.deliver(vec![opened(1), opened(2)]).await;
    world.settle().await;
    let door = open(&world).await;
    let message_id = message_of(&world, 1).await;
    // The mail to the first address is followed, and answers a question with yes.
    door.client.get(door.url(&world, "c", LinkKind::Click, message_id, 1)).send().await.unwrap();
    door.client.post(door.url(&world, "d", LinkKind::Confirm, message_id, 0)).send().await.unwrap();
    sqlx::query("insert into preference select email_hash, 'news', false, clock() from contact")
        .execute(world.database.pool())
        .await
        .unwrap();
    // No mail ever went to the second one; the third is another lead's too.
    for (sequence, address) in (2..).zip(["person1@middle.example", &email(2), "person1@present.example"]) {
        world.deliver(vec![moved(engaged(1, sequence, "page", &[]), address)]).await;
    }
    assert_eq!(world.count("select count(*) from contact where email like 'person1@%'").await, 3);
    world.deliver(vec![erased(1, 5)]).await;
    let after = everything(&world).await;
    assert!(!after.contains(CANARY), "{:?}", world.count("select count(*) from contact where email is not null").await);
    for (sql, left) in [
        ("select count(*) from contact where email is not null", 1),
        ("select count(*) from consent", 1),
        ("select count(*) from preference", 1),
        ("select count(*) from consent_proof where address is not null", 0),
        ("select count(*) from link_hit", 0),
        ("select count(*) from former_address", 0),
        ("select count(*) from suppression where reason = 'erased'", 3),
    ] {
        assert_eq!(world.count(sql).await, left, "{sql}");
    }
    assert!(after.contains("person2"), "the other one is there");
    // Old files with each of the addresses: new leads, and no mail.
    let addresses = [email(1), "person1@middle.example".to_owned(), "person1@present.example".to_owned()];
    for (n, address) in (3..).zip(&addresses) {
        world.deliver(vec![moved(opened(n), address)]).await;
        world.settle().await;
        assert_eq!(world.ledger(n).await, ["hello 1 skipped(erased)"], "{address}");
    }
    world.pass(48).await;
    world.settle().await;
    assert_eq!(world.ledger(2).await, ["hello 1 sent", "again 1 sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_finds_former_addresses_of_the_time_before_they_were_noted() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.start_sender();
    world.deliver(vec![opened(1)]).await;
    world.settle().await;
    world.deliver(vec![moved(engaged(1, 2, "page", &[]), "person1@present.example")]).await;
    sqlx::query("delete from former_address").execute(world.database.pool()).await.unwrap();
    // In one batch with the next move.
    world.deliver(vec![moved(engaged(1, 3, "page", &[]), "person1@last.example"), erased(1, 4)]).await;
    assert!(!everything(&world).await.contains(CANARY));
    assert_eq!(world.count("select count(*) from suppression where reason = 'erased'").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_names_nobody() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.start_sender();
    world.deliver(vec![opened(1)]).await;
    world.settle().await;
    let rows: Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> =
        sqlx::query_as("select key, headers, payload from outbox where topic = 6")
            .fetch_all(world.database.pool())
            .await
            .unwrap();
    assert!(rows.len() >= 5);
    for (key, headers, payload) in rows {
        for bytes in [key, headers, payload] {
            let text = String::from_utf8_lossy(&bytes).to_lowercase();
            for secret in ["person1", "person 1", "acme", "head of sales"] {
                assert!(!text.contains(secret), "{secret}: {text}");
            }
        }
    }
}
