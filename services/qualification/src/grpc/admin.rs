//! `QualificationAdminService`: publish scoring models, fold a person anew, erase a person. Scope: admin.

use leadflow_platform::access::Scope;
use leadflow_platform::error::{ApiError, FieldError};
use leadflow_platform::grpc::grant;
use leadflow_platform::outbox::PublisherHandle;
use leadflow_proto::qualification::v1::qualification_admin_service_server::QualificationAdminService;
use leadflow_proto::qualification::v1::{
    ErasePersonRequest, ErasePersonResponse, ListModelsRequest, ListModelsResponse, Model, PublishModelRequest,
    PublishModelResponse, RecomputePersonRequest, RecomputePersonResponse,
};
use sha2::{Digest as _, Sha256};
use tonic::{Request, Response, Status};

use super::Backend;
use crate::domain::rules::{Finding, compile};
use crate::store;
use crate::store::model::ModelRow;
use crate::wire::to_proto_time;

/// Largest model, bytes.
const LARGEST_MODEL: usize = 256 * 1024;

/// The service.
pub struct Admin {
    pub(super) backend: Backend,
    pub(super) publisher: PublisherHandle,
}

impl Admin {
    /// `publisher` is woken after a command that tells something.
    #[must_use]
    pub fn new(backend: Backend, publisher: PublisherHandle) -> Self {
        Self { backend, publisher }
    }

    async fn publish(&self, request: PublishModelRequest) -> Result<PublishModelResponse, ApiError> {
        if request.body.len() > LARGEST_MODEL {
            return Err(ApiError::invalid("body", "is longer than 256 KiB"));
        }
        let compiled = compile(&request.body).map_err(|findings| faults(&findings))?;
        if request.validate_only {
            let model = Model {
                name: compiled.name().to_owned(),
                sha256: hex(&Sha256::digest(&request.body)),
                ..Model::default()
            };
            return Ok(PublishModelResponse { model: Some(model), created: false });
        }
        let mut tx = self.backend.database.write_tx("publish_model").await?;
        let now = tx.now();
        let (model_no, created) = store::model::publish(tx.connection(), compiled.name(), &request.body, now).await?;
        let rows = store::model::list(tx.connection()).await?;
        tx.commit().await?;
        let row = rows.iter().find(|row| row.model_no == model_no);
        Ok(PublishModelResponse { model: row.map(model), created })
    }
}

#[tonic::async_trait]
impl QualificationAdminService for Admin {
    async fn publish_model(
        &self,
        request: Request<PublishModelRequest>,
    ) -> Result<Response<PublishModelResponse>, Status> {
        grant(&request)?.require(Scope::Admin)?;
        Ok(Response::new(self.publish(request.into_inner()).await?))
    }

    async fn list_models(&self, request: Request<ListModelsRequest>) -> Result<Response<ListModelsResponse>, Status> {
        grant(&request)?.require(Scope::Admin)?;
        let acquired = self.backend.database.pool().acquire().await;
        let mut connection = acquired.map_err(leadflow_platform::pg::PgError::from).map_err(ApiError::from)?;
        let rows = store::model::list(&mut connection).await.map_err(ApiError::from)?;
        Ok(Response::new(ListModelsResponse { models: rows.iter().map(model).collect() }))
    }

    async fn recompute_person(
        &self,
        request: Request<RecomputePersonRequest>,
    ) -> Result<Response<RecomputePersonResponse>, Status> {
        grant(&request)?.require(Scope::Admin)?;
        Ok(Response::new(self.recompute(request.into_inner()).await?))
    }

    async fn erase_person(
        &self,
        request: Request<ErasePersonRequest>,
    ) -> Result<Response<ErasePersonResponse>, Status> {
        let caller = grant(&request)?;
        caller.require(Scope::Admin)?;
        Ok(Response::new(self.erase(&caller.name, request.into_inner()).await?))
    }
}

/// Every fault with its place in the file.
fn faults(findings: &[Finding]) -> ApiError {
    let field = |finding: &Finding| FieldError { pointer: finding.path.clone(), message: finding.to_string() };
    ApiError::invalid_fields(findings.iter().filter(|finding| finding.is_fault()).map(field).collect())
        .with_reason("MODEL_INVALID")
}

fn model(row: &ModelRow) -> Model {
    Model {
        model_no: row.model_no,
        name: row.name.clone(),
        sha256: hex(&row.sha256),
        active: row.active,
        published_at: Some(to_proto_time(row.published_at)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
