//! Leads go through journeys.

use leadflow_proto::qualification::v1 as lead;
use leadflow_proto::qualification::v1::lead_event::Fact;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_is_not_ready_gets_its_mails_in_time_and_once() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.start_sender();
    world.deliver(vec![opened(1)]).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 sent"]);
    world.pass(47).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 sent"], "not early");
    world.pass(1).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 sent", "again 1 sent"]);
    let told = [
        "enrolled",
        "step_taken hello",
        "message_sent hello",
        "step_taken hello",
        "step_taken pause",
        "step_taken pause",
        "step_taken again",
        "message_sent again",
        "step_taken again",
        "exited again",
    ];
    assert_eq!(world.story(1).await, told);
    let mails = world.arrived_mails();
    assert_eq!(mails[&email(1)].len(), 2);
    let text = String::from_utf8_lossy(&mails[&email(1)][0].bytes).into_owned();
    assert!(text.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{text}");
    assert!(world.replay().await >= 6);
    // Nobody enters twice, whatever comes.
    world.deliver(vec![event(1, 2, "open", Fact::ProfileChanged(lead::ProfileChanged::default()))]).await;
    world.settle().await;
    assert_eq!(world.count("select count(*) from enrollment").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_events_change_nothing() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    let outcomes = world.deliver(vec![opened(1), opened(1)]).await;
    assert_eq!(format!("{outcomes:?}"), "[Applied, Duplicate]");
    world.deliver(vec![opened(1)]).await;
    assert_eq!(world.count("select count(*) from message").await, 1);
    assert_eq!(world.story(1).await, ["enrolled", "step_taken hello"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_sequence_a_copy_would_be_counted_again() {
    let world = World::new().await;
    let head = "entry: { event: { kind: form }, reentry: always }\nexit: [mql]";
    let steps = "  - id: note\n    event: { name: Noted }\n  - id: done\n    end: {}";
    world.publish(&journey(head, steps)).await;
    world.database.switches().turn_off(leadflow_nurture::handler::REPEATS_ARE_DROPPED);
    world.deliver(vec![engaged(1, 1, "form", &[])]).await;
    world.deliver(vec![engaged(1, 1, "form", &[])]).await;
    assert_eq!(world.count("select count(*) from enrollment").await, 2, "what the mechanism prevents");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journey_ends_when_sales_takes_over_and_its_mail_is_skipped() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.deliver(vec![opened(1), opened(2)]).await;
    // The mail is queued; nobody has sent it yet.
    world.deliver(vec![qualified(1, 2)]).await;
    assert_eq!(world.ledger(1).await, ["hello 1 skipped(mql)"]);
    world.start_sender();
    world.settle().await;
    assert_eq!(world.ledger(2).await, ["hello 1 sent"]);
    assert!(!world.arrived_mails().contains_key(&email(1)));
    assert_eq!(world.story(1).await.last().unwrap(), "message_skipped hello");
    assert_eq!(world.count("select count(*) from enrollment where converted_at is not null").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn historical_events_enrol_nobody() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    let imported = event(1, 1, "open", Fact::Opened(lead::LeadOpened { historical: true }));
    world.deliver(vec![imported]).await;
    assert_eq!(world.count("select count(*) from enrollment").await, 0);
    // The next live event decides.
    world.deliver(vec![engaged(1, 2, "form", &[])]).await;
    assert_eq!(world.count("select count(*) from enrollment").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_of_a_journey_each_get_their_mail() {
    let world = World::new().await;
    let head = "entry: { event: { kind: event_registered }, instance_key: properties.event, reentry: always }";
    let steps = "  - id: hello\n    email: { template: hello }\n  - id: stay\n    wait: { for: 30d }";
    world.publish(&journey(head, steps)).await;
    world.start_sender();
    let registered = |sequence, event| engaged(1, sequence, "event_registered", &[("event", event)]);
    world.deliver(vec![registered(1, "webinar-1"), registered(2, "webinar-2"), registered(3, "webinar-1")]).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 sent", "hello 2 sent"]);
    assert_eq!(world.arrived_mails()[&email(1)].len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_for_an_event_goes_both_ways_and_a_new_address_is_used() {
    let world = World::new().await;
    let steps = "  - id: read\n    wait: { event: { kind: email_clicked }, timeout: 3d }\n    next: again\n    otherwise: hello\n  - id: again\n    email: { template: again }\n    next: done\n  - id: hello\n    email: { template: hello }\n  - id: done\n    end: {}";
    world.publish(&journey("entry: { stage: [open] }", steps)).await;
    world.start_sender();
    world.deliver(vec![opened(1), opened(2)]).await;
    let mut clicked = engaged(1, 2, "email_clicked", &[]);
    let contact = clicked.lead.as_mut().unwrap().contact.as_mut().unwrap();
    contact.email = "new@elsewhere.example".to_owned();
    world.deliver(vec![clicked]).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["again 1 sent"], "consent is the person's, whatever his address");
    assert_eq!(world.arrived_mails()["new@elsewhere.example"].len(), 1);
    world.pass(72).await;
    world.settle().await;
    assert_eq!(world.ledger(2).await, ["hello 1 sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_calls_and_signals_leave_by_their_ways() {
    let world = World::new().await;
    let steps = "  - id: call\n    task: { text_key: call_now, due: 1d }\n  - id: crm\n    webhook: { endpoint: crm }\n  - id: signal\n    event: { name: Journey Done }\n  - id: done\n    end: { reason: finished }";
    world.publish(&journey("entry: { stage: [open] }\nexit: [mql]", steps)).await;
    let mut owned = opened(2);
    owned.lead.as_mut().unwrap().owner = Some(lead::Owner {
        rep_id: "rep-1".to_owned(),
        name: "Rep".to_owned(),
        email: "rep@seller.example".to_owned(),
    });
    world.deliver(vec![opened(1), owned]).await;
    assert_eq!(
        world.story(1).await,
        ["enrolled", "step_taken call", "step_taken crm", "step_taken signal", "exited done"]
    );
    assert_eq!(world.story(2).await[1], "task call");
    assert_eq!(world.count("select count(*) from webhook_call where endpoint = 'crm' and state = 1").await, 2);
    let acts = world.acts().await;
    assert_eq!((acts.len(), acts[0].name.as_str(), acts[0].email.as_str()), (2, "Journey Done", email(1).as_str()));
    assert_eq!(world.replay().await, 4);
}
