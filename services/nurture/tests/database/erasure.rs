//! Erasing somebody leaves numbers and a keyed hash, and nothing that says who it was.

use sqlx::Row as _;

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
