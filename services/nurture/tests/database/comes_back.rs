//! What comes back: replies, bounces, complaints, delivery reports, through qualification.

use leadflow_proto::qualification::v1::lead_event::Fact;

use crate::door::message_of;
use crate::support::*;

async fn sent() -> World {
    sent_to(2).await
}

async fn sent_to(people: u128) -> World {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.start_sender();
    world.deliver((1..=people).map(opened).collect()).await;
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

/// Anybody can write a mail in somebody's name, with whatever he likes in its headers.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_names_no_mail_that_went_to_the_lead_ends_nothing() {
    let world = sent().await;
    let of_another = message_of(&world, 2).await;
    let signed = |id| {
        let address = world.door.signer.reply_address(id, "seller.example");
        address["reply+".len()..address.find('@').unwrap()].to_owned()
    };
    let (nobodys, token_of_another) = (uuid::Uuid::nil(), signed(of_another));
    let (made_up, of_no_mail) = ("A".repeat(52), signed(nobodys));
    let forged = [
        ("in_reply_to", format!("{nobodys}@seller.example")),
        ("in_reply_to", format!("{of_another}@seller.example")),
        ("in_reply_to", "CAF1@mail.buyer.example".to_owned()),
        ("reply_token", made_up),
        ("reply_token", of_no_mail),
        ("reply_token", token_of_another),
    ];
    for (sequence, (name, value)) in (2..).zip(&forged) {
        world.deliver(vec![engaged(1, sequence, "email_replied", &[(name, value)])]).await;
    }
    assert_eq!(
        world.count("select count(*) from enrollment where replied_at is not null or end_reason <> ''").await,
        0
    );
    assert_eq!(world.count("select count(*) from message where replied_at is not null").await, 0);
    // The signed address says it, whatever else the headers say.
    let token = signed(message_of(&world, 1).await);
    let answer = [("in_reply_to", forged[0].1.as_str()), ("reply_token", token.as_str())];
    world.deliver(vec![engaged(1, 20, "email_replied", &answer)]).await;
    assert_eq!(world.count("select count(*) from enrollment where end_reason = 'replied'").await, 1);
    assert_eq!(world.count("select count(*) from message where replied_at is not null").await, 1);
}

/// Nor does a complaint that somebody made up.
#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_complaint_ends_no_journey() {
    let world = sent().await;
    world.deliver(vec![engaged(1, 2, "email_complained", &[])]).await;
    assert_eq!(world.count("select count(*) from enrollment where end_reason <> ''").await, 0);
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

/// A report of this kind on lead `n` that names this mail.
fn report_on(n: u128, sequence: i32, kind: &str, message_id: &str) -> leadflow_proto::qualification::v1::LeadEvent {
    let mut event = engaged(n, sequence, kind, &[("message_id", message_id), ("bounce_class", "hard")]);
    if let Some(Fact::Engaged(engaged)) = &mut event.fact {
        engaged.bot_reason = "bounce".to_owned();
    }
    event
}

async fn suppressed(world: &World) -> Vec<String> {
    let sql = "select s.reason from suppression s order by s.at, s.reason";
    sqlx::query_scalar(sql).fetch_all(world.database.pool()).await.unwrap()
}

async fn state(world: &World, n: u128, state: i16, reason: &str) {
    sqlx::query("update message set state = $2, reason = $3 where lead_id = $1")
        .bind(lead_id(n))
        .bind(state)
        .bind(reason)
        .execute(world.database.pool())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_or_complaint_that_somebody_made_up_changes_nothing() {
    let world = sent().await;
    let own = message_of(&world, 1).await.to_string();
    let of_another = message_of(&world, 2).await.to_string();
    let nobodys = uuid::Uuid::from_u128(7).to_string();
    let mut sequence = 1;
    for kind in ["email_bounced", "email_complained", "email_delivered"] {
        // It names nothing, a mail that there is not, one that went to somebody else.
        for named in ["", "nonsense", &nobodys, &of_another] {
            sequence += 1;
            world.deliver(vec![report_on(1, sequence, kind, named)]).await;
        }
        // It names a mail of ours that did not leave: it waits, was refused by the relay, was skipped.
        for (number, reason) in [(1, ""), (4, "refused"), (6, "mql")] {
            state(&world, 1, number, reason).await;
            sequence += 1;
            world.deliver(vec![report_on(1, sequence, kind, &own)]).await;
        }
        assert_eq!(suppressed(&world).await, [""; 0], "{kind}");
    }
    assert_eq!(world.count("select count(*) from report").await, 0, "no brake is pulled by it");
    assert_eq!(world.count("select count(*) from message where delivered_at is not null").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_names_a_mail_that_left_counts_whatever_is_known_of_it() {
    for (kind, reason) in [("email_bounced", "hard_bounce"), ("email_complained", "complaint")] {
        let world = sent_to(4).await;
        // In DATA, at the relay, nobody knows, came back before.
        for (n, number, before) in [(1, 2, ""), (2, 3, ""), (3, 5, "lost"), (4, 4, "bounced")] {
            let own = message_of(&world, n).await.to_string();
            state(&world, n, number, before).await;
            world.deliver(vec![report_on(n, 2, kind, &own)]).await;
            let so_far = vec![reason; usize::try_from(n).unwrap()];
            assert_eq!(suppressed(&world).await, so_far, "{kind} of a mail in state {number}");
        }
        assert_eq!(world.count("select count(*) from report").await, 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_on_another_lead_of_the_same_address_counts() {
    let world = sent().await;
    let own = message_of(&world, 1).await.to_string();
    let mut again = report_on(3, 1, "email_bounced", &own);
    again.lead.as_mut().unwrap().contact.as_mut().unwrap().email = email(1);
    world.deliver(vec![again]).await;
    assert_eq!(suppressed(&world).await, ["hard_bounce"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_evidence_anybody_could_keep_us_from_writing_to_somebody() {
    let world = sent().await;
    world.database.switches().turn_off(leadflow_nurture::handler::REPORTS_NAME_A_MAIL);
    world.deliver(vec![report_on(1, 2, "email_bounced", "")]).await;
    assert_eq!(suppressed(&world).await, ["hard_bounce"], "what the mechanism prevents");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_with_ids_of_its_own_is_told_ours() {
    let postmark = |config: &mut leadflow_nurture::NurtureConfig| {
        config.sender.provider = Some(leadflow_nurture::config::Provider::Postmark);
    };
    let world = World::configured(leadflow_mailbox::Script::default(), "", postmark).await;
    world.publish(&two_mails()).await;
    world.start_sender();
    world.deliver(vec![opened(1)]).await;
    world.settle().await;
    let mails = world.arrived_mails();
    let mail = mail_parser::MessageParser::default().parse(&mails[&email(1)][0].bytes).unwrap();
    let header = |name: &str| mail.header_raw(name).unwrap_or_default().trim().to_owned();
    let ours = format!("{}@seller.example", message_of(&world, 1).await);
    assert_eq!(header("X-PM-KeepID"), "true");
    assert_eq!(header("X-PM-Metadata-leadflow_message_id"), ours);
    assert_eq!(mail.message_id(), Some(ours.as_str()), "the rest of the mail is whole");
    assert!(mail.body_html(0).unwrap().contains("Read the guide"));
}
