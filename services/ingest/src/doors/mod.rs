//! The public doors. A door reads a request within its limits, asks who sends, lets the domain say what it means, waits for
//! the broker and answers. Whatever a client sends, the answer is never of ours to be ashamed of: 4xx with code and field,
//! or 503 with Retry-After while the broker is away.

mod answer;
mod body;
mod body_key;
mod email;
mod forms;
pub(crate) mod grpc;
mod hooks;
mod multipart;
mod openapi;
mod segment;
mod sender;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::{HeaderName, Method, header};
use leadflow_platform::access::Access;
use leadflow_platform::error::{ApiError, Code};
use leadflow_platform::http::{RequestLimits, limited};
use leadflow_platform::run::Tasks;
use tokio::sync::Semaphore;
use tower_http::cors::{Any, CorsLayer};

use self::body::BodyBudget;
use self::hooks::Replays;
use self::sender::RateLimits;
use crate::config::IngestConfig;
use crate::domain::limits;
use crate::domain::message::Call;
use crate::publish::Publisher;
use crate::sources::SourcesHandle;

/// Mails that are taken apart at one time: each may hold 25 MiB and its decoded text.
const MAILS_AT_A_TIME: usize = 4;
/// Memory for large bodies of hooks, apart from all others: whose a signed body is, is known only when all of it is here.
const HOOK_MEMORY_MIB: u32 = 128;
/// A browser asks once a day whether it may send.
const PREFLIGHT_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// From the headers of a request to its answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What all doors stand on. One per process, shared by all requests.
#[derive(Debug)]
pub(crate) struct Doors {
    access: Access,
    sources: SourcesHandle,
    publisher: Publisher,
    rate_limits: Arc<RateLimits>,
    body_budget: BodyBudget,
    mail_slots: Semaphore,
    hook_budget: BodyBudget,
    replays: Replays,
    public_url: Option<String>,
}

impl Doors {
    pub(crate) fn new(
        config: &IngestConfig,
        access: Access,
        sources: SourcesHandle,
        publisher: Publisher,
        tasks: &Tasks,
    ) -> Arc<Self> {
        let rate_limits = Arc::new(RateLimits::new(config.events_per_second, config.form_posts_per_second));
        rate_limits.tend(tasks);
        Arc::new(Self {
            access,
            sources,
            publisher,
            rate_limits,
            body_budget: BodyBudget::new(config.body_memory_mib),
            mail_slots: Semaphore::new(MAILS_AT_A_TIME),
            hook_budget: BodyBudget::new(HOOK_MEMORY_MIB),
            replays: Replays::new(),
            public_url: config.public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned()),
        })
    }
}

/// The calls of the Segment protocol with their long and short paths.
const CALLS: [(&str, &str, Call); 6] = [
    ("/v1/identify", "/v1/i", Call::Identify),
    ("/v1/track", "/v1/t", Call::Track),
    ("/v1/page", "/v1/p", Call::Page),
    ("/v1/screen", "/v1/s", Call::Screen),
    ("/v1/group", "/v1/g", Call::Group),
    ("/v1/alias", "/v1/a", Call::Alias),
];

/// The routes of all HTTP doors.
pub(crate) fn router(doors: Arc<Doors>) -> Router {
    let mut events = Router::new();
    for (long, short, call) in CALLS {
        let take = move |State(doors): State<Arc<Doors>>, request: Request| segment::single(doors, call, request);
        events = events.route(long, post(take)).route(short, post(take));
    }
    let batch = |State(doors): State<Arc<Doors>>, request: Request| segment::batch(doors, segment::Way::Live, request);
    let import =
        |State(doors): State<Arc<Doors>>, request: Request| segment::batch(doors, segment::Way::Import, request);
    let events = events
        .route("/v1/batch", post(batch))
        .route("/v1/b", post(batch))
        .route("/v1/import", post(import))
        .route("/v1/forms/{form}", post(form))
        .route("/v1/projects/{write_key}/settings", get(settings::analytics_next))
        .route("/sourceConfig", get(settings::rudderstack))
        .route("/sourceConfig/", get(settings::rudderstack))
        // Set here, before the layer: one that is set later would answer preflights without passing it.
        .method_not_allowed_fallback(no_such_method);
    let mail = Router::new().route("/v1/email/{mailbox}", post(mail)).route("/hooks/{hook}", post(hook));
    let limits_of = |body_bytes| RequestLimits { body_bytes, timeout: TIMEOUT };
    limited(events, limits_of(limits::RUDDERSTACK_BATCH_BYTES))
        .layer(cross_origin())
        .merge(limited(mail, limits_of(limits::MAIL_BYTES)))
        .with_state(doors)
        .route("/openapi.json", get(openapi::document))
}

/// Any page may ask; whether its key may be used from there is said by the answer itself. No cookies, ever.
fn cross_origin() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::OPTIONS])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::CONTENT_ENCODING,
            HeaderName::from_static("x-retry-count"),
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("anonymousid"),
            HeaderName::from_static("traceparent"),
        ])
        .expose_headers([header::RETRY_AFTER, HeaderName::from_static("x-request-id")])
        .max_age(PREFLIGHT_AGE)
}

async fn no_such_method() -> ApiError {
    ApiError::new(Code::MethodNotAllowed, "this path exists, but not with this method")
}

async fn form(State(doors): State<Arc<Doors>>, Path(form): Path<String>, request: Request) -> Response {
    forms::take(&doors, &form, request).await.unwrap_or_else(|error| error.into_response())
}

async fn mail(State(doors): State<Arc<Doors>>, Path(mailbox): Path<String>, request: Request) -> Response {
    email::take(&doors, &mailbox, request).await.unwrap_or_else(|error| error.into_response())
}

async fn hook(State(doors): State<Arc<Doors>>, Path(hook): Path<String>, request: Request) -> Response {
    hooks::take(&doors, &hook, request).await.unwrap_or_else(|error| error.into_response())
}
