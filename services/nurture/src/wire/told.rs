//! Our own facts on the `nurture` topic: no personal data in them.

use jiff::Timestamp;
use leadflow_platform::outbox::OutboxRow;
use leadflow_platform::record::{CloudEvent, TraceParent};
use leadflow_platform::topics::Topic;
use leadflow_proto::nurture::v1::NurtureEvent;
use leadflow_proto::nurture::v1::nurture_event::Fact;
use prost::Message as _;
use uuid::Uuid;

use super::to_proto_time;

/// Every type that is told.
pub const KINDS: [&str; 9] = [
    "leadflow.nurture.enrolled.v1",
    "leadflow.nurture.step_taken.v1",
    "leadflow.nurture.message_sent.v1",
    "leadflow.nurture.message_skipped.v1",
    "leadflow.nurture.message_failed.v1",
    "leadflow.nurture.message_uncertain.v1",
    "leadflow.nurture.task.v1",
    "leadflow.nurture.exited.v1",
    "leadflow.nurture.link_clicked.v1",
];

/// A fact about to be told.
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
    /// Empty: no journey.
    pub journey_id: &'a str,
    /// Its version.
    pub version: i32,
    /// Whose.
    pub enrollment_id: Option<Uuid>,
    /// Id of the step.
    pub step: &'a str,
    /// Of what caused it.
    pub trace: Option<&'a str>,
}

/// The outbox row of a fact.
#[must_use]
pub fn tell(telling: &Telling<'_>, fact: Fact) -> OutboxRow {
    let kind = kind(&fact);
    let name = format!("{}/{}/{kind}", telling.incarnation, telling.sequence);
    let event_id = Uuid::new_v5(&telling.lead_id, name.as_bytes()).to_string();
    let event = NurtureEvent {
        event_id: event_id.clone(),
        lead_id: telling.lead_id.to_string(),
        sequence: telling.sequence,
        incarnation: telling.incarnation,
        occurred_at: Some(to_proto_time(telling.at)),
        r#type: kind.to_owned(),
        test: telling.test,
        journey_id: telling.journey_id.to_owned(),
        journey_version: telling.version,
        enrollment_id: telling.enrollment_id.map(|id| id.to_string()).unwrap_or_default(),
        step: telling.step.to_owned(),
        fact: Some(fact),
    };
    OutboxRow {
        topic: Topic::Nurture,
        key: event.lead_id.clone().into_bytes(),
        event: CloudEvent {
            id: event_id,
            source: "/leadflow/nurture",
            kind: kind.to_owned(),
            subject: event.lead_id.clone(),
            time: telling.at,
            dataschema: "leadflow.nurture.v1.NurtureEvent",
        },
        trace: telling.trace.map(|trace| TraceParent(trace.into())),
        payload: event.encode_to_vec(),
    }
}

const fn kind(fact: &Fact) -> &'static str {
    match fact {
        Fact::Enrolled(_) => KINDS[0],
        Fact::StepTaken(_) => KINDS[1],
        Fact::MessageSent(_) => KINDS[2],
        Fact::MessageSkipped(_) => KINDS[3],
        Fact::MessageFailed(_) => KINDS[4],
        Fact::MessageUncertain(_) => KINDS[5],
        Fact::Task(_) => KINDS[6],
        Fact::Exited(_) => KINDS[7],
        Fact::LinkClicked(_) => KINDS[8],
    }
}
