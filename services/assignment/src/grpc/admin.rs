//! `AssignmentAdminService`: reps, presence and pools, changed at any time by whoever runs the sales floor.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use leadflow_platform::access::{Grant, Scope};
use leadflow_platform::error::ApiError;
use leadflow_platform::grpc::grant;
use leadflow_platform::identifier::normalise_email;
use leadflow_platform::outbox;
use leadflow_platform::pg::WriteTx;
use leadflow_proto::assignment::v1::assignment_admin_service_server::AssignmentAdminService;
use leadflow_proto::assignment::v1::{
    DeactivateRepRequest, DeactivateRepResponse, ListPoolsRequest, ListPoolsResponse, ListRepsRequest,
    ListRepsResponse, PutPoolRequest, PutPoolResponse, PutRepRequest, PutRepResponse, Rep as RepProto,
    SetPresenceRequest, SetPresenceResponse, Withdrawn, WorkingHours,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::check::Check;
use super::{Desk, pool};
use crate::change::Change;
use crate::domain::decision::{End, Question};
use crate::domain::lead::AssignmentState;
use crate::domain::offer::DEACTIVATED;
use crate::domain::schedule::{Hours, Opening, Schedule};
use crate::held;
use crate::store;
use crate::store::rep::Rep;
use crate::wire;
use crate::wire::event::{self, Happened};

/// Presence of a rep without hours: until he says otherwise.
const NO_END: Timestamp = Timestamp::constant(253_370_764_800, 0);
/// Offers of a rep who left, in one transaction.
const WITHDRAW_AT_ONCE: usize = 100;

/// The service.
#[derive(Clone)]
pub struct Admin {
    desk: Desk,
}

impl Admin {
    /// Over these tables.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        Self { desk }
    }
}

#[tonic::async_trait]
impl AssignmentAdminService for Admin {
    async fn put_rep(&self, request: Request<PutRepRequest>) -> Result<Response<PutRepResponse>, Status> {
        grant(&request)?.require(Scope::Admin)?;
        let rep = request.into_inner().rep.ok_or_else(|| ApiError::invalid("rep", "is needed"))?;
        let row = row(rep)?;
        let mut tx = self.desk.database.write_tx("put_rep").await.map_err(ApiError::from)?;
        store::rep::put(tx.connection(), &row).await.map_err(ApiError::from)?;
        let rep = Some(proto(locked(&mut tx, &row.rep_id).await?));
        tx.commit().await.map_err(ApiError::from)?;
        self.desk.planner.wake_all();
        Ok(Response::new(PutRepResponse { rep }))
    }

    async fn list_reps(&self, request: Request<ListRepsRequest>) -> Result<Response<ListRepsResponse>, Status> {
        grant(&request)?.require(Scope::Admin)?;
        let reps = store::rep::list(self.desk.database.pool()).await.map_err(ApiError::from)?;
        Ok(Response::new(ListRepsResponse { reps: reps.into_iter().map(proto).collect() }))
    }

    async fn deactivate_rep(
        &self,
        request: Request<DeactivateRepRequest>,
    ) -> Result<Response<DeactivateRepResponse>, Status> {
        grant(&request)?.require(Scope::Admin)?;
        let rep_id = request.into_inner().rep_id;
        Ok(Response::new(DeactivateRepResponse { rep: Some(self.desk.deactivate(&rep_id).await?) }))
    }

    async fn set_presence(
        &self,
        request: Request<SetPresenceRequest>,
    ) -> Result<Response<SetPresenceResponse>, Status> {
        let grant = grant(&request)?;
        let request = request.into_inner();
        may_set_presence(&grant, &request.rep_id)?;
        let rep = self.desk.set_presence(&request.rep_id, request.present).await?;
        Ok(Response::new(SetPresenceResponse { rep: Some(rep) }))
    }

    async fn put_pool(&self, request: Request<PutPoolRequest>) -> Result<Response<PutPoolResponse>, Status> {
        grant(&request)?.require(Scope::Admin)?;
        let pool = request.into_inner().pool.ok_or_else(|| ApiError::invalid("pool", "is needed"))?;
        let pool = pool::put(&self.desk, pool).await?;
        Ok(Response::new(PutPoolResponse { pool: Some(pool) }))
    }

    async fn list_pools(&self, request: Request<ListPoolsRequest>) -> Result<Response<ListPoolsResponse>, Status> {
        grant(&request)?.require(Scope::Admin)?;
        Ok(Response::new(ListPoolsResponse { pools: pool::list(&self.desk).await? }))
    }
}

/// A rep says himself whether he is there; so may whoever runs the floor.
fn may_set_presence(grant: &Grant, rep_id: &str) -> Result<(), ApiError> {
    grant.require(Scope::Admin).or_else(|_| grant.may_act_for(rep_id))
}

async fn locked(tx: &mut WriteTx, rep_id: &str) -> Result<Rep, ApiError> {
    let found = store::rep::lock(tx.connection(), &[rep_id.to_owned()]).await?.pop();
    found.ok_or_else(|| ApiError::not_found("rep"))
}

impl Desk {
    /// Present until the end of the hours that run, or of the next ones; or away.
    ///
    /// # Errors
    /// `NOT_FOUND`; `FAILED_PRECONDITION` for a rep who was deactivated or has no hours to come.
    pub async fn set_presence(&self, rep_id: &str, present: bool) -> Result<RepProto, ApiError> {
        let mut tx = self.database.write_tx("set_presence").await?;
        let rep = locked(&mut tx, rep_id).await?;
        let until = if present { Some(shift_end(&rep, tx.now())?) } else { None };
        store::rep::set_presence(tx.connection(), rep_id, until).await?;
        let rep = locked(&mut tx, rep_id).await?;
        tx.commit().await?;
        self.planner.wake_all();
        Ok(proto(rep))
    }

    /// No lead after this committed. What is offered to him passes on; what he accepted stays until it is reassigned.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn deactivate(&self, rep_id: &str) -> Result<RepProto, ApiError> {
        let mut tx = self.database.write_tx("deactivate_rep").await?;
        locked(&mut tx, rep_id).await?;
        store::rep::deactivate(tx.connection(), rep_id).await?;
        tx.commit().await?;
        // Planners who had his lock before have committed by now; whoever comes later sees him inactive. Should this
        // process end here, the offers run out by their time, and nobody can accept them.
        let mut tx = self.database.write_tx("deactivated_offers").await?;
        let offered = store::assignment::offered_to(tx.connection(), rep_id).await?;
        drop(tx);
        for lead_ids in offered.chunks(WITHDRAW_AT_ONCE) {
            self.withdraw(rep_id, lead_ids).await?;
        }
        self.planner.wake_all();
        let mut tx = self.database.write_tx("deactivated_rep").await?;
        Ok(proto(locked(&mut tx, rep_id).await?))
    }

    async fn withdraw(&self, rep_id: &str, lead_ids: &[Uuid]) -> Result<(), ApiError> {
        let mut tx = self.database.write_tx("withdraw").await?;
        let mut held = held::hold(&mut tx, lead_ids).await?;
        let mut change = Change::new(tx.now(), self.incarnation);
        for held in &mut held {
            // He may have declined meanwhile, and somebody else have been asked.
            if held.current.as_ref().is_none_or(|current| current.rep_id != rep_id) {
                continue;
            }
            let end = End { reason: DEACTIVATED.to_owned(), stage: i32::from(held.lead.stage as i16) };
            if !change.answer(held, Question::End(end), true, None).is_refused() {
                let withdrawn = Withdrawn { reason: DEACTIVATED.to_owned() };
                change.tell_moved(held, AssignmentState::Withdrawn, Happened::Withdrawn(withdrawn));
            }
        }
        change.write(&mut tx, &held).await?;
        outbox::append(&mut tx, &change.outbox).await?;
        tx.commit().await?;
        self.publisher.wake();
        Ok(())
    }
}

fn shift_end(rep: &Rep, now: Timestamp) -> Result<Timestamp, ApiError> {
    if !rep.active {
        return Err(ApiError::failed_precondition("REP_INACTIVE", "this rep was deactivated; put the rep again first"));
    }
    let schedule = wire::rep::schedule(&rep.time_zone, &rep.schedule, &rep.holidays);
    let schedule = schedule.ok_or_else(|| ApiError::internal("the schedule of a rep cannot be read", &rep.rep_id))?;
    if schedule.opening(now) == Opening::Always {
        return Ok(NO_END);
    }
    let message = "this rep has no working hours in the next 400 days; put the rep with hours that come";
    schedule.end_of_shift(now).ok_or_else(|| ApiError::failed_precondition("NO_WORKING_HOURS", message))
}

fn row(rep: RepProto) -> Result<Rep, ApiError> {
    let mut check = Check::default();
    check.id("rep.rep_id", &rep.rep_id);
    check.text("rep.name", &rep.name, 1);
    check.that(normalise_email(&rep.email).is_ok(), "rep.email", "is no e-mail address");
    let time_zone = TimeZone::get(&rep.time_zone).ok().filter(|_| !rep.time_zone.is_empty());
    check.that(time_zone.is_some(), "rep.time_zone", "takes an IANA name like Europe/Berlin");
    check.that(rep.schedule.len() <= 100, "rep.schedule", "takes up to 100 entries");
    check.that(rep.holidays.len() <= 1000, "rep.holidays", "takes up to 1000 dates");
    check.that(rep.max_open >= 0, "rep.max_open", "takes 0 (no limit) or more");
    check.that(rep.max_day >= 0, "rep.max_day", "takes 0 (no limit) or more");
    check.that(rep.external_ids.len() <= 20, "rep.external_ids", "takes up to 20 entries");
    for (index, id) in rep.external_ids.iter().enumerate() {
        check.external_id(&format!("rep.external_ids[{index}]"), id);
    }
    let mut holidays = BTreeSet::new();
    for (index, text) in rep.holidays.iter().enumerate() {
        let date: Option<Date> = text.parse().ok();
        check.that(date.is_some(), format!("rep.holidays[{index}]"), "takes a date like 2026-12-25");
        holidays.extend(date);
    }
    let hours = rep.schedule.iter().map(|hours| Hours {
        weekday: i8::try_from(hours.weekday).unwrap_or(-1),
        start_minute: i16::try_from(hours.start_minute).unwrap_or(-1),
        end_minute: i16::try_from(hours.end_minute).unwrap_or(-1),
    });
    if let Err((index, error)) = Schedule::new(time_zone.unwrap_or(TimeZone::UTC), hours.collect(), holidays.clone()) {
        check.that(false, format!("rep.schedule[{index}]"), &error.to_string());
    }
    check.done()?;
    Ok(Rep {
        rep_id: rep.rep_id,
        version: 0,
        active: true,
        name: rep.name,
        email: rep.email,
        time_zone: rep.time_zone,
        schedule: rep.schedule.iter().flat_map(|hours| [hours.weekday, hours.start_minute, hours.end_minute]).collect(),
        holidays: holidays.iter().map(ToString::to_string).collect(),
        external_ids: wire::rep::external_ids_to_bytes(rep.external_ids),
        max_open: rep.max_open,
        max_day: rep.max_day,
        open_count: 0,
        day: None,
        day_count: 0,
        present_until: None,
    })
}

fn proto(rep: Rep) -> RepProto {
    let hours = |triple: &[i32]| WorkingHours {
        weekday: triple.first().copied().unwrap_or(0),
        start_minute: triple.get(1).copied().unwrap_or(0),
        end_minute: triple.get(2).copied().unwrap_or(0),
    };
    RepProto {
        external_ids: wire::rep::external_ids_from_bytes(&rep.external_ids),
        present_until: rep.present_until.map(event::timestamp),
        schedule: rep.schedule.chunks(3).map(hours).collect(),
        rep_id: rep.rep_id,
        name: rep.name,
        email: rep.email,
        time_zone: rep.time_zone,
        holidays: rep.holidays,
        max_open: rep.max_open,
        max_day: rep.max_day,
        active: rep.active,
        open_count: rep.open_count,
        day_count: rep.day_count,
    }
}
