//! `NurtureService`: where people are, what was sent to them and what was not, what they want.

use leadflow_platform::access::Scope;
use leadflow_platform::error::ApiError;
use leadflow_platform::grpc::grant;
use leadflow_platform::identifier::normalise_email;
use leadflow_platform::pg::PgError;
use leadflow_proto::nurture::v1::nurture_service_server::NurtureService;
use leadflow_proto::nurture::v1::{
    Enrollment as EnrollmentProto, ExplainLeadRequest, ExplainLeadResponse, ExportPersonRequest, ExportPersonResponse,
    GetPreferencesRequest, GetPreferencesResponse, ListDecisionsRequest, ListDecisionsResponse, ListEnrollmentsRequest,
    ListEnrollmentsResponse, ListMessagesRequest, ListMessagesResponse, Message as MessageProto, Preference,
    export_person_request, get_preferences_request,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Desk, after, page_size, uuid};
use crate::store;
use crate::store::enrollment::Enrollment;
use crate::store::message::Message;
use crate::wire::to_proto_time;

/// The service.
pub struct Questions {
    desk: Desk,
}

impl Questions {
    /// Over the desk.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        Self { desk }
    }
}

#[tonic::async_trait]
impl NurtureService for Questions {
    async fn list_enrollments(
        &self,
        request: Request<ListEnrollmentsRequest>,
    ) -> Result<Response<ListEnrollmentsResponse>, Status> {
        grant(&request)?.require(Scope::ReadLeads)?;
        let request = request.into_inner();
        let limit = page_size("page_size", request.page_size, 100)?;
        let after = after(&request.page_token)?;
        let pool = self.desk.database.pool();
        let rows = match (request.lead_id.as_str(), request.journey_id.as_str()) {
            ("", "") => return Err(ApiError::invalid("lead_id", "name a lead_id or a journey_id").into()),
            ("", journey_id) => store::enrollment::page_of_journey(pool, journey_id, after, limit).await,
            (lead_id, _) => store::enrollment::page_of_lead(pool, uuid("lead_id", lead_id)?, after, limit).await,
        };
        let rows = rows.map_err(ApiError::from)?;
        let full = i64::try_from(rows.len()).unwrap_or(i64::MAX) == limit;
        let next = rows.last().filter(|_| full).map(|row| row.enrollment_id.to_string());
        let enrollments = rows.into_iter().map(enrollment).collect();
        Ok(Response::new(ListEnrollmentsResponse { enrollments, next_page_token: next.unwrap_or_default() }))
    }

    async fn list_messages(
        &self,
        request: Request<ListMessagesRequest>,
    ) -> Result<Response<ListMessagesResponse>, Status> {
        grant(&request)?.require(Scope::ReadLeads)?;
        let request = request.into_inner();
        let limit = page_size("page_size", request.page_size, 200)?;
        let lead_id = uuid("lead_id", &request.lead_id)?;
        let after = after(&request.page_token)?;
        let rows = store::message::page_of_lead(self.desk.database.pool(), lead_id, after, limit).await;
        let rows = rows.map_err(ApiError::from)?;
        let full = i64::try_from(rows.len()).unwrap_or(i64::MAX) == limit;
        let next = rows.last().filter(|_| full).map(|row| row.message_id.to_string());
        let messages = rows.into_iter().map(message).collect();
        Ok(Response::new(ListMessagesResponse { messages, next_page_token: next.unwrap_or_default() }))
    }

    async fn get_preferences(
        &self,
        request: Request<GetPreferencesRequest>,
    ) -> Result<Response<GetPreferencesResponse>, Status> {
        use get_preferences_request::Key;
        grant(&request)?.require(Scope::ReadLeads)?;
        let email_hash = match request.into_inner().key {
            None => return Err(ApiError::invalid("key", "name a lead_id or an email").into()),
            Some(Key::LeadId(lead_id)) => self.desk.hash_of_lead(uuid("lead_id", &lead_id)?).await?,
            Some(Key::Email(email)) => self.desk.hash_of_email(&email)?,
        };
        let mut connection =
            self.desk.database.pool().acquire().await.map_err(|error| ApiError::from(PgError::from(error)))?;
        let wishes = store::consent::load(&mut connection, &[&email_hash]).await.map_err(ApiError::from)?;
        let wishes = wishes.into_values().next().unwrap_or_default();
        let consents = wishes.consents.into_values().map(|consent| Preference {
            purpose: consent.purpose,
            given: consent.given,
            at: Some(to_proto_time(consent.at)),
            source: consent.source,
        });
        let topics = wishes.topics.into_iter().map(|(topic, wanted)| Preference {
            purpose: format!("topic:{topic}"),
            given: wanted,
            at: None,
            source: "preference_page".to_owned(),
        });
        let suppression = wishes.suppression;
        Ok(Response::new(GetPreferencesResponse {
            preferences: consents.chain(topics).collect(),
            suppressed_at: suppression.as_ref().map(|one| to_proto_time(one.at)),
            suppressed: suppression.map(|one| one.reason).unwrap_or_default(),
        }))
    }

    async fn explain_lead(
        &self,
        request: Request<ExplainLeadRequest>,
    ) -> Result<Response<ExplainLeadResponse>, Status> {
        grant(&request)?.require(Scope::ReadLeads)?;
        let request = request.into_inner();
        let lead_id = uuid("lead_id", &request.lead_id)?;
        let rows = store::decision::by_lead(self.desk.database.pool(), lead_id).await.map_err(ApiError::from)?;
        let decisions = self.desk.explain(rows, request.replay).await?;
        Ok(Response::new(ExplainLeadResponse { decisions }))
    }

    async fn list_decisions(
        &self,
        request: Request<ListDecisionsRequest>,
    ) -> Result<Response<ListDecisionsResponse>, Status> {
        grant(&request)?.require(Scope::ReadLeads)?;
        let request = request.into_inner();
        let limit = page_size("page_size", request.page_size, 200)?;
        let after = after(&request.page_token)?;
        let rows = store::decision::after(self.desk.database.pool(), after, limit).await.map_err(ApiError::from)?;
        let full = i64::try_from(rows.len()).unwrap_or(i64::MAX) == limit;
        let next = rows.last().filter(|_| full).map(|row| row.decision_id.to_string()).unwrap_or_default();
        let decisions = self.desk.explain(rows, request.replay).await?;
        Ok(Response::new(ListDecisionsResponse { decisions, next_page_token: next }))
    }

    async fn export_person(
        &self,
        request: Request<ExportPersonRequest>,
    ) -> Result<Response<ExportPersonResponse>, Status> {
        use export_person_request::Key;
        grant(&request)?.require(Scope::Admin)?;
        let email_hash = match request.into_inner().key {
            None => return Err(ApiError::invalid("key", "name a lead_id or an email").into()),
            Some(Key::LeadId(lead_id)) => self.desk.hash_of_lead(uuid("lead_id", &lead_id)?).await?,
            Some(Key::Email(email)) => self.desk.hash_of_email(&email)?,
        };
        let document = self.desk.export(&email_hash).await?;
        Ok(Response::new(ExportPersonResponse { document: document.to_string().into_bytes() }))
    }
}

impl Desk {
    async fn hash_of_lead(&self, lead_id: Uuid) -> Result<Vec<u8>, ApiError> {
        let mut connection = self.database.pool().acquire().await.map_err(PgError::from)?;
        let lead = store::lead::load(&mut connection, &[lead_id]).await?.pop();
        lead.map(|lead| lead.email_hash).ok_or_else(|| ApiError::not_found("lead"))
    }

    fn hash_of_email(&self, email: &str) -> Result<Vec<u8>, ApiError> {
        let email = normalise_email(email).map_err(|error| ApiError::invalid("email", error.to_string()))?;
        Ok(crate::handler::hash(&self.identity_key, Some(&email), Uuid::nil()))
    }
}

fn enrollment(row: Enrollment) -> EnrollmentProto {
    EnrollmentProto {
        enrollment_id: row.enrollment_id.to_string(),
        lead_id: row.lead_id.to_string(),
        journey_id: row.journey_id,
        journey_version: row.version,
        state: row.state.name().to_owned(),
        step: row.context.step,
        wake_at: row.wake_at.map(to_proto_time),
        entered_at: Some(to_proto_time(row.entered_at)),
        ended_at: row.ended_at.map(to_proto_time),
        end_reason: row.end_reason,
        converted_at: row.converted_at.map(to_proto_time),
        instance_key: row.instance_key,
    }
}

fn message(row: Message) -> MessageProto {
    MessageProto {
        message_id: row.message_id.to_string(),
        lead_id: row.lead_id.to_string(),
        journey_id: row.journey_id,
        journey_version: row.version,
        step: row.step,
        occurrence: row.occurrence,
        state: row.state.name().to_owned(),
        reason: row.reason,
        queued_at: Some(to_proto_time(row.queued_at)),
        not_before: Some(to_proto_time(row.not_before)),
        sending_at: row.sending_at.map(to_proto_time),
        settled_at: row.settled_at.map(to_proto_time),
        attempts: row.attempt,
    }
}
