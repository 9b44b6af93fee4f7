//! Our own events: what happened to a lead, as `AssignmentEvent` with the whole state after it, and as the outbox row that
//! carries it. The only place that builds them: planner, timers, intake and commands all come here.

use jiff::Timestamp;
use leadflow_platform::outbox::OutboxRow;
use leadflow_platform::record::{CloudEvent, TraceParent};
use leadflow_platform::topics::Topic;
use leadflow_proto::assignment::v1::assignment_event::Detail;
use leadflow_proto::assignment::v1::{
    Assignment, AssignmentEvent, Declined, Erased, HandRaised, LeadSnapshot, Merged, Outcome, Touched, Withdrawn,
};
use prost::Message as _;
use uuid::Uuid;

use super::contact;

const SOURCE: &str = "/leadflow/assignment";
const DATA_SCHEMA: &str = "leadflow.assignment.v1.AssignmentEvent";

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// A rep is asked.
    Offered,
    /// A rep owns it without having been asked.
    Assigned,
    /// A rep took it.
    Accepted,
    /// A rep gave it back.
    Declined(Declined),
    /// Nobody answered.
    Expired(Declined),
    /// Taken from the rep, or over.
    Withdrawn(Withdrawn),
    /// A human touch.
    Touched(Touched),
    /// What became of it.
    Outcome(Outcome),
    /// Contact, external id or time to answer changed.
    Updated,
    /// The person asked again.
    HandRaised(HandRaised),
    /// Became part of another lead.
    Merged(Merged),
    /// Forgotten.
    Erased(Erased),
}

/// Every type that is told.
pub const KINDS: [&str; 11] = [
    "leadflow.assignment.offered.v1",
    "leadflow.assignment.assigned.v1",
    "leadflow.assignment.accepted.v1",
    "leadflow.assignment.declined.v1",
    "leadflow.assignment.expired.v1",
    "leadflow.assignment.withdrawn.v1",
    "leadflow.assignment.touched.v1",
    "leadflow.assignment.outcome.v1",
    "leadflow.assignment.updated.v1",
    "leadflow.assignment.merged.v1",
    "leadflow.assignment.erased.v1",
];

impl Happened {
    /// "leadflow.assignment.offered.v1".
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Offered => "leadflow.assignment.offered.v1",
            Self::Assigned => "leadflow.assignment.assigned.v1",
            Self::Accepted => "leadflow.assignment.accepted.v1",
            Self::Declined(_) => "leadflow.assignment.declined.v1",
            Self::Expired(_) => "leadflow.assignment.expired.v1",
            Self::Withdrawn(_) => "leadflow.assignment.withdrawn.v1",
            Self::Touched(_) => "leadflow.assignment.touched.v1",
            Self::Outcome(_) => "leadflow.assignment.outcome.v1",
            Self::Updated | Self::HandRaised(_) => "leadflow.assignment.updated.v1",
            Self::Merged(_) => "leadflow.assignment.merged.v1",
            Self::Erased(_) => "leadflow.assignment.erased.v1",
        }
    }

    fn detail(self) -> Option<Detail> {
        Some(match self {
            Self::Offered | Self::Assigned | Self::Accepted | Self::Updated => return None,
            Self::Declined(declined) | Self::Expired(declined) => Detail::Declined(declined),
            Self::Withdrawn(withdrawn) => Detail::Withdrawn(withdrawn),
            Self::Touched(touched) => Detail::Touched(touched),
            Self::Outcome(outcome) => Detail::Outcome(outcome),
            Self::HandRaised(hand_raised) => Detail::HandRaised(hand_raised),
            Self::Merged(merged) => Detail::Merged(merged),
            Self::Erased(erased) => Detail::Erased(erased),
        })
    }
}

/// An event about to be told.
#[derive(Clone, Debug)]
pub struct Telling<'a> {
    /// Record key.
    pub lead_id: Uuid,
    /// Of the deployment.
    pub incarnation: i32,
    /// Dense per lead, from 1.
    pub sequence: i32,
    /// The transaction's clock.
    pub at: Timestamp,
    /// Sample traffic.
    pub test: bool,
    /// The lead afterwards, without contact; None: erased.
    pub lead: Option<LeadSnapshot>,
    /// The assignment afterwards; None: there was none.
    pub assignment: Option<Assignment>,
    /// How to reach the person.
    pub contact: &'a LeadSnapshot,
    /// Of what caused it.
    pub trace: Option<TraceParent>,
}

/// One event, on its three ways.
#[derive(Clone, Debug)]
pub struct Told {
    /// To the topic, with contact.
    pub row: OutboxRow,
    /// In the reply of a command, with contact.
    pub event: AssignmentEvent,
    /// To be kept with the lead: bytes without contact.
    pub kept: Vec<u8>,
}

/// Builds the event and its row.
#[must_use]
pub fn tell(telling: Telling<'_>, happened: Happened) -> Told {
    let Telling { lead_id, incarnation, sequence, at, test, lead, assignment, contact: person, trace } = telling;
    let kind = happened.kind();
    let event_id = event_id(lead_id, incarnation, sequence, kind);
    let mut event = AssignmentEvent {
        event_id: event_id.to_string(),
        lead_id: lead_id.to_string(),
        sequence,
        occurred_at: Some(timestamp(at)),
        r#type: kind.to_owned(),
        test,
        lead,
        assignment,
        incarnation,
        detail: happened.detail(),
    };
    let kept = event.encode_to_vec();
    contact::put(&mut event, person);
    let row = OutboxRow {
        topic: Topic::Assignment,
        key: event.lead_id.clone().into_bytes(),
        event: CloudEvent {
            id: event.event_id.clone(),
            source: SOURCE,
            kind: kind.to_owned(),
            subject: event.lead_id.clone(),
            time: at,
            dataschema: DATA_SCHEMA,
        },
        trace,
        payload: event.encode_to_vec(),
    };
    Told { row, event, kept }
}

/// UUIDv5 of what the event is: the same place in the life of a lead is the same event.
#[must_use]
pub fn event_id(lead_id: Uuid, incarnation: i32, sequence: i32, kind: &str) -> Uuid {
    Uuid::new_v5(&lead_id, format!("{kind}/{incarnation}/{sequence}").as_bytes())
}

/// Microseconds: what the database keeps, so that an event read back is the same.
#[must_use]
pub fn timestamp(at: Timestamp) -> pbjson_types::Timestamp {
    let micros = at.as_microsecond();
    pbjson_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000)).unwrap_or(0) * 1000,
    }
}

/// None for a time that the calendar does not have.
#[must_use]
pub fn from_timestamp(at: &pbjson_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(at.seconds, at.nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_their_inputs() {
        let lead_id = Uuid::from_u128(7);
        let one = event_id(lead_id, 1, 1, "leadflow.assignment.offered.v1");
        assert_eq!(one, event_id(lead_id, 1, 1, "leadflow.assignment.offered.v1"));
        assert_ne!(one, event_id(lead_id, 1, 2, "leadflow.assignment.offered.v1"));
        assert_ne!(one, event_id(lead_id, 2, 1, "leadflow.assignment.offered.v1"));
        assert_eq!(one.get_version_num(), 5);
    }

    #[test]
    fn what_is_kept_is_the_event_without_contact() {
        let person = LeadSnapshot { email: "mia@acme.example".to_owned(), ..LeadSnapshot::default() };
        let telling = Telling {
            lead_id: Uuid::from_u128(7),
            incarnation: 1,
            sequence: 3,
            at: "2026-11-24T10:00:00.123456789Z".parse().unwrap(),
            test: false,
            lead: Some(LeadSnapshot { stage: "sal".to_owned(), ..LeadSnapshot::default() }),
            assignment: None,
            contact: &person,
            trace: None,
        };
        let told = tell(telling, Happened::Accepted);
        let mut event = AssignmentEvent::decode(told.row.payload.as_slice()).unwrap();
        assert_eq!(event, told.event);
        assert_eq!(contact::take(&mut event), person);
        assert_eq!(event.encode_to_vec(), told.kept);
        assert_eq!(event.occurred_at.unwrap().nanos, 123_456_000);
        assert_eq!((told.row.key, told.row.event.id), (told.event.lead_id.into_bytes(), told.event.event_id));
    }
}
