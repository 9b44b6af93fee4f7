//! gRPC on the same port as HTTP: rich errors, keys, health, reflection, limits, panics.

use std::time::Duration;

use axum::Router;
use axum::routing::get as on_get;
use leadflow_platform::access::{self, Access, NewKey, Scope};
use leadflow_platform::clock::wall_now;
use leadflow_platform::error::{ApiError, FieldError};
use leadflow_platform::grpc::{Authenticate, GrpcServices, MAX_MESSAGE_BYTES, grant};
use leadflow_platform::health::{Check, Health};
use leadflow_platform::http;
use leadflow_platform::run::Tasks;
use leadflow_platform::server::{self, Limits};
use leadflow_proto::ingest::v1::ingest_service_client::IngestServiceClient;
use leadflow_proto::ingest::v1::ingest_service_server::{IngestService, IngestServiceServer};
use leadflow_proto::ingest::v1::{Event, PublishEventsRequest, PublishEventsResponse, PublishResult};
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use crate::support::{Folder, PATIENCE};

/// Does what the first event's type says.
struct Door;

#[tonic::async_trait]
impl IngestService for Door {
    async fn publish_events(
        &self,
        request: Request<PublishEventsRequest>,
    ) -> Result<Response<PublishEventsResponse>, Status> {
        let grant = grant(&request)?;
        grant.require(Scope::Publish)?;
        let event = request.into_inner().events.into_iter().next().unwrap_or_default();
        match event.r#type.as_str() {
            "panic" => panic!("jane@example.com"),
            "wait" => std::future::pending().await,
            "large" => Ok(Response::new(answer(&"x".repeat(MAX_MESSAGE_BYTES)))),
            "invalid" => {
                let fields = (0..100)
                    .map(|index| FieldError {
                        pointer: format!("events[{index}].email"),
                        message: "is not an address; ".repeat(20),
                    })
                    .collect();
                Err(ApiError::invalid_fields(fields).with_metadata("limit", "20").into())
            }
            // As a handler that could not read its own rows would say it.
            "defect" => {
                let mut defect = ApiError::internal("a row cannot be read", "failed to decode Protobuf message");
                defect.message = "failed to decode Protobuf message of a row".to_owned();
                Err(defect.into())
            }
            "expired" => {
                let message = "Error, decoded message length too large";
                Err(ApiError::out_of_range("CURSOR_EXPIRED", message).into())
            }
            "later" => Err(ApiError::unavailable("the broker is away").into()),
            _ => Ok(Response::new(answer(&grant.name))),
        }
    }
}

fn answer(text: &str) -> PublishEventsResponse {
    let result = PublishResult { message_id: text.to_owned(), ..PublishResult::default() };
    PublishEventsResponse { results: vec![result] }
}

pub(crate) struct Role {
    tasks: Tasks,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) key: String,
    check: Check,
    _folder: Folder,
}

impl Role {
    pub(crate) async fn start() -> Self {
        let folder = Folder::new();
        let keys = folder.path("keys.yaml");
        let new = NewKey { name: "sender".into(), scopes: vec![Scope::Publish], ..NewKey::default() };
        let (key, _) = access::create(&keys, new, wall_now()).expect("a key");
        let access = Access::load(&keys).expect("keys");
        let (tasks, health) = (Tasks::new(), Health::new());
        let check = health.register("broker");
        let door = IngestServiceServer::new(Door)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let door = InterceptedService::new(door, Authenticate::new(access));
        let grpc = GrpcServices::new().add(door).into_router(&tasks, &health).expect("routes");
        let router = http::layers(Router::new().route("/", on_get(|| async { "hello" })).merge(grpc));
        let listener = server::bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let address = listener.local_addr();
        server::serve(&tasks, "public", listener, router, Limits::default());
        Self { tasks, address, key: key.as_str().to_owned(), check, _folder: folder }
    }

    async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).expect("an address");
        endpoint.timeout(PATIENCE).connect().await.expect("a connection")
    }

    pub(crate) fn request(&self, kind: &str) -> Request<PublishEventsRequest> {
        let event = Event { r#type: kind.to_owned(), ..Event::default() };
        let mut request = Request::new(PublishEventsRequest { events: vec![event], ..PublishEventsRequest::default() });
        let key = MetadataValue::try_from(format!("Bearer {}", self.key)).expect("metadata");
        request.metadata_mut().insert("authorization", key);
        request
    }

    pub(crate) async fn ask(&self, request: Request<PublishEventsRequest>) -> Result<String, Status> {
        let mut client = IngestServiceClient::new(self.channel().await).max_decoding_message_size(64 << 20);
        let response = client.publish_events(request).await?.into_inner();
        Ok(response.results[0].message_id.clone())
    }

    async fn refused(&self, request: Request<PublishEventsRequest>) -> Status {
        self.ask(request).await.expect_err("refused")
    }

    pub(crate) async fn stop(self) {
        self.tasks.run_until(std::future::ready(()), PATIENCE).await.expect("a clean end");
    }
}

pub(crate) fn reason(status: &Status) -> String {
    let info = status.get_details_error_info().expect("ErrorInfo");
    assert_eq!(info.domain, "leadflow");
    info.reason
}

#[tokio::test]
async fn one_port_serves_grpc_and_http() {
    let role = Role::start().await;
    assert_eq!(role.ask(role.request("")).await.expect("an answer"), "sender");
    let mut stream = tokio::net::TcpStream::connect(role.address).await.expect("a connection");
    use tokio::io::AsyncWriteExt as _;
    stream.write_all(crate::support::get("/").as_bytes()).await.expect("sent");
    assert_eq!(crate::support::Answer::read_to_end(&mut stream).await.body(), "hello");
    role.stop().await;
}

#[tokio::test]
async fn errors_carry_reason_fields_retry_and_request() {
    let role = Role::start().await;
    let status = role.refused(role.request("invalid")).await;
    assert_eq!((status.code(), reason(&status).as_str()), (tonic::Code::InvalidArgument, "INVALID_ARGUMENT"));
    let details = status.get_error_details();
    assert_eq!(details.error_info().expect("info").metadata["limit"], "20");
    let fields = &details.bad_request().expect("fields").field_violations;
    assert_eq!((fields.len(), fields[0].field.as_str()), (20, "events[0].email"), "what fits into a header");
    let request_id = &details.request_info().expect("the request").request_id;
    assert_eq!(status.metadata().get("x-request-id").and_then(|id| id.to_str().ok()), Some(request_id.as_str()));

    let status = role.refused(role.request("later")).await;
    assert_eq!((status.code(), reason(&status).as_str()), (tonic::Code::Unavailable, "UNAVAILABLE"));
    assert_eq!(status.get_details_retry_info().expect("when").retry_delay, Some(Duration::from_secs(2)));
    role.stop().await;
}

#[tokio::test]
async fn a_panic_is_internal_and_tells_nothing() {
    let role = Role::start().await;
    let status = role.refused(role.request("panic")).await;
    assert_eq!((status.code(), reason(&status).as_str()), (tonic::Code::Internal, "INTERNAL"));
    assert!(!format!("{status:?}").contains("jane"), "{status:?}");
    assert_eq!(role.ask(role.request("")).await.expect("the server goes on"), "sender");
    role.stop().await;
}

#[tokio::test]
async fn without_a_valid_key_nothing_is_done() {
    let role = Role::start().await;
    let mut request = role.request("panic");
    request.metadata_mut().remove("authorization");
    let status = role.refused(request).await;
    assert_eq!((status.code(), reason(&status).as_str()), (tonic::Code::Unauthenticated, "API_KEY_MISSING"));
    let mut request = role.request("panic");
    request.metadata_mut().insert("authorization", MetadataValue::from_static("Bearer lf_guess"));
    let status = role.refused(request).await;
    assert_eq!((status.code(), reason(&status).as_str()), (tonic::Code::Unauthenticated, "API_KEY_INVALID"));
    role.stop().await;
}

#[tokio::test]
async fn messages_have_a_limit_both_ways() {
    let role = Role::start().await;
    let status = role.refused(role.request(&"x".repeat(MAX_MESSAGE_BYTES))).await;
    assert_eq!((status.code(), reason(&status).as_str()), (tonic::Code::ResourceExhausted, "PAYLOAD_TOO_LARGE"));
    assert!(status.message().contains("the limit is: 4194304 bytes"), "{status:?}");
    let status = role.refused(role.request("large")).await;
    assert_eq!(status.code(), tonic::Code::OutOfRange, "{status:?}");
    let fits = role.ask(role.request(&"x".repeat(MAX_MESSAGE_BYTES - 100))).await;
    assert_eq!(fits.expect("an answer"), "sender");
    role.stop().await;
}

#[tokio::test]
async fn health_follows_readiness_and_watchers_do_not_hold_the_drain() {
    let role = Role::start().await;
    let mut client = HealthClient::new(role.channel().await);
    let serving = async |client: &mut HealthClient<Channel>, service: &str| {
        let request = HealthCheckRequest { service: service.to_owned() };
        client.check(request).await.expect("known").into_inner().status().as_str_name()
    };
    let until = async |client: &mut HealthClient<Channel>, service: &str, expected: &str| {
        let wait = async {
            while serving(client, service).await != expected {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("a change");
    };
    for service in ["", "leadflow.ingest.v1.IngestService"] {
        role.check.not_ready("the broker is away");
        until(&mut client, service, "NOT_SERVING").await;
        role.check.ready();
        until(&mut client, service, "SERVING").await;
    }
    let request = HealthCheckRequest { service: "no.such.Service".to_owned() };
    assert_eq!(client.check(request).await.expect_err("unknown").code(), tonic::Code::NotFound);

    let watched = client.watch(HealthCheckRequest::default()).await.expect("a stream");
    let mut watched = watched.into_inner();
    assert_eq!(watched.message().await.expect("a message").expect("one").status().as_str_name(), "SERVING");
    let watch = async {
        let mut last = None;
        while let Ok(Some(message)) = watched.message().await {
            last = Some(message.status().as_str_name().to_owned());
        }
        last
    };
    let ((), last) = tokio::join!(role.stop(), watch);
    assert_eq!(last.as_deref(), Some("NOT_SERVING"));
}

#[tokio::test]
async fn reflection_knows_our_services_and_unknown_ones_are_unimplemented() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let role = Role::start().await;
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(role.channel().await);
    let mut answers = client.server_reflection_info(futures::stream::iter([ask])).await.expect("a stream").into_inner();
    let answer = answers.message().await.expect("a message").expect("one").message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for name in ["leadflow.ingest.v1.IngestService", "grpc.health.v1.Health"] {
        assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
    }
    drop(answers);

    let mut other = leadflow_proto::assignment::v1::assignment_admin_service_client::AssignmentAdminServiceClient::new(
        role.channel().await,
    );
    let status = other.list_reps(Request::new(Default::default())).await.expect_err("not here");
    assert_eq!(status.code(), tonic::Code::Unimplemented);
    role.stop().await;
}
