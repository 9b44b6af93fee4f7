//! What a rep does with a lead: one path for all commands. Idempotent by `request_id`; the reply contains the very event
//! that went into the outbox, and is kept with the request for 24 hours.

use jiff::{Timestamp, ToSpan as _};
use leadflow_platform::command::{self, Begun};
use leadflow_platform::error::ApiError;
use leadflow_platform::outbox;
use leadflow_platform::pg::WriteTx;
use leadflow_proto::assignment::v1::{
    AssignmentEvent, Declined, ExternalId, LeadSnapshot, LinkExternalRecordResponse, Outcome, Touched,
};
use prost::Message as _;
use uuid::Uuid;

use super::{Desk, refusal};
use crate::change::Change;
use crate::domain::decision::{ByRep, Question};
use crate::domain::lead::{AssignmentState, Stage};
use crate::domain::offer;
use crate::held::{self, Held};
use crate::store;
use crate::wire::contact;
use crate::wire::event::{self, Happened};

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Take an offer.
    Accept,
    /// Give it back, and why.
    Decline(String),
    /// A human touch; None: now.
    Touch(String, Option<Timestamp>),
    /// What became of it.
    Outcome(Outcome, Stage),
    /// It became this record.
    Link(ExternalId),
}

/// Who does it, to which lead, and under which conditions; all checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Which lead.
    pub lead_id: Uuid,
    /// For whom.
    pub rep_id: String,
    /// 0: any.
    pub if_sequence: i32,
    /// Name of the key.
    pub caller: String,
    /// Idempotency key.
    pub request_id: String,
    /// SHA-256 of the request without its key.
    pub request_hash: [u8; 32],
}

/// A reply as it is kept: without contact, which erasure would not find here; put back from its version.
#[derive(Clone, PartialEq, prost::Message)]
struct Kept {
    #[prost(message, required, tag = "1")]
    reply: LinkExternalRecordResponse,
    #[prost(int32, tag = "2")]
    contact_no: i32,
}

/// A touch may lie so far in the future: clocks differ.
const CLOCK_DIFFERENCE_MINUTES: i64 = 5;
/// Every event carries all of them.
const MOST_RECORDS: usize = 50;

impl Desk {
    /// Does it, or brings back the reply of the first time.
    ///
    /// # Errors
    /// `NOT_FOUND` for a lead that this rep never had; `ABORTED` if it has moved on from `if_sequence`, with the present
    /// state; `FAILED_PRECONDITION` with the reason of the rules; the errors of idempotency.
    pub async fn carry_out(&self, order: Order, command: Command) -> Result<LinkExternalRecordResponse, ApiError> {
        let mut tx = self.database.write_tx("command").await?;
        match command::begin(&mut tx, &order.caller, &order.request_id, &order.request_hash).await? {
            Begun::Fresh => {}
            Begun::Replayed(kept) => return said_before(&mut tx, order.lead_id, &kept).await,
        }
        let mut held = self.hold(&mut tx, &order).await?;
        let mut change = Change::new(tx.now(), self.incarnation);
        let reply = self.act(&mut tx, &mut change, &mut held, &order, command).await?;
        change.write(&mut tx, [&held]).await?;
        command::finish(&mut tx, &order.caller, &order.request_id, &keep(&reply, &held)).await?;
        outbox::append(&mut tx, &change.outbox).await?;
        tx.commit().await?;
        if !change.outbox.is_empty() {
            self.publisher.wake();
        }
        if change.wants_planning() {
            self.planner.wake_all();
        }
        Ok(reply)
    }

    /// The lead, locked, if the rep has or had it and it did not move on.
    async fn hold(&self, tx: &mut WriteTx, order: &Order) -> Result<Held, ApiError> {
        let held = held::hold(tx, &[order.lead_id]).await?.pop();
        let held = held.filter(|held| held.lead.stage != Stage::Erased).ok_or_else(|| ApiError::not_found("lead"))?;
        if !store::assignment::was_ever_with(tx.connection(), order.lead_id, &order.rep_id).await? {
            return Err(ApiError::not_found("lead"));
        }
        if order.if_sequence != 0 && order.if_sequence != held.lead.sequence {
            let rep_id = held.current.as_ref().map_or("", |current| current.rep_id.as_str());
            return Err(ApiError::aborted("SEQUENCE_MOVED", "the lead has moved on; read it again and decide anew")
                .with_metadata("sequence", held.lead.sequence.to_string())
                .with_metadata("state", format!("{:?}", held.lead.state).to_lowercase())
                .with_metadata("stage", held.lead.stage.name())
                .with_metadata("rep_id", rep_id));
        }
        Ok(held)
    }

    async fn act(
        &self,
        tx: &mut WriteTx,
        change: &mut Change,
        held: &mut Held,
        order: &Order,
        command: Command,
    ) -> Result<LinkExternalRecordResponse, ApiError> {
        let by = |reason: String, stage: Stage| ByRep {
            rep_id: order.rep_id.clone(),
            reason,
            stage: i32::from(stage as i16),
        };
        let event = match command {
            Command::Accept => {
                // After the lead's lock, as everywhere. A rep who was deactivated takes nothing.
                let reps = store::rep::lock(tx.connection(), std::slice::from_ref(&order.rep_id)).await?;
                let active = reps.first().is_some_and(|rep| rep.active);
                answer(change, held, Question::Accept(by(String::new(), Stage::Open)), active)?;
                change.tell_moved(held, AssignmentState::Accepted, Happened::Accepted)
            }
            Command::Decline(reason) => {
                answer(change, held, Question::Decline(by(reason.clone(), Stage::Open)), true)?;
                let declined = Declined { reason, expired: false };
                change.tell_moved(held, AssignmentState::Declined, Happened::Declined(declined))
            }
            Command::Touch(channel, at) => touch(change, held, order, channel, at)?,
            Command::Outcome(outcome, stage) => {
                answer(change, held, Question::Outcome(by(outcome.reason.clone(), stage)), true)?;
                let state = change.moved.last().map_or(AssignmentState::Closed, |moved| moved.state);
                change.tell_moved(held, state, Happened::Outcome(outcome))
            }
            Command::Link(record) => return link(tx, change, held, order, record).await,
        };
        Ok(LinkExternalRecordResponse { event: Some(event), created: false })
    }
}

fn keep(reply: &LinkExternalRecordResponse, held: &Held) -> Vec<u8> {
    let mut reply = reply.clone();
    if let Some(event) = &mut reply.event {
        contact::take(event);
    }
    Kept { reply, contact_no: held.lead.contact_no }.encode_to_vec()
}

async fn said_before(tx: &mut WriteTx, lead_id: Uuid, kept: &[u8]) -> Result<LinkExternalRecordResponse, ApiError> {
    let Kept { mut reply, contact_no } =
        Kept::decode(kept).map_err(|error| ApiError::internal("a kept reply cannot be read", error))?;
    let person = store::contact::version(tx.connection(), lead_id, contact_no).await?;
    if let (Some(event), Some(person)) = (&mut reply.event, person) {
        contact::put(event, &person);
    }
    Ok(reply)
}

fn answer(change: &mut Change, held: &mut Held, question: Question, rep_active: bool) -> Result<(), ApiError> {
    let outcome = change.answer(held, question, rep_active, None);
    if outcome.is_refused() { Err(refusal::to_error(&outcome.refusal)) } else { Ok(()) }
}

fn touch(
    change: &mut Change,
    held: &mut Held,
    order: &Order,
    channel: String,
    at: Option<Timestamp>,
) -> Result<AssignmentEvent, ApiError> {
    offer::accepted_by(&held.facts(true), &order.rep_id).map_err(refusal::to_error)?;
    let at = at.unwrap_or(change.now);
    if at > change.now.checked_add(CLOCK_DIFFERENCE_MINUTES.minutes()).unwrap_or(Timestamp::MAX) {
        return Err(ApiError::invalid("touched_at", "lies in the future"));
    }
    let mut told = held.assignment_as_told();
    if let Some(current) = held.current.as_mut().filter(|current| current.touched_at.is_none()) {
        current.touched_at = Some(at);
        change.moved.push(current.clone());
        if let Some(told) = &mut told {
            told.first_touch_at = Some(event::timestamp(at));
        }
    }
    let touched = Touched { channel, touched_at: Some(event::timestamp(at)) };
    Ok(change.tell(held, told, Happened::Touched(touched)))
}

async fn link(
    tx: &mut WriteTx,
    change: &mut Change,
    held: &mut Held,
    order: &Order,
    record: ExternalId,
) -> Result<LinkExternalRecordResponse, ApiError> {
    let now = tx.now();
    let created = store::external_record::link(tx.connection(), order.lead_id, &record, &order.rep_id, now).await?;
    if !created {
        return Ok(LinkExternalRecordResponse { event: last_told(held), created });
    }
    let mut snapshot = LeadSnapshot::decode(held.lead.snapshot.as_deref().unwrap_or_default()).unwrap_or_default();
    if snapshot.external_ids.len() >= MOST_RECORDS {
        let message = "the lead is linked to as many records as one event carries";
        return Err(ApiError::failed_precondition("TOO_MANY_RECORDS", message));
    }
    snapshot.external_ids.push(record);
    held.lead.snapshot = Some(snapshot.encode_to_vec());
    let event = change.tell(held, held.assignment_as_told(), Happened::Updated);
    Ok(LinkExternalRecordResponse { event: Some(event), created })
}

/// The lead's last event once more, with contact.
fn last_told(held: &Held) -> Option<AssignmentEvent> {
    let mut event = AssignmentEvent::decode(held.lead.last_event.as_deref()?).ok()?;
    contact::put(&mut event, &held.contact);
    Some(event)
}
