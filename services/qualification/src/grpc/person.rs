//! Commands about one person: fold anew, erase.

use leadflow_platform::command::{self, Begun};
use leadflow_platform::consumer::HandlerError;
use leadflow_platform::error::ApiError;
use leadflow_platform::outbox;
use leadflow_proto::qualification::v1::{
    ErasePersonRequest, ErasePersonResponse, RecomputePersonRequest, RecomputePersonResponse, erase_person_request,
    recompute_person_request,
};
use prost::Message as _;
use uuid::Uuid;

use super::Backend;
use super::admin::Admin;
use super::find::{Who, missing_key};
use crate::store::review::Reason;
use crate::{erase, recompute};

/// How often a command is tried when identifiers move at the same time.
const ATTEMPTS: u32 = 10;

impl Admin {
    pub(super) async fn recompute(&self, request: RecomputePersonRequest) -> Result<RecomputePersonResponse, ApiError> {
        use recompute_person_request::Key;
        let who = match request.key.ok_or_else(missing_key)? {
            Key::PersonId(id) => Who::Person(id),
            Key::LeadId(id) => Who::Lead(id),
            Key::Email(email) => Who::Email(email),
            Key::AnonymousId(id) => Who::Anonymous(id),
        };
        for _ in 0..ATTEMPTS {
            let person = self.find(&who).await?;
            let Backend { database, models, incarnation, .. } = &self.backend;
            let done = match recompute::run(database, models, *incarnation, person, Reason::Command).await {
                Err(HandlerError::Again(_)) => continue,
                Err(HandlerError::Pg(error)) => return Err(error.into()),
                Ok(done) => done.ok_or_else(|| ApiError::not_found("person"))?,
            };
            self.publisher.wake();
            return Ok(RecomputePersonResponse {
                person_id: done.person_uid.to_string(),
                changed: done.changed,
                engagement_milli_points: done.score_milli,
                fit_grade: done.grade.as_str().to_owned(),
            });
        }
        Err(ApiError::unavailable("the person's identifiers keep moving; try again"))
    }

    pub(super) async fn erase(
        &self,
        caller: &str,
        request: ErasePersonRequest,
    ) -> Result<ErasePersonResponse, ApiError> {
        for _ in 0..ATTEMPTS {
            match self.erase_once(caller, &request).await {
                Err(Failed::Again) => {}
                Err(Failed::For(error)) => return Err(error),
                Ok(response) => {
                    self.publisher.wake();
                    return Ok(response);
                }
            }
        }
        Err(ApiError::unavailable("the person's identifiers keep moving; try again"))
    }

    async fn erase_once(&self, caller: &str, request: &ErasePersonRequest) -> Result<ErasePersonResponse, Failed> {
        let who = erased(request)?;
        let Backend { database, models, incarnation, identity_key } = &self.backend;
        let mut tx = database.write_tx("erase").await?;
        let keyed = !request.request_id.is_empty();
        let hash =
            command::request_hash(&ErasePersonRequest { request_id: String::new(), ..request.clone() }.encode_to_vec());
        if keyed && let Begun::Replayed(reply) = command::begin(&mut tx, caller, &request.request_id, &hash).await? {
            let reply = ErasePersonResponse::decode(reply.as_slice());
            return reply.map_err(|error| Failed::For(ApiError::internal("a kept reply cannot be read", error)));
        }
        let found = self.backend.find(tx.connection(), &who).await?;
        let request_id = if keyed { request.request_id.clone() } else { Uuid::now_v7().to_string() };
        let eraser = erase::Eraser { models, identity_key, incarnation: *incarnation };
        let done = erase::erase(&mut tx, eraser, found.person, &request_id).await?;
        let done = done.ok_or_else(|| ApiError::not_found("person"))?;
        outbox::append(&mut tx, &done.outbox).await?;
        let response = ErasePersonResponse {
            person_id: done.person_uid.to_string(),
            timeline_entries: i32::try_from(done.timeline_entries).unwrap_or(i32::MAX),
            lead_ids: done.lead_ids.iter().map(Uuid::to_string).collect(),
        };
        if keyed {
            command::finish(&mut tx, caller, &request.request_id, &response.encode_to_vec()).await?;
        }
        tx.commit().await?;
        Ok(response)
    }

    async fn find(&self, who: &Who) -> Result<crate::domain::identity::PersonId, ApiError> {
        let acquired = self.backend.database.pool().acquire().await;
        let mut connection = acquired.map_err(leadflow_platform::pg::PgError::from)?;
        Ok(self.backend.find(&mut connection, who).await?.person)
    }
}

fn erased(request: &ErasePersonRequest) -> Result<Who, ApiError> {
    use erase_person_request::Key;
    Ok(match request.key.clone().ok_or_else(missing_key)? {
        Key::PersonId(id) => Who::Person(id),
        Key::LeadId(id) => Who::Lead(id),
        Key::Email(email) => Who::Email(email),
        Key::AnonymousId(id) => Who::Anonymous(id),
    })
}

/// Why one attempt did not erase.
enum Failed {
    /// The same again.
    Again,
    /// For good.
    For(ApiError),
}

impl From<ApiError> for Failed {
    fn from(error: ApiError) -> Self {
        Self::For(error)
    }
}

impl From<leadflow_platform::pg::PgError> for Failed {
    fn from(error: leadflow_platform::pg::PgError) -> Self {
        Self::For(error.into())
    }
}

impl From<HandlerError> for Failed {
    fn from(error: HandlerError) -> Self {
        match error {
            HandlerError::Again(_) => Self::Again,
            HandlerError::Pg(error) => error.into(),
        }
    }
}
