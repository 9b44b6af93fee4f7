//! Reps, leads and events about them, as tests need them.

use jiff::Timestamp;
use leadflow_assignment::store::rep::Rep;
use leadflow_proto::assignment::v1::AssignmentEvent;
use leadflow_proto::qualification::v1 as lead;
use leadflow_proto::qualification::v1::lead_event::Fact;
use uuid::Uuid;

pub const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// "offered".
pub fn fact(event: &AssignmentEvent) -> &str {
    event.r#type.strip_prefix("leadflow.assignment.").unwrap().strip_suffix(".v1").unwrap()
}

pub fn rep_of(event: &AssignmentEvent) -> &str {
    event.assignment.as_ref().map_or("-", |assignment| assignment.rep_id.as_str())
}

/// A rep without hours and caps.
pub fn rep() -> Rep {
    Rep {
        rep_id: "rep".to_owned(),
        version: 1,
        active: true,
        name: "Fictional Rep".to_owned(),
        email: "rep@sales.example".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        schedule: Vec::new(),
        holidays: Vec::new(),
        external_ids: Vec::new(),
        max_open: 0,
        max_day: 0,
        open_count: 0,
        day: None,
        day_count: 0,
        present_until: None,
    }
}

pub fn lead_id(n: u128) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, &n.to_be_bytes())
}

/// An event of lead `n`.
pub fn event(n: u128, sequence: i32, stage: &str, fact: Fact) -> lead::LeadEvent {
    let lead_id = lead_id(n);
    let hand_raise = lead::HandRaise {
        event_id: Uuid::from_u128(n).to_string(),
        kind: "callback_request".to_owned(),
        text: format!("please call number {n}"),
        ..lead::HandRaise::default()
    };
    lead::LeadEvent {
        event_id: Uuid::new_v5(&lead_id, &sequence.to_be_bytes()).to_string(),
        lead_id: lead_id.to_string(),
        sequence,
        incarnation: 1,
        lead: Some(lead::LeadSnapshot {
            person_id: Uuid::from_u128(1_000_000 + n).to_string(),
            stage: stage.to_owned(),
            fit_grade: "A".to_owned(),
            engagement_milli_points: 50_000,
            reasons: vec![lead::LeadReason {
                code: "pricing".to_owned(),
                text: "looked at prices".to_owned(),
                milli_points: 50_000,
                ..lead::LeadReason::default()
            }],
            hand_raise: Some(hand_raise),
            contact: Some(lead::Contact {
                email: format!("person{n}@acme{n}.example"),
                name: format!("Fictional Person {n}"),
                ..lead::Contact::default()
            }),
            account_domain: format!("acme{n}.example"),
            ..lead::LeadSnapshot::default()
        }),
        fact: Some(fact),
        ..lead::LeadEvent::default()
    }
}

/// The same lead later.
pub fn later(n: u128, sequence: i32, stage: &str) -> lead::LeadEvent {
    event(n, sequence, stage, Fact::Engaged(lead::LeadEngaged::default()))
}

pub fn opened(n: u128) -> lead::LeadEvent {
    event(n, 1, "open", Fact::Opened(lead::LeadOpened::default()))
}

/// Passed the threshold, as the second event of the lead.
pub fn qualified(n: u128) -> lead::LeadEvent {
    let by = "threshold".to_owned();
    event(n, 2, "mql", Fact::Qualified(lead::LeadQualified { by, ..lead::LeadQualified::default() }))
}

/// Asked to talk, as the second event of the lead.
pub fn hand_raised(n: u128) -> lead::LeadEvent {
    let by = "hand_raise".to_owned();
    event(n, 2, "mql", Fact::Qualified(lead::LeadQualified { by, ..lead::LeadQualified::default() }))
}
