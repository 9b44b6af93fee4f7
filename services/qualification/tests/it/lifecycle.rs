//! Thresholds, imports, machines, disqualification: what makes an mql and what does not.

use leadflow_proto::engagement::v1::EngagementEvent;
use leadflow_proto::qualification::v1::lead_event::Fact;

use crate::bed::{Bed, Events, texts};

/// A small model whose numbers can be added up in the head.
const SMALL: &str = r"
name: small
thresholds: { mql: 50, cooled: 20 }
lists: { rivals: [rival.example] }
rules:
  - { id: form, text: Form, when: { kind: form }, points: 30, decay: { window_days: 10 } }
  - { id: careers, text: Careers, when: { kind: page_view, all: [{ field: context.page_path, starts_with: /careers }] }, points: -20 }
  - { id: chat, text: Chat, when: { kind: chat }, hand_raise: true }
disqualify:
  - { reason: competitor, list: rivals }
  - { reason: opted_out, person: { all: [{ field: traits.do_not_contact, equals: true }] } }
emit:
  - { kind: form }
";

fn form(make: &Events, name: &str, email: &str, minutes: i64) -> EngagementEvent {
    let mut event = make.act(name, "form", minutes);
    event.email = email.into();
    event
}

fn historical(mut event: EngagementEvent) -> EngagementEvent {
    event.historical = true;
    event
}

#[tokio::test]
async fn points_make_an_mql_when_they_reach_the_threshold() {
    let bed = Bed::with_model(SMALL).await;
    let make = Events { now: bed.now().await };
    bed.apply(&[form(&make, "f1", "kim@acme.example", 9)]).await;
    bed.apply(&[form(&make, "f2", "kim@acme.example", 8)]).await;
    assert_eq!(bed.told().await, ["opened", "engaged", "engaged", "qualified"]);
    let last = bed.lead_events().await.pop().expect("one");
    assert!(matches!(&last.fact, Some(Fact::Qualified(fact)) if fact.by == "threshold"));
    assert_eq!(last.lead.expect("a snapshot").reasons[0].event_ids.len(), 2);
    bed.assert_replays_equal().await;
}

#[tokio::test]
async fn imports_score_but_the_next_live_act_decides() {
    let bed = Bed::with_model(SMALL).await;
    let make = Events { now: bed.now().await };
    let mut chat = historical(make.act("c1", "chat", 8));
    chat.email = "kim@acme.example".into();
    bed.apply(&[
        historical(form(&make, "f1", "kim@acme.example", 9)),
        historical(form(&make, "f2", "kim@acme.example", 8)),
        chat,
    ])
    .await;
    assert_eq!(bed.told().await, ["opened", "engaged", "engaged"]);
    let mut look = make.act("p1", "page_view", 1);
    look.email = "kim@acme.example".into();
    bed.apply(&[look]).await;
    assert_eq!(bed.told().await[3..], ["qualified"]);
    bed.assert_replays_equal().await;
}

#[tokio::test]
async fn machines_never_score_raise_a_hand_or_tie_anybody() {
    let bed = Bed::with_model(SMALL).await;
    let make = Events { now: bed.now().await };
    let mut chat = make.act("c1", "chat", 8);
    (chat.email, chat.anonymous_id) = ("kim@acme.example".into(), "b-1".into());
    chat.bot_reason = "crawler".into();
    let mut bounce = make.act("b1", "email_bounced", 7);
    (bounce.email, bounce.bot_reason) = ("lee@acme.example".into(), "bounce".into());
    bed.apply(&[chat, bounce.clone()]).await;
    assert_eq!(bed.told().await, [""; 0]);
    assert_eq!(bed.count("select count(*) from link").await, 0);
    assert_eq!(bed.count("select count(*) from lead").await, 0);
    // What became of a mail is told all the same, once there is a lead.
    let mut later = bounce.clone();
    later.event_id = uuid::Uuid::from_u128(9).to_string();
    bed.apply(&[form(&make, "f1", "lee@acme.example", 5), later]).await;
    assert_eq!(bed.told().await, ["opened", "engaged", "engaged"]);
}

#[tokio::test]
async fn a_visitor_who_raises_a_hand_has_a_lead_at_once() {
    let bed = Bed::with_model(SMALL).await;
    let make = Events { now: bed.now().await };
    let mut chat = make.act("c1", "chat", 8);
    chat.anonymous_id = "b-1".into();
    bed.apply(&[chat.clone()]).await;
    assert_eq!(bed.told().await, ["opened", "engaged", "qualified"]);
    chat.event_id = uuid::Uuid::from_u128(7).to_string();
    bed.apply(&[chat]).await;
    assert_eq!(bed.told().await[3..], ["engaged", "hand_raised"]);
    bed.assert_replays_equal().await;
}

#[tokio::test]
async fn who_is_out_has_no_lead_and_comes_back_when_that_is_lifted() {
    let bed = Bed::with_model(SMALL).await;
    let make = Events { now: bed.now().await };
    let mut chat = make.act("c1", "chat", 30);
    chat.email = "spy@rival.example".into();
    bed.apply(&[chat]).await;
    assert_eq!(bed.told().await, [""; 0]);
    assert_eq!(bed.count("select count(*) from decision where lead_id is null and kind = 1").await, 1);

    bed.apply(&[form(&make, "f1", "kim@acme.example", 20)]).await;
    let mut stop = make.act("i1", "identify", 10);
    (stop.email, stop.traits) = ("kim@acme.example".into(), texts([("do_not_contact", "true")]));
    bed.apply(&[stop.clone()]).await;
    assert_eq!(bed.told().await, ["opened", "engaged", "disqualified"]);
    let out = bed.lead_events().await.pop().and_then(|event| event.lead).expect("a snapshot");
    assert_eq!((out.stage.as_str(), out.disqualified_reason.as_str()), ("disqualified", "opted_out"));
    bed.apply(&[form(&make, "f2", "kim@acme.example", 5)]).await;
    assert_eq!(bed.told().await.len(), 3, "nothing is told of who is out");

    let mut go = make.act("i2", "identify", 1);
    (go.email, go.traits) = ("kim@acme.example".into(), texts([("do_not_contact", "false")]));
    bed.apply(&[go]).await;
    assert_eq!(bed.told().await[3..], ["disqualification_lifted", "qualified"]);
    bed.assert_replays_equal().await;
}

#[tokio::test]
async fn a_penalty_is_a_crossing_and_cools_a_lead_without_moving_its_stage() {
    let bed = Bed::with_model(SMALL).await;
    let make = Events { now: bed.now().await };
    bed.apply(&[form(&make, "f1", "kim@acme.example", 30), form(&make, "f2", "kim@acme.example", 29)]).await;
    for (nth, told) in [(1, "score_crossed"), (2, ""), (3, "cooled")] {
        let mut careers = make.page(&format!("p{nth}"), "", "/careers", 20 - nth);
        careers.email = "kim@acme.example".into();
        let before = bed.told().await.len();
        bed.apply(&[careers]).await;
        let new = bed.told().await.split_off(before);
        assert_eq!(new, if told.is_empty() { vec![] } else { vec![told.to_owned()] }, "{nth}");
    }
    assert_eq!(bed.count("select count(*) from lead where stage = 2").await, 1);
    bed.assert_replays_equal().await;
}
