//! `LeadService`: what is known of leads and people, and why. Scope: read:leads.

use leadflow_platform::access::Scope;
use leadflow_platform::error::ApiError;
use leadflow_platform::grpc::grant;
use leadflow_platform::pg::PgError;
use leadflow_proto::qualification::v1::lead_service_server::LeadService;
use leadflow_proto::qualification::v1::{
    ExplainDecisionRequest, ExplainDecisionResponse, GetLeadRequest, GetLeadResponse, ListDecisionsRequest,
    ListDecisionsResponse, ListLeadsRequest, ListLeadsResponse, ListTimelineRequest, ListTimelineResponse,
    explain_decision_request, get_lead_request,
};
use sqlx::{PgConnection, Postgres, pool::PoolConnection};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::find::{Who, missing_key};
use super::{Backend, page_size, uuid};
use crate::domain::lifecycle::Stage;
use crate::store;
use crate::store::decision::Wanted;
use crate::store::question::LeadFilter;

/// The service.
pub struct Leads {
    backend: Backend,
}

impl Leads {
    /// Answers from the role's schema.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self { backend }
    }

    async fn connection(&self) -> Result<PoolConnection<Postgres>, ApiError> {
        Ok(self.backend.database.pool().acquire().await.map_err(PgError::from)?)
    }
}

#[tonic::async_trait]
impl LeadService for Leads {
    async fn get_lead(&self, request: Request<GetLeadRequest>) -> Result<Response<GetLeadResponse>, Status> {
        use get_lead_request::Key;
        grant(&request)?.require(Scope::ReadLeads)?;
        let (who, lead_id) = match request.into_inner().key.ok_or_else(missing_key)? {
            Key::LeadId(id) => (Who::Lead(id.clone()), Some(uuid("lead_id", &id)?)),
            Key::Email(email) => (Who::Email(email), None),
        };
        let now = self.backend.database.now().await.map_err(ApiError::from)?;
        let mut connection = self.connection().await?;
        let found = self.backend.find(&mut connection, &who).await?;
        let present = self.backend.present(&mut connection, found.person, now).await?;
        let lead = present.lead(lead_id).ok_or_else(|| ApiError::not_found("lead"))?;
        Ok(Response::new(GetLeadResponse { lead: Some(lead) }))
    }

    async fn list_leads(&self, request: Request<ListLeadsRequest>) -> Result<Response<ListLeadsResponse>, Status> {
        grant(&request)?.require(Scope::ReadLeads)?;
        let request = request.into_inner();
        let limit = page_size(request.page_size, 50)?;
        let filter = filter(&request)?;
        let now = self.backend.database.now().await.map_err(ApiError::from)?;
        let mut connection = self.connection().await?;
        let rows = store::question::list_leads(&mut connection, &filter, limit).await.map_err(ApiError::from)?;
        let next_page_token = match rows.last() {
            Some(last) if i64::try_from(rows.len()).is_ok_and(|rows| rows == limit) => {
                format!("{}.{}", last.updated_at.as_microsecond(), last.lead_id.simple())
            }
            _ => String::new(),
        };
        let mut leads = Vec::with_capacity(rows.len());
        for row in rows {
            // A lead whose person was erased meanwhile is nobody's.
            match self.backend.present(&mut connection, row.person, now).await {
                Ok(present) => leads.extend(present.lead(Some(row.lead_id))),
                Err(error) if error.code == leadflow_platform::error::Code::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Response::new(ListLeadsResponse { leads, next_page_token }))
    }

    async fn explain_decision(
        &self,
        request: Request<ExplainDecisionRequest>,
    ) -> Result<Response<ExplainDecisionResponse>, Status> {
        use explain_decision_request::Key;
        grant(&request)?.require(Scope::ReadLeads)?;
        let request = request.into_inner();
        let mut connection = self.connection().await?;
        let who = match request.key.ok_or_else(missing_key)? {
            Key::DecisionId(id) => {
                let wanted = Wanted::Decision(uuid("decision_id", &id)?);
                let decisions = self.decisions(&mut connection, wanted, request.replay).await?;
                if decisions.is_empty() {
                    return Err(ApiError::not_found("decision").into());
                }
                return Ok(Response::new(ExplainDecisionResponse { score: None, decisions }));
            }
            Key::LeadId(id) => Who::Lead(id),
            Key::PersonId(id) => Who::Person(id),
            Key::Email(email) => Who::Email(email),
            Key::AnonymousId(id) => Who::Anonymous(id),
        };
        let now = self.backend.database.now().await.map_err(ApiError::from)?;
        let found = self.backend.find(&mut connection, &who).await?;
        let present = self.backend.present(&mut connection, found.person, now).await?;
        let wanted = match &who {
            Who::Lead(id) => Wanted::Lead(uuid("lead_id", id)?),
            _ => Wanted::Person(present.person_id()),
        };
        let decisions = self.decisions(&mut connection, wanted, request.replay).await?;
        Ok(Response::new(ExplainDecisionResponse { score: Some(present.score()), decisions }))
    }

    async fn list_decisions(
        &self,
        request: Request<ListDecisionsRequest>,
    ) -> Result<Response<ListDecisionsResponse>, Status> {
        grant(&request)?.require(Scope::ReadLeads)?;
        let request = request.into_inner();
        let limit = page_size(request.page_size, 200)?;
        let after = match request.page_token.as_str() {
            "" => Uuid::nil(),
            token => uuid("page_token", token)?,
        };
        let mut connection = self.connection().await?;
        let rows = store::decision::page(&mut connection, after, limit).await.map_err(ApiError::from)?;
        let full = i64::try_from(rows.len()).is_ok_and(|rows| rows == limit);
        let next_page_token = rows.last().filter(|_| full).map(|row| row.decision_id.to_string()).unwrap_or_default();
        let decisions = self.describe(&mut connection, rows, request.replay).await?;
        Ok(Response::new(ListDecisionsResponse { decisions, next_page_token }))
    }

    async fn list_timeline(
        &self,
        request: Request<ListTimelineRequest>,
    ) -> Result<Response<ListTimelineResponse>, Status> {
        grant(&request)?.require(Scope::ReadLeads)?;
        let mut connection = self.connection().await?;
        Ok(Response::new(self.backend.timeline(&mut connection, request.into_inner()).await?))
    }
}

impl Leads {
    async fn decisions(
        &self,
        connection: &mut PgConnection,
        wanted: Wanted,
        again: bool,
    ) -> Result<Vec<leadflow_proto::qualification::v1::Decision>, ApiError> {
        let rows = store::decision::read(connection, wanted).await?;
        self.describe(connection, rows, again).await
    }

    async fn describe(
        &self,
        connection: &mut PgConnection,
        rows: Vec<store::decision::DecisionRow>,
        again: bool,
    ) -> Result<Vec<leadflow_proto::qualification::v1::Decision>, ApiError> {
        let mut decisions = Vec::with_capacity(rows.len());
        for row in rows {
            let replayed = match again {
                true => Some(crate::replay::replay(connection, &self.backend.models, &row).await?),
                false => None,
            };
            decisions.push(super::decisions::describe(&row, replayed));
        }
        Ok(decisions)
    }
}

fn filter(request: &ListLeadsRequest) -> Result<LeadFilter, ApiError> {
    let stage = |word: &String| {
        let found = Stage::ALL.into_iter().find(|stage| stage.as_str() == word);
        found.ok_or_else(|| {
            let known = Stage::ALL.map(Stage::as_str).join(", ");
            ApiError::invalid("stages", format!("`{word}` is no stage; known: {known}"))
        })
    };
    let since = request.updated_since.as_ref();
    let since = since.map(|at| jiff::Timestamp::new(at.seconds, at.nanos)).transpose();
    Ok(LeadFilter {
        stages: request.stages.iter().map(stage).collect::<Result<_, _>>()?,
        owner_rep_id: Some(request.owner_rep_id.clone()).filter(|id| !id.is_empty()),
        updated_since: since.map_err(|_| ApiError::invalid("updated_since", "is no time"))?,
        before: before(&request.page_token)?,
    })
}

fn before(token: &str) -> Result<Option<(jiff::Timestamp, Uuid)>, ApiError> {
    if token.is_empty() {
        return Ok(None);
    }
    let parsed = token.split_once('.').and_then(|(at, id)| {
        let at = jiff::Timestamp::from_microsecond(at.parse().ok()?).ok()?;
        Some((at, Uuid::parse_str(id).ok()?))
    });
    parsed.map(Some).ok_or_else(|| ApiError::invalid("page_token", "is no token of ours: take it from next_page_token"))
}
