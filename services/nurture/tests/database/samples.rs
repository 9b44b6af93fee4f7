//! Leads, events about them and a journey, as tests need them.

use jiff::Timestamp;
use leadflow_nurture::wire::to_proto_time;
use leadflow_proto::qualification::v1 as lead;
use leadflow_proto::qualification::v1::lead_event::Fact;
use uuid::Uuid;

/// Tuesday, ten in the morning.
pub const NOW: &str = "2026-11-24T10:00:00Z";
pub const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn lead_id(n: u128) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, &n.to_be_bytes())
}

pub fn email(n: u128) -> String {
    format!("person{n}@acme{n}.example")
}

/// A lead that allowed marketing mails a month ago.
pub fn snapshot(n: u128, stage: &str) -> lead::LeadSnapshot {
    lead::LeadSnapshot {
        person_id: Uuid::from_u128(1_000_000 + n).to_string(),
        stage: stage.to_owned(),
        fit_grade: "B".to_owned(),
        engagement_milli_points: 12_000,
        contact: Some(lead::Contact {
            email: email(n),
            given_name: format!("Person {n}"),
            name: format!("Person {n} Fictional"),
            company: format!("Acme {n}"),
            time_zone: "Europe/Berlin".to_owned(),
            ..lead::Contact::default()
        }),
        consents: vec![consent(true, "2026-10-24T10:00:00Z")],
        traits: [("title".to_owned(), "Head of Sales".to_owned())].into(),
        ..lead::LeadSnapshot::default()
    }
}

pub fn consent(given: bool, since: &str) -> lead::Consent {
    lead::Consent {
        purpose: "marketing_email".to_owned(),
        given,
        occurred_at: Some(to_proto_time(at(since))),
        event_id: Uuid::from_u128(5).to_string(),
    }
}

/// An event of lead `n`.
pub fn event(n: u128, sequence: i32, stage: &str, fact: Fact) -> lead::LeadEvent {
    let lead_id = lead_id(n);
    let snapshot = (!matches!(fact, Fact::Erased(_))).then(|| snapshot(n, stage));
    lead::LeadEvent {
        event_id: Uuid::new_v5(&lead_id, &sequence.to_be_bytes()).to_string(),
        lead_id: lead_id.to_string(),
        sequence,
        incarnation: 1,
        occurred_at: Some(to_proto_time(at(NOW))),
        lead: snapshot,
        fact: Some(fact),
        ..lead::LeadEvent::default()
    }
}

pub fn opened(n: u128) -> lead::LeadEvent {
    event(n, 1, "open", Fact::Opened(lead::LeadOpened { historical: false }))
}

pub fn qualified(n: u128, sequence: i32) -> lead::LeadEvent {
    event(n, sequence, "mql", Fact::Qualified(lead::LeadQualified::default()))
}

/// The same event of a lead that has another address by now.
pub fn moved(mut event: lead::LeadEvent, email: &str) -> lead::LeadEvent {
    email.clone_into(&mut event.lead.as_mut().unwrap().contact.as_mut().unwrap().email);
    event
}

/// The same event of something that happened then.
pub fn happened(mut event: lead::LeadEvent, at: Timestamp) -> lead::LeadEvent {
    if let Some(Fact::Engaged(engaged)) = &mut event.fact {
        engaged.occurred_at = Some(to_proto_time(at));
    }
    event
}

/// The person did something.
pub fn engaged(n: u128, sequence: i32, kind: &str, properties: &[(&str, &str)]) -> lead::LeadEvent {
    let stage = "open";
    let engaged = lead::LeadEngaged {
        event_id: Uuid::new_v5(&lead_id(n), format!("{kind}/{sequence}").as_bytes()).to_string(),
        kind: kind.to_owned(),
        occurred_at: Some(to_proto_time(at(NOW))),
        received_at: Some(to_proto_time(at(NOW))),
        properties: properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..lead::LeadEngaged::default()
    };
    event(n, sequence, stage, Fact::Engaged(engaged))
}

pub fn erased(n: u128, sequence: i32) -> lead::LeadEvent {
    event(n, sequence, "erased", Fact::Erased(lead::LeadErased::default()))
}

const MJML: &str = r#"<mjml><mj-body><mj-section><mj-column>
<mj-text>Hello {{ contact.given_name | default("there") }}</mj-text>
<mj-button href="https://www.seller.example/guide?for=teams">Read the guide</mj-button>
<mj-text><a href="https://www.seller.example/prices">Prices</a></mj-text>
<mj-text>{{ sender.postal_address }} <a href="{{ links.unsubscribe }}">Unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body></mjml>"#;

/// A journey with these steps; the templates `hello` and `again` are there.
pub fn journey(head: &str, steps: &str) -> String {
    let mjml = MJML.replace('\n', "\n      ");
    let template = |name: &str| format!("  {name}:\n    subject: A word about {name}\n    mjml: |\n      {mjml}\n");
    format!(
        "name: warm-up\ntitle: Warm up\n{head}\nsteps:\n{steps}\ntemplates:\n{}{}",
        template("hello"),
        template("again")
    )
}

/// Mail, two days, mail, end.
pub fn two_mails() -> String {
    journey(
        "entry: { stage: [open, recycled] }",
        "  - id: hello\n    email: { template: hello }\n  - id: pause\n    wait: { for: 2d }\n  - id: again\n    email: { template: again }",
    )
}
