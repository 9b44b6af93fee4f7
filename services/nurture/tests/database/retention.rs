//! What only explains is forgotten after half a year; what keeps a promise stays.

use leadflow_nurture::mail::LinkKind;
use leadflow_nurture::retention;
use leadflow_platform::timers::Next;

use crate::door::{message_of, open};
use crate::support::*;

/// Rows of the tables that are pruned, and of those that are not.
async fn rows(world: &World) -> ([i64; 4], [i64; 4]) {
    let count = async |table: &str| -> i64 {
        let sql = format!("select count(*) from {table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(world.database.pool()).await.unwrap()
    };
    let pruned = [count("decision").await, count("link_hit").await, count("webhook_call").await, count("report").await];
    let kept = [count("message").await, count("enrollment").await, count("suppression").await, count("consent").await];
    (pruned, kept)
}

async fn prune(world: &World) {
    while retention::step(&world.database).await.unwrap() == Next::AtOnce {}
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_explains_goes_after_half_a_year_and_the_ledger_stays() {
    let world = World::new().await;
    let steps = "  - id: hello\n    email: { template: hello }\n  - id: crm\n    webhook: { endpoint: crm }\n  - id: stay\n    wait: { for: 300d }";
    let journey = journey("entry: { stage: [open] }\nexit: [mql]", steps);
    world.publish(&journey).await;
    world.start_sender();
    world.deliver(vec![opened(1), opened(2)]).await;
    world.settle().await;
    let (door, message_id) = (open(&world).await, message_of(&world, 1).await);
    for number in [1, 2] {
        let answer = door.client.get(door.url(&world, "c", LinkKind::Click, message_id, number)).send().await.unwrap();
        assert_eq!(answer.status(), 302);
        world.pass(1).await;
    }
    world.door.judge().await.unwrap();
    let id = format!("{message_id}@seller.example");
    world.deliver(vec![engaged(1, 2, "email_complained", &[("message_id", &id)])]).await;
    // One call is over, the other one waits.
    let over = "update webhook_call set state = 2, body = '', settled_at = clock() where lead_id = $1";
    sqlx::query(over).bind(lead_id(1)).execute(world.database.pool()).await.unwrap();

    let before = rows(&world).await;
    assert!(before.0[0] >= 6 && before.0[1..] == [2, 2, 1] && before.1 == [2, 2, 1, 2], "{before:?}");
    prune(&world).await;
    assert_eq!(rows(&world).await, before, "nothing is old yet");
    world.pass(26 * 7 * 24 - 24).await;
    prune(&world).await;
    assert_eq!(rows(&world).await, before, "nor half a year later but for a day");
    world.pass(48).await;
    // Of today, and a hit that nobody has judged.
    world.deliver(vec![opened(3)]).await;
    sqlx::query("update link_hit set verdict = 0 where link_no = 2").execute(world.database.pool()).await.unwrap();
    prune(&world).await;
    let after = rows(&world).await;
    assert_eq!(after.0[1..], [1, 1, 0], "the hit that was not judged, the call that waits");
    assert_eq!(world.count("select count(*) from decision where at < clock() - interval '1 day'").await, 0);
    assert!(after.0[0] > 0, "decisions of today are there");
    assert_eq!(after.1, [3, 3, 1, 3], "the ledger, who was where, and what people said");
    // Never twice: the old mails are still known.
    world.deliver(vec![opened(1), opened(2)]).await;
    world.settle().await;
    assert_eq!(world.arrived_mails()[&email(2)].len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_goes_page_by_page_and_nobody_waits_for_a_lock() {
    let world = World::new().await;
    let sql = "insert into link_hit (message_id, link_no, at, method, verdict, visitor)
               select gen_random_uuid(), 1, clock() - interval '200 days', 'GET', 2, 'x' from generate_series(1, 7000)";
    sqlx::query(sql).execute(world.database.pool()).await.unwrap();
    // As an erasure holds it.
    let mut tx = world.database.write_tx("test").await.unwrap();
    let lock = "select from link_hit where link_hit_id = (select min(link_hit_id) from link_hit) for update";
    sqlx::query(lock).execute(tx.connection()).await.unwrap();
    assert_eq!(retention::step(&world.database).await.unwrap(), Next::AtOnce);
    assert_eq!(retention::step(&world.database).await.unwrap(), Next::Rest);
    assert_eq!(world.count("select count(*) from link_hit").await, 1, "the one that is held");
    tx.commit().await.unwrap();
    prune(&world).await;
    assert_eq!(world.count("select count(*) from link_hit").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_is_found_without_reading_the_whole_table() {
    let world = World::new().await;
    let sql = "insert into link_hit (message_id, link_no, at, method, verdict, visitor)
               select gen_random_uuid(), 1, timestamptz '2020-01-01' + i * interval '1 minute', 'GET', 2, 'x'
               from generate_series(1, 20000) i";
    sqlx::query(sql).execute(world.database.pool()).await.unwrap();
    sqlx::query("select brin_summarize_new_values('link_hit_age')").execute(world.database.pool()).await.unwrap();
    sqlx::query("analyze link_hit").execute(world.database.pool()).await.unwrap();
    let plan: Vec<String> = sqlx::query_scalar(
        "explain select link_hit_id from link_hit where at < timestamptz '2020-01-02' and verdict <> 0 limit 5000",
    )
    .fetch_all(world.database.pool())
    .await
    .unwrap();
    assert!(plan.iter().any(|line| line.contains("link_hit_age")), "{plan:#?}");
}
