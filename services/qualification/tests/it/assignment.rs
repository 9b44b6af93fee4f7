//! What sales reports is folded into the lead: stage and owner, once, in order, never reopening.

use leadflow_platform::consumer::Outcome;
use leadflow_proto::assignment::v1::assignment_event::Detail;
use leadflow_proto::assignment::v1::{
    Assignment, AssignmentEvent, AssignmentState, LeadSnapshot, Outcome as SalesOutcome,
};

use crate::bed::{Bed, Events};

fn report(lead_id: &str, sequence: i32, state: AssignmentState, stage: &str) -> AssignmentEvent {
    AssignmentEvent {
        event_id: uuid::Uuid::new_v5(&uuid::Uuid::nil(), format!("{lead_id}/{sequence}").as_bytes()).to_string(),
        lead_id: lead_id.into(),
        sequence,
        incarnation: 1,
        lead: Some(LeadSnapshot { stage: stage.into(), ..LeadSnapshot::default() }),
        assignment: Some(Assignment {
            state: state.into(),
            rep_id: "anna".into(),
            rep_name: "Anna Reyes".into(),
            rep_email: "anna@sales.example".into(),
            ..Assignment::default()
        }),
        ..AssignmentEvent::default()
    }
}

fn outcome(lead_id: &str, sequence: i32, stage: &str) -> AssignmentEvent {
    let detail =
        Detail::Outcome(SalesOutcome { stage: stage.into(), reason: "no budget".into(), ..SalesOutcome::default() });
    AssignmentEvent { detail: Some(detail), ..report(lead_id, sequence, AssignmentState::Closed, stage) }
}

async fn qualified(bed: &Bed) -> String {
    let make = Events { now: bed.now().await };
    bed.apply(&[make.demo("d1", "b-1", "kim@acme.example", 20)]).await;
    bed.lead_events().await[0].lead_id.clone()
}

#[tokio::test]
async fn owner_and_stage_are_folded_once_and_a_recycled_lead_needs_a_new_reason() {
    let bed = Bed::new().await;
    let lead = qualified(&bed).await;
    let offered = report(&lead, 1, AssignmentState::Offered, "mql");
    let accepted = report(&lead, 2, AssignmentState::Accepted, "sal");
    let outcomes = bed.apply_assignment(&[offered, accepted.clone(), accepted.clone()]).await;
    assert_eq!(outcomes, [Outcome::Applied, Outcome::Applied, Outcome::Duplicate]);
    assert_eq!(bed.told().await[3..], ["stage_changed", "owner_changed"]);
    let snapshot = bed.lead_events().await.pop().and_then(|event| event.lead).expect("a snapshot");
    assert_eq!((snapshot.stage.as_str(), snapshot.owner.expect("an owner").rep_id.as_str()), ("sal", "anna"));

    let recycled = outcome(&lead, 3, "recycled");
    assert_eq!(bed.apply_assignment(&[recycled]).await, [Outcome::Applied]);
    assert_eq!(bed.told().await[5..], ["stage_changed", "owner_changed"]);
    // It was above the threshold before: a page view does not make it an mql again, a raised hand does.
    let make = Events { now: bed.now().await };
    bed.apply(&[make.page("p1", "b-1", "/pricing", 1)]).await;
    assert_eq!(bed.told().await.len(), 7);
    bed.apply(&[make.demo("d2", "b-1", "kim@acme.example", 0)]).await;
    assert_eq!(bed.told().await[7..], ["engaged", "qualified"]);
    assert_eq!(bed.count("select count(*) from lead").await, 1);
    bed.assert_replays_equal().await;
}

#[tokio::test]
async fn a_closed_lead_is_not_reopened_and_the_next_raised_hand_opens_another() {
    let bed = Bed::new().await;
    let lead = qualified(&bed).await;
    assert_eq!(bed.apply_assignment(&[outcome(&lead, 5, "lost")]).await, [Outcome::Applied]);
    let late = report(&lead, 6, AssignmentState::Accepted, "sal");
    assert_eq!(bed.apply_assignment(&[late]).await, [Outcome::Ignored("closed")]);
    assert_eq!(bed.told().await[3..], ["stage_changed"]);
    let make = Events { now: bed.now().await };
    bed.apply(&[make.demo("d2", "b-1", "kim@acme.example", 0)]).await;
    assert_eq!(bed.told().await[4..], ["opened", "engaged", "qualified"]);
    assert_ne!(bed.lead_events().await[4].lead_id, lead);
    let unknown = report("0190163d-8694-739b-aea5-966c26f8ad91", 1, AssignmentState::Accepted, "sal");
    assert_eq!(bed.apply_assignment(&[unknown]).await, [Outcome::Ignored("unknown_lead")]);
}
