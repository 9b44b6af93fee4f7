//! `AssignmentEvent` to a report that can be folded: stage and owner, nothing of the contact that it carries.

use leadflow_proto::assignment::v1 as proto;
use leadflow_proto::assignment::v1::assignment_event::Detail;
use uuid::Uuid;

use crate::domain::lifecycle::{Owner, OwnerReport, Report, Stage};

use super::engagement_event::Refused;

/// A report with the lead it is about and the id of its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Which lead.
    pub lead_id: Uuid,
    /// UUIDv5 made by assignment.
    pub event_id: Uuid,
    /// What it says.
    pub report: Report,
}

/// Reads an event.
///
/// # Errors
/// [`Refused`] with the reason: what says nothing about a lead of ours is counted, not applied.
pub fn from_proto(message: proto::AssignmentEvent) -> Result<Reported, Refused> {
    let lead_id = Uuid::try_parse(&message.lead_id).map_err(|_| Refused("lead_id"))?;
    let event_id = Uuid::try_parse(&message.event_id).map_err(|_| Refused("event_id"))?;
    if message.sequence < 1 {
        return Err(Refused("no_sequence"));
    }
    if matches!(message.detail, Some(Detail::Erased(_))) {
        return Err(Refused("erased"));
    }
    let word = match &message.detail {
        Some(Detail::Outcome(outcome)) => outcome.stage.as_str(),
        _ => message.lead.as_ref().map_or("", |lead| lead.stage.as_str()),
    };
    let report = Report {
        at: (message.incarnation, message.sequence),
        stage: Stage::from_word(word),
        owner: owner(&message),
        reason: reason(&message),
    };
    Ok(Reported { lead_id, event_id, report })
}

/// Only who accepted is responsible. A sale, won or lost, stays with who made it.
fn owner(message: &proto::AssignmentEvent) -> OwnerReport {
    let Some(assignment) = &message.assignment else { return OwnerReport::Silent };
    match assignment.state() {
        proto::AssignmentState::Accepted if !assignment.rep_id.is_empty() => OwnerReport::Is(Owner {
            rep_id: without_nul(&assignment.rep_id),
            name: assignment.rep_name.clone(),
            email: assignment.rep_email.clone(),
        }),
        proto::AssignmentState::Closed => match &message.detail {
            Some(Detail::Outcome(outcome)) if outcome.stage == Stage::Recycled.as_str() => OwnerReport::Nobody,
            _ => OwnerReport::Silent,
        },
        proto::AssignmentState::Offered
        | proto::AssignmentState::Declined
        | proto::AssignmentState::Expired
        | proto::AssignmentState::Withdrawn => OwnerReport::Nobody,
        proto::AssignmentState::Accepted | proto::AssignmentState::Unspecified => OwnerReport::Silent,
    }
}

fn reason(message: &proto::AssignmentEvent) -> String {
    match &message.detail {
        Some(Detail::Outcome(outcome)) => outcome.reason.clone(),
        Some(Detail::Declined(declined)) => declined.reason.clone(),
        Some(Detail::Reassigned(reassigned)) => reassigned.reason.clone(),
        Some(Detail::Withdrawn(withdrawn)) => withdrawn.reason.clone(),
        _ => String::new(),
    }
}

/// Illegal in PostgreSQL's text.
fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}
