//! `AssignmentStreamService`: the stream for those who stay and those who poll, the present state, and why.

use std::pin::Pin;
use std::time::Duration;

use futures::Stream as FutureStream;
use leadflow_platform::access::{Access, Scope};
use leadflow_platform::error::ApiError;
use leadflow_platform::grpc::grant;
use leadflow_proto::assignment::v1::assignment_stream_service_server::AssignmentStreamService;
use leadflow_proto::assignment::v1::{
    AssignmentEvent, CommitCursorRequest, CommitCursorResponse, ExplainAssignmentRequest, ExplainAssignmentResponse,
    GetAssignmentRequest, GetAssignmentResponse, ListAssignmentEventsRequest, ListAssignmentEventsResponse,
    ListDecisionsRequest, ListDecisionsResponse, WatchAssignmentsRequest, WatchAssignmentsResponse,
    explain_assignment_request, get_assignment_request,
};
use prost::Message as _;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::store::{self, CurrentRow};
use super::watch::Watch;
use super::{Stream, explain, http, page_size, start};
use crate::wire::contact;

/// The service.
pub struct StreamService {
    stream: Stream,
    access: Access,
}

impl StreamService {
    /// `access` is asked again while a stream is open, so that a revoked key ends it.
    #[must_use]
    pub fn new(stream: Stream, access: Access) -> Self {
        Self { stream, access }
    }
}

type Answers = Pin<Box<dyn FutureStream<Item = Result<WatchAssignmentsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl AssignmentStreamService for StreamService {
    type WatchAssignmentsStream = Answers;

    async fn watch_assignments(&self, request: Request<WatchAssignmentsRequest>) -> Result<Response<Answers>, Status> {
        let grant = grant(&request)?;
        grant.require(Scope::ReadAssignments)?;
        let request = request.into_inner();
        let limit = page_size("max_batch", request.max_batch)?;
        let cursor = self.stream.resolve(request.start).await?;
        let filter = Stream::filter("filter.types", request.filter)?;
        let watch = Watch::new(self.stream.clone(), self.access.clone(), grant, cursor, filter, limit);
        let answers = futures::stream::unfold(watch, |mut watch| async move {
            let answer = watch.next().await?;
            Some((answer.map_err(Status::from), watch))
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn list_assignment_events(
        &self,
        request: Request<ListAssignmentEventsRequest>,
    ) -> Result<Response<ListAssignmentEventsResponse>, Status> {
        grant(&request)?.require(Scope::ReadAssignments)?;
        let request = request.into_inner();
        let limit = page_size("page_size", request.page_size)?;
        // A call without an answer ends after 30 s: a longer poll belongs to HTTP or to WatchAssignments.
        let wait = request.wait.unwrap_or_default();
        let wait = match (u64::try_from(wait.seconds), u32::try_from(wait.nanos)) {
            (Ok(seconds @ 0..=25), Ok(nanos)) => Duration::new(seconds, nanos.min(999_999_999)),
            _ => return Err(ApiError::invalid("wait", "takes 0 to 25 s here; 60 s over HTTP").into()),
        };
        let cursor = self.stream.resolve(request.start).await?;
        let filter = Stream::filter("filter.types", request.filter)?;
        Ok(Response::new(http::poll(&self.stream, cursor, &filter, limit, wait).await?))
    }

    async fn commit_cursor(
        &self,
        request: Request<CommitCursorRequest>,
    ) -> Result<Response<CommitCursorResponse>, Status> {
        grant(&request)?.require(Scope::ReadAssignments)?;
        let request = request.into_inner();
        start::check_name("subscription", &request.subscription)?;
        let cursor = start::parse("cursor", &request.cursor)?;
        self.stream.check_end("cursor", &cursor).await?;
        let mut tx = self.stream.database.write_tx("commit_cursor").await.map_err(ApiError::from)?;
        let now = tx.now();
        store::save_subscription(tx.connection(), &request.subscription, &cursor.to_string(), now)
            .await
            .map_err(ApiError::from)?;
        tx.commit().await.map_err(ApiError::from)?;
        Ok(Response::new(CommitCursorResponse {}))
    }

    async fn get_assignment(
        &self,
        request: Request<GetAssignmentRequest>,
    ) -> Result<Response<GetAssignmentResponse>, Status> {
        use get_assignment_request::Key;
        grant(&request)?.require(Scope::ReadAssignments)?;
        let pool = self.stream.database.pool();
        let rows = match request.into_inner().key {
            None => return Err(ApiError::invalid("key", "name a lead_id, a rep_id or an external_id").into()),
            Some(Key::LeadId(id)) => store::current_by_lead(pool, uuid("lead_id", &id)?).await,
            Some(Key::RepId(id)) => store::current_by_rep(pool, &id).await,
            Some(Key::ExternalId(id)) => store::current_by_external_record(pool, &id.system, &id.r#type, &id.id).await,
        };
        let rows = rows.map_err(ApiError::from)?;
        Ok(Response::new(GetAssignmentResponse { current: rows.into_iter().map(current).collect() }))
    }

    async fn explain_assignment(
        &self,
        request: Request<ExplainAssignmentRequest>,
    ) -> Result<Response<ExplainAssignmentResponse>, Status> {
        use explain_assignment_request::Key;
        grant(&request)?.require(Scope::ReadAssignments)?;
        let request = request.into_inner();
        let pool = self.stream.database.pool();
        let rows = match request.key {
            None => return Err(ApiError::invalid("key", "name a decision_id or a lead_id").into()),
            Some(Key::DecisionId(id)) => store::decision_by_id(pool, uuid("decision_id", &id)?).await,
            Some(Key::LeadId(id)) => store::decisions_by_lead(pool, uuid("lead_id", &id)?).await,
        };
        let rows = rows.map_err(ApiError::from)?;
        if rows.is_empty() {
            return Err(ApiError::not_found("decision").into());
        }
        let decisions = rows.iter().map(|row| explain::decision(row, request.replay)).collect();
        Ok(Response::new(ExplainAssignmentResponse { decisions }))
    }

    async fn list_decisions(
        &self,
        request: Request<ListDecisionsRequest>,
    ) -> Result<Response<ListDecisionsResponse>, Status> {
        grant(&request)?.require(Scope::ReadAssignments)?;
        let request = request.into_inner();
        let limit = match request.page_size {
            0 => 200,
            size => page_size("page_size", size)?,
        };
        let after = match request.page_token.as_str() {
            "" => Uuid::nil(),
            token => uuid("page_token", token)?,
        };
        let rows =
            store::decisions_after(self.stream.database.pool(), after, i64::try_from(limit).unwrap_or(200)).await;
        let rows = rows.map_err(ApiError::from)?;
        let next = rows.last().filter(|_| rows.len() == limit).map(|row| row.decision_id.to_string());
        let decisions = rows.iter().map(|row| explain::decision(row, request.replay)).collect();
        Ok(Response::new(ListDecisionsResponse { decisions, next_page_token: next.unwrap_or_default() }))
    }
}

fn uuid(field: &str, text: &str) -> Result<Uuid, ApiError> {
    Uuid::parse_str(text).map_err(|_| ApiError::invalid(field, "is no UUID"))
}

fn current(row: CurrentRow) -> AssignmentEvent {
    let mut event = AssignmentEvent::decode(row.last_event.as_slice()).unwrap_or_default();
    if let Some(bytes) = row.contact {
        contact::put(&mut event, &contact::from_bytes(&bytes));
    }
    event
}
