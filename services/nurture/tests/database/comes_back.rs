//! What comes back: replies, bounces, complaints, delivery reports, through qualification.

use leadflow_proto::qualification::v1::lead_event::Fact;

use crate::door::message_of;
use crate::support::*;

async fn sent() -> World {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.start_sender();
    world.deliver(vec![opened(1), opened(2)]).await;
    world.settle().await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_stops_the_journey_and_is_counted() {
    let world = sent().await;
    let id = format!("<{}@seller.example>", message_of(&world, 1).await);
    world.deliver(vec![engaged(1, 2, "email_replied", &[("in_reply_to", &id)])]).await;
    world.pass(72).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 sent"]);
    assert_eq!(
        world.count("select count(*) from enrollment where end_reason = 'replied' and replied_at is not null").await,
        1
    );
    assert_eq!(world.count("select count(*) from message where replied_at is not null").await, 1);
    assert_eq!(world.ledger(2).await, ["hello 1 sent", "again 1 sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auto_reply_is_no_reply() {
    let world = sent().await;
    let mut automatic = engaged(1, 2, "email_replied", &[]);
    if let Some(Fact::Engaged(engaged)) = &mut automatic.fact {
        engaged.bot_reason = "auto_reply".to_owned();
    }
    world.deliver(vec![automatic]).await;
    world.pass(48).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 sent", "again 1 sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hard_bounce_suppresses_the_address_that_bounced_and_a_soft_one_does_not() {
    let world = sent().await;
    let id = format!("{}@seller.example", message_of(&world, 1).await);
    // The lead has another address by now; the bounce is about the old one.
    let mut bounced = engaged(1, 2, "email_bounced", &[("message_id", &id), ("bounce_class", "hard")]);
    bounced.lead.as_mut().unwrap().contact.as_mut().unwrap().email = "other@acme1.example".to_owned();
    if let Some(Fact::Engaged(engaged)) = &mut bounced.fact {
        engaged.bot_reason = "bounce".to_owned();
    }
    let soft = engaged(2, 2, "email_bounced", &[("bounce_class", "soft")]);
    world.deliver(vec![bounced, soft]).await;
    assert_eq!(world.count("select count(*) from suppression where reason = 'hard_bounce'").await, 1);
    let suppressed: bool = sqlx::query_scalar(
        "select exists (select from suppression s join message m using (email_hash) where m.lead_id = $1)",
    )
    .bind(lead_id(1))
    .fetch_one(world.database.pool())
    .await
    .unwrap();
    assert!(suppressed, "the address that the mail went to");
    assert_eq!(world.count("select count(*) from report where kind = 'hard_bounce'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_settles_what_nobody_knew() {
    let world = sent().await;
    sqlx::query("update message set state = 5, reason = 'lost'").execute(world.database.pool()).await.unwrap();
    let (first, second) = (message_of(&world, 1).await, message_of(&world, 2).await);
    let delivered = engaged(1, 2, "email_delivered", &[("message_id", &first.to_string())]);
    let bounced = engaged(2, 2, "email_bounced", &[("message_id", &second.to_string()), ("bounce_class", "soft")]);
    world.deliver(vec![delivered, bounced]).await;
    assert_eq!(world.ledger(1).await, ["hello 1 sent"]);
    assert_eq!(world.ledger(2).await, ["hello 1 failed(bounced)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsubscribe_that_is_older_than_a_new_consent_does_not_stop_anybody() {
    let world = sent().await;
    // Told late; meanwhile the person has come back.
    let mut late = engaged(1, 2, "unsubscribed", &[]);
    if let Some(Fact::Engaged(engaged)) = &mut late.fact {
        engaged.occurred_at = Some(leadflow_nurture::wire::to_proto_time(at("2026-11-01T00:00:00Z")));
    }
    late.lead.as_mut().unwrap().consents = vec![consent(true, "2026-11-10T00:00:00Z")];
    let stop = engaged(2, 2, "unsubscribed", &[]);
    world.deliver(vec![late, stop]).await;
    assert_eq!(world.count("select count(*) from suppression where reason = 'unsubscribed'").await, 1);
}
