//! `RepService`: requests of reps, or of a CRM in their name, checked and handed on.

use leadflow_platform::access::Grant;
use leadflow_platform::command::request_hash;
use leadflow_platform::error::ApiError;
use leadflow_platform::grpc::grant;
use leadflow_proto::assignment::v1::rep_service_server::RepService;
use leadflow_proto::assignment::v1::{
    AcceptLeadRequest, AcceptLeadResponse, DeclineLeadRequest, DeclineLeadResponse, Guard, LinkExternalRecordRequest,
    LinkExternalRecordResponse, Outcome, RecordOutcomeRequest, RecordOutcomeResponse, RecordTouchRequest,
    RecordTouchResponse,
};
use prost::Message;
use tonic::{Request, Response, Status};

use super::Desk;
use super::check::{self, Check};
use super::command::{Command, Order};
use crate::domain::lead::Stage;
use crate::wire::event::from_timestamp;

/// The service.
#[derive(Clone)]
pub struct Reps {
    desk: Desk,
}

impl Reps {
    /// Over these tables.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        Self { desk }
    }
}

/// The order of a request whose guard stands apart. `rest` is the request without its guard.
fn order(
    grant: &Grant,
    lead_id: &str,
    guard: Option<&Guard>,
    method: &str,
    rest: &impl Message,
) -> Result<Order, ApiError> {
    let guard = guard.ok_or_else(|| ApiError::invalid("guard", "is needed: request_id and rep_id"))?;
    let mut check = Check::default();
    check.that(
        !guard.request_id.is_empty(),
        "guard.request_id",
        "is needed: one key per command, the same when it is sent again",
    );
    check.id("guard.rep_id", &guard.rep_id);
    check.that(guard.if_sequence >= 0, "guard.if_sequence", "takes the sequence you have seen, or 0 for any");
    check.done()?;
    grant.may_act_for(&guard.rep_id)?;
    let conditions = Guard { request_id: String::new(), ..guard.clone() };
    let hashed = [method.as_bytes(), b"\0", &rest.encode_to_vec(), b"\0", &conditions.encode_to_vec()].concat();
    Ok(Order {
        lead_id: check::lead_id(lead_id)?,
        rep_id: guard.rep_id.clone(),
        if_sequence: guard.if_sequence,
        caller: grant.name.clone(),
        request_id: guard.request_id.clone(),
        request_hash: request_hash(&hashed),
    })
}

fn outcome(outcome: Outcome) -> Result<Command, ApiError> {
    let stage = match Stage::parse(&outcome.stage) {
        Some(stage @ (Stage::Sql | Stage::Recycled | Stage::Won | Stage::Lost)) => stage,
        _ => return Err(ApiError::invalid("outcome.stage", "takes sql, recycled, won or lost")),
    };
    let mut check = Check::default();
    if matches!(stage, Stage::Recycled | Stage::Lost) || !outcome.reason.is_empty() {
        check.code("outcome.reason", &outcome.reason);
    }
    check.that(
        outcome.value_minor_units >= 0,
        "outcome.value_minor_units",
        "takes 0 or more, in the currency's smallest unit",
    );
    let currency = outcome.currency_code.as_bytes();
    let is_code = currency.len() == 3 && currency.iter().all(u8::is_ascii_uppercase);
    let right = is_code || (currency.is_empty() && outcome.value_minor_units == 0);
    check.that(right, "outcome.currency_code", "takes a code of ISO 4217 (\"EUR\"), needed with a value");
    check.done()?;
    Ok(Command::Outcome(outcome, stage))
}

#[tonic::async_trait]
impl RepService for Reps {
    async fn accept_lead(&self, request: Request<AcceptLeadRequest>) -> Result<Response<AcceptLeadResponse>, Status> {
        let grant = grant(&request)?;
        let mut request = request.into_inner();
        let guard = request.guard.take();
        let order = order(&grant, &request.lead_id, guard.as_ref(), "accept", &request)?;
        let reply = self.desk.carry_out(order, Command::Accept).await?;
        Ok(Response::new(AcceptLeadResponse { event: reply.event }))
    }

    async fn decline_lead(
        &self,
        request: Request<DeclineLeadRequest>,
    ) -> Result<Response<DeclineLeadResponse>, Status> {
        let grant = grant(&request)?;
        let mut request = request.into_inner();
        let guard = request.guard.take();
        let order = order(&grant, &request.lead_id, guard.as_ref(), "decline", &request)?;
        let mut check = Check::default();
        check.code("reason", &request.reason);
        check.done()?;
        let reply = self.desk.carry_out(order, Command::Decline(request.reason)).await?;
        Ok(Response::new(DeclineLeadResponse { event: reply.event }))
    }

    async fn record_touch(
        &self,
        request: Request<RecordTouchRequest>,
    ) -> Result<Response<RecordTouchResponse>, Status> {
        let grant = grant(&request)?;
        let mut request = request.into_inner();
        let guard = request.guard.take();
        let order = order(&grant, &request.lead_id, guard.as_ref(), "touch", &request)?;
        let at = match &request.touched_at {
            None => None,
            Some(at) => Some(from_timestamp(at).ok_or_else(|| ApiError::invalid("touched_at", "is no time"))?),
        };
        let mut check = Check::default();
        check.code("channel", &request.channel);
        check.done()?;
        let reply = self.desk.carry_out(order, Command::Touch(request.channel, at)).await?;
        Ok(Response::new(RecordTouchResponse { event: reply.event }))
    }

    async fn record_outcome(
        &self,
        request: Request<RecordOutcomeRequest>,
    ) -> Result<Response<RecordOutcomeResponse>, Status> {
        let grant = grant(&request)?;
        let mut request = request.into_inner();
        let guard = request.guard.take();
        let order = order(&grant, &request.lead_id, guard.as_ref(), "outcome", &request)?;
        let command = outcome(request.outcome.unwrap_or_default())?;
        let reply = self.desk.carry_out(order, command).await?;
        Ok(Response::new(RecordOutcomeResponse { event: reply.event }))
    }

    async fn link_external_record(
        &self,
        request: Request<LinkExternalRecordRequest>,
    ) -> Result<Response<LinkExternalRecordResponse>, Status> {
        let grant = grant(&request)?;
        let mut request = request.into_inner();
        let guard = request.guard.take();
        let order = order(&grant, &request.lead_id, guard.as_ref(), "link", &request)?;
        let record = request.external_id.unwrap_or_default();
        let mut check = Check::default();
        check.external_id("external_id", &record);
        check.done()?;
        Ok(Response::new(self.desk.carry_out(order, Command::Link(record)).await?))
    }
}
