//! Keys on gRPC: the same `authorization` metadata as HTTP.

use std::sync::Arc;

use tonic::service::Interceptor;
use tonic::{Request, Status};

use crate::access::{Access, Grant};
use crate::error::ApiError;

/// Lets a call through only with a valid key, and keeps the grant for [`grant`]. Scopes are the method's business.
#[derive(Clone, Debug)]
pub struct Authenticate {
    access: Access,
}

impl Authenticate {
    /// For `InterceptedService::new(server, Authenticate::new(access))`.
    #[must_use]
    pub fn new(access: Access) -> Self {
        Self { access }
    }
}

impl Interceptor for Authenticate {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let authorization = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        let grant = self.access.from_authorization(authorization, crate::clock::wall_now()).map_err(Status::from)?;
        request.extensions_mut().insert(grant);
        Ok(request)
    }
}

/// The grant of the caller.
///
/// # Errors
/// `UNAUTHENTICATED` if the service has no [`Authenticate`] around it.
pub fn grant<T>(request: &Request<T>) -> Result<Arc<Grant>, Status> {
    let found = request.extensions().get::<Arc<Grant>>().cloned();
    found.ok_or_else(|| {
        ApiError::unauthenticated("API_KEY_MISSING", "send a key: `authorization: Bearer lf_...`").into()
    })
}
