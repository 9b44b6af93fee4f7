//! `NurtureAdminService`: journeys, and the switch that stops all mails.

use leadflow_platform::access::Scope;
use leadflow_platform::error::ApiError;
use leadflow_platform::grpc::grant;
use leadflow_proto::nurture::v1::nurture_admin_service_server::NurtureAdminService;
use leadflow_proto::nurture::v1::{
    GetJourneyRequest, GetJourneyResponse, GetSendingRequest, GetSendingResponse, Journey as JourneyProto, Lift,
    ListJourneysRequest, ListJourneysResponse, PauseJourneyRequest, PauseJourneyResponse, PauseSendingRequest,
    PauseSendingResponse, PreviewJourneyRequest, PreviewJourneyResponse, PublishJourneyRequest, PublishJourneyResponse,
    ResumeJourneyRequest, ResumeJourneyResponse, ResumeSendingRequest, ResumeSendingResponse, SendTestRequest,
    SendTestResponse, Sending as SendingProto, StepInsight,
};
use tonic::{Request, Response, Status};

use super::Desk;
use crate::store;
use crate::store::message::MessageState;
use crate::wire::to_proto_time;

/// The service.
pub struct Admin {
    desk: Desk,
}

impl Admin {
    /// Over the desk.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        Self { desk }
    }

    async fn pause(&self, journey_id: &str, paused: bool) -> Result<JourneyProto, ApiError> {
        let mut tx = self.desk.database.write_tx("pause_journey").await?;
        let found = store::journey::pause(tx.connection(), journey_id, paused).await?;
        tx.commit().await?;
        self.desk.wakers.steps.notify_one();
        self.desk.wakers.mails.notify_one();
        let journey = if found { self.desk.journey(journey_id, 0).await? } else { None };
        journey.map(|(journey, _)| journey).ok_or_else(|| ApiError::not_found("journey"))
    }
}

#[tonic::async_trait]
impl NurtureAdminService for Admin {
    async fn publish_journey(
        &self,
        request: Request<PublishJourneyRequest>,
    ) -> Result<Response<PublishJourneyResponse>, Status> {
        let grant = grant(&request)?;
        grant.require(Scope::Admin)?;
        Ok(Response::new(self.desk.publish(request.into_inner(), &grant.name).await?))
    }

    async fn list_journeys(
        &self,
        request: Request<ListJourneysRequest>,
    ) -> Result<Response<ListJourneysResponse>, Status> {
        grant(&request)?.require(Scope::Admin)?;
        let active = store::journey::active(self.desk.database.pool()).await.map_err(ApiError::from)?;
        let mut journeys = Vec::new();
        for (journey_id, ..) in active {
            journeys.extend(self.desk.journey(&journey_id, 0).await?.map(|(journey, _)| journey));
        }
        Ok(Response::new(ListJourneysResponse { journeys }))
    }

    async fn get_journey(&self, request: Request<GetJourneyRequest>) -> Result<Response<GetJourneyResponse>, Status> {
        grant(&request)?.require(Scope::Admin)?;
        let request = request.into_inner();
        let found = self.desk.journey(&request.journey_id, request.version).await?;
        let (journey, body) = found.ok_or_else(|| ApiError::not_found("journey"))?;
        let version = (request.version != 0).then_some(request.version);
        let (steps, lift) = self.desk.insight(&journey, version).await?;
        Ok(Response::new(GetJourneyResponse { journey: Some(journey), body, steps, lift: Some(lift) }))
    }

    async fn pause_journey(
        &self,
        request: Request<PauseJourneyRequest>,
    ) -> Result<Response<PauseJourneyResponse>, Status> {
        grant(&request)?.require(Scope::Admin)?;
        let journey = self.pause(&request.into_inner().journey_id, true).await?;
        Ok(Response::new(PauseJourneyResponse { journey: Some(journey) }))
    }

    async fn resume_journey(
        &self,
        request: Request<ResumeJourneyRequest>,
    ) -> Result<Response<ResumeJourneyResponse>, Status> {
        grant(&request)?.require(Scope::Admin)?;
        let journey = self.pause(&request.into_inner().journey_id, false).await?;
        Ok(Response::new(ResumeJourneyResponse { journey: Some(journey) }))
    }

    async fn preview_journey(
        &self,
        request: Request<PreviewJourneyRequest>,
    ) -> Result<Response<PreviewJourneyResponse>, Status> {
        grant(&request)?.require(Scope::Admin)?;
        Ok(Response::new(self.desk.preview(request.into_inner()).await?))
    }

    async fn send_test(&self, request: Request<SendTestRequest>) -> Result<Response<SendTestResponse>, Status> {
        grant(&request)?.require(Scope::Admin)?;
        Ok(Response::new(self.desk.send_test(request.into_inner()).await?))
    }

    async fn pause_sending(
        &self,
        request: Request<PauseSendingRequest>,
    ) -> Result<Response<PauseSendingResponse>, Status> {
        grant(&request)?.require(Scope::Admin)?;
        let reason = request.into_inner().reason;
        if reason.is_empty() || reason.len() > 500 {
            return Err(
                ApiError::invalid("reason", "takes 1 to 500 bytes: whoever finds it paused wants to know why").into()
            );
        }
        let mut tx = self.desk.database.write_tx("pause_sending").await.map_err(ApiError::from)?;
        let now = tx.now();
        store::sending::pause(tx.connection(), &reason, now).await.map_err(ApiError::from)?;
        tx.commit().await.map_err(ApiError::from)?;
        Ok(Response::new(PauseSendingResponse { sending: Some(self.desk.sending().await?) }))
    }

    async fn resume_sending(
        &self,
        request: Request<ResumeSendingRequest>,
    ) -> Result<Response<ResumeSendingResponse>, Status> {
        grant(&request)?.require(Scope::Admin)?;
        let mut tx = self.desk.database.write_tx("resume_sending").await.map_err(ApiError::from)?;
        let now = tx.now();
        store::sending::resume(tx.connection(), now).await.map_err(ApiError::from)?;
        tx.commit().await.map_err(ApiError::from)?;
        self.desk.wakers.mails.notify_one();
        Ok(Response::new(ResumeSendingResponse { sending: Some(self.desk.sending().await?) }))
    }

    async fn get_sending(&self, request: Request<GetSendingRequest>) -> Result<Response<GetSendingResponse>, Status> {
        grant(&request)?.require(Scope::ReadLeads)?;
        Ok(Response::new(GetSendingResponse { sending: Some(self.desk.sending().await?) }))
    }
}

impl Desk {
    async fn sending(&self) -> Result<SendingProto, ApiError> {
        let sending = store::sending::load(self.database.pool()).await?;
        let counts = store::sending::counts(self.database.pool()).await?;
        let name = |number: i16| MessageState::from_number(number).map_or("unknown", MessageState::name).to_owned();
        Ok(SendingProto {
            paused: sending.paused,
            reason: sending.reason,
            since: sending.since.map(to_proto_time),
            messages: counts.into_iter().map(|(state, n)| (name(state), n)).collect(),
        })
    }

    async fn insight(
        &self,
        journey: &JourneyProto,
        version: Option<i32>,
    ) -> Result<(Vec<StepInsight>, Lift), ApiError> {
        let pool = self.database.pool();
        let journey_id = &journey.journey_id;
        let tallies = store::insight::tallies(pool, journey_id, version).await?;
        let waiting = store::insight::waiting(pool, journey_id, version).await?;
        let mut connection = pool.acquire().await.map_err(leadflow_platform::pg::PgError::from)?;
        let compiled = self.journeys.get(&mut connection, journey_id, journey.version).await?;
        let mut steps = Vec::new();
        for step in compiled.iter().flat_map(|compiled| &compiled.journey.steps) {
            let count = |wanted: &str| {
                let own = tallies.iter().filter(|(of, what, _)| *of == step.id && what == wanted);
                own.map(|(.., n)| n).sum::<i64>()
            };
            let skipped = tallies.iter().filter(|(of, what, _)| *of == step.id && what.starts_with("skipped:"));
            steps.push(StepInsight {
                step: step.id.clone(),
                kind: step.action.kind().to_owned(),
                entered: count("entered"),
                waiting: waiting.iter().find(|(of, _)| *of == step.id).map_or(0, |(_, n)| *n),
                sent: count("sent"),
                failed: count("failed"),
                uncertain: count("uncertain"),
                clicked: count("clicked"),
                replied: count("replied"),
                skipped: skipped.map(|(_, what, n)| (what.trim_start_matches("skipped:").to_owned(), *n)).collect(),
            });
        }
        let mut lift = Lift::default();
        for (held_out, n, converted) in store::insight::lift(pool, journey_id, version).await? {
            match held_out {
                true => (lift.held_out, lift.held_out_converted) = (n, converted),
                false => (lift.enrolled, lift.enrolled_converted) = (n, converted),
            }
        }
        Ok((steps, lift))
    }
}
