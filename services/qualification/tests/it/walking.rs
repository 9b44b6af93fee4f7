//! The shortest way: a visitor looks around, asks for a demo, and a qualified lead with reasons is told.

use leadflow_platform::consumer::Outcome;
use leadflow_proto::qualification::v1::lead_event::Fact;

use crate::bed::{Bed, Events, texts};

#[tokio::test]
async fn a_hand_raise_becomes_a_qualified_lead_with_reasons_that_add_up() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    let visit = [make.page("p1", "b-1", "/pricing", 30), make.page("p2", "b-1", "/customers/acme", 29)];
    assert_eq!(bed.apply(&visit).await, [Outcome::Applied, Outcome::Applied]);
    assert_eq!(bed.told().await, [""; 0]);

    let mut demo = make.demo("d1", "b-1", "kim@acme-works.example", 1);
    demo.traits = texts([("given_name", "Kim"), ("family_name", "Berg"), ("company", "Acme Works")]);
    assert_eq!(bed.apply(std::slice::from_ref(&demo)).await, [Outcome::Applied]);
    assert_eq!(bed.told().await, ["opened", "engaged", "qualified"]);

    let events = bed.lead_events().await;
    let last = events.last().expect("one");
    let lead = last.lead.as_ref().expect("a snapshot");
    let contact = lead.contact.as_ref().expect("a contact");
    assert_eq!((contact.email.as_str(), contact.name.as_str()), ("kim@acme-works.example", "Kim Berg"));
    assert_eq!(lead.stage, "mql");
    assert_eq!(lead.account_domain, "acme-works.example");
    assert_eq!(lead.hand_raise.as_ref().expect("a hand").text, "Please show me the reports");
    assert_eq!(lead.reasons.iter().map(|line| line.milli_points).sum::<i32>(), lead.engagement_milli_points);
    assert!(lead.engagement_milli_points > 50_000, "{}", lead.engagement_milli_points);
    let pricing = lead.reasons.iter().find(|line| line.code == "pricing_page").expect("anonymous history follows");
    assert_eq!(pricing.event_ids.len(), 1);
    assert!(matches!(&last.fact, Some(Fact::Qualified(fact)) if fact.by == "hand_raise"));
    assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2, 3]);

    // Twice is boring.
    assert_eq!(bed.apply(&[visit[0].clone(), demo]).await, [Outcome::Duplicate, Outcome::Duplicate]);
    assert_eq!(bed.lead_events().await.len(), 3);
    assert_eq!(bed.count("select count(*) from person where merged_into is null").await, 1);
    assert_eq!(bed.count("select count(*) from decision").await, 2);
}
