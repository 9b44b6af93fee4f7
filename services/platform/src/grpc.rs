//! gRPC on the port of HTTP: services as routes, health in step with `/readyz`, reflection, keys, the metric of each call.
//!
//! Size limits belong to each generated server: `.max_decoding_message_size(MAX_MESSAGE_BYTES)` and the same for encoding
//! (tonic's own default lets answers grow without bound).

use std::convert::Infallible;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::middleware;
use http::Request;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::{Routes, RoutesBuilder};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::Service;

use crate::health::Health;
use crate::run::Tasks;

mod auth;
mod call;
mod codec;
mod deadline;

pub use auth::{Authenticate, grant};
pub(crate) use call::{CallObserver, call_name};
pub(crate) use codec::blame_the_caller;

/// Largest message, both ways.
pub const MAX_MESSAGE_BYTES: usize = 4 << 20;
/// Until the first answer of a call. A stream may go on after that.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The gRPC services of a role.
#[derive(Debug, Default)]
pub struct GrpcServices {
    routes: RoutesBuilder,
    names: Vec<&'static str>,
}

impl GrpcServices {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a service, with its size limits set.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "nothing is added up here; tonic and axum name it the same")]
    pub fn add<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.routes.add_service(service);
        self
    }

    /// Adds health and reflection and gives the routes, to be merged with those of HTTP.
    ///
    /// # Errors
    /// If the descriptors of the protos are not usable.
    pub fn into_router(mut self, tasks: &Tasks, health: &Health) -> anyhow::Result<Router> {
        let (reporter, health_server) = tonic_health::server::health_reporter();
        self.names.push("");
        self.routes.add_service(health_server.max_decoding_message_size(MAX_MESSAGE_BYTES));
        self.routes.add_service(reflection()?);
        follow_health(tasks, health, reporter, self.names);
        let routes: Routes = self.routes.routes();
        Ok(routes.into_axum_router().layer(middleware::from_fn_with_state(CALL_TIMEOUT, deadline::limit)))
    }
}

/// Whether a `content-type` is gRPC's.
#[must_use]
pub fn is_grpc(content_type: Option<&http::HeaderValue>) -> bool {
    content_type.is_some_and(|value| {
        let rest = value.as_bytes().strip_prefix(b"application/grpc");
        // `application/grpc-web` is another protocol, which nobody speaks here.
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
    })
}

fn reflection() -> anyhow::Result<
    tonic_reflection::server::v1::ServerReflectionServer<impl tonic_reflection::server::v1::ServerReflection>,
> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(leadflow_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .context("could not set up gRPC reflection")
}

fn follow_health(tasks: &Tasks, health: &Health, mut reporter: HealthReporter, names: Vec<&'static str>) {
    let (mut ready, stop) = (health.subscribe(), tasks.stop_token());
    tasks.spawn("grpc-health", async move {
        loop {
            let is_ready = *ready.borrow_and_update();
            let status = if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing };
            for name in &names {
                reporter.set_service_status(name, status).await;
            }
            if !matches!(stop.run_until_cancelled(ready.changed()).await, Some(Ok(()))) {
                break;
            }
        }
        for name in &names {
            reporter.set_service_status(name, ServingStatus::NotServing).await;
            // Ends the streams of those who watch; else the drain would wait for them.
            reporter.clear_service_status(name).await;
        }
        Ok(())
    });
}
