//! `leadflow serve`: puts a role together from the platform's parts and runs it until a signal. Every role of the process
//! has its own port and its own ops port; tasks, telemetry, keys and the identity key are shared.

mod assignment;
mod ingest;
mod nurture;
mod qualification;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use leadflow_platform::access::Access;
use leadflow_platform::causes::causes;
use leadflow_platform::health::Health;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::pg::{Database, PgConfig};
use leadflow_platform::run::{DRAIN, Tasks};
use leadflow_platform::server::{self, Limits, Listener};
use leadflow_platform::telemetry::{self, Telemetry};
use leadflow_platform::topics::{self, Mismatch, Topic, TopicsError, TopicsFile};

use crate::cli::{Global, Role};

/// What every role of the process shares.
struct Shared {
    tasks: Tasks,
    telemetry: Telemetry,
    access: Access,
    identity_key: IdentityKey,
    kafka: KafkaConfig,
    topics: TopicsFile,
}

/// Runs until SIGTERM or Ctrl-C, or until a task fails.
pub(crate) async fn run(global: &Global, role: Role) -> anyhow::Result<()> {
    let config = crate::config::load(global)?;
    let telemetry = telemetry::init(&config.telemetry, service_name(role))?;
    let tasks = Tasks::new();
    let access = Access::load(&config.keys_file)?;
    access.watch(&tasks);
    let shared = Shared {
        tasks: tasks.handle(),
        telemetry: telemetry.clone(),
        access,
        identity_key: IdentityKey::load(&config.identity_key_file)?,
        kafka: config.kafka.clone(),
        topics: topics::load(Some(&config.topics_file))?,
    };
    let plays = |wanted: Role| role == wanted || role == Role::All;
    let missing = |section: &str| format!("the configuration has no section `{section}`");
    if plays(Role::Assignment) {
        assignment::start(config.assignment.as_ref().with_context(|| missing("assignment"))?, &shared).await?;
    }
    if plays(Role::Qualification) {
        qualification::start(config.qualification.as_ref().with_context(|| missing("qualification"))?, &shared).await?;
    }
    if (plays(Role::Nurture) || plays(Role::Ingest))
        && let Err(error) = crate::answers::check(&config)
    {
        tracing::warn!("what comes back to mails: {}", causes(&error));
    }
    // On a laptop what is not configured does not run; a role that is asked for by name must be.
    if role == Role::Nurture || (role == Role::All && config.nurture.is_some()) {
        nurture::start(config.nurture.clone().with_context(|| missing("nurture"))?, &shared).await?;
    }
    if plays(Role::Ingest) {
        ingest::start(config.ingest.as_ref().with_context(|| missing("ingest"))?, &shared).await?;
    }
    let result = tasks.run_until_signal(DRAIN).await;
    match &result {
        Ok(()) => tracing::info!("stopped"),
        Err(error) => tracing::error!("stopping: {}", causes(error)),
    }
    telemetry.shutdown().await;
    result
}

const fn service_name(role: Role) -> &'static str {
    match role {
        Role::All => "leadflow",
        Role::Ingest => "leadflow-ingest",
        Role::Qualification => "leadflow-qualification",
        Role::Assignment => "leadflow-assignment",
        Role::Nurture => "leadflow-nurture",
    }
}

/// The topics must be as the topics file says; a broker that is away at the start is waited for, since everything is
/// started at once where many machines come up together.
async fn require_topics(shared: &Shared, wanted: &[Topic]) -> anyhow::Result<()> {
    let missing_until = tokio::time::Instant::now() + TOPICS_APPEAR_WITHIN;
    loop {
        match topics::require(&shared.kafka, &shared.topics, wanted).await {
            Err(TopicsError::Mismatches(found))
                if found
                    .iter()
                    .all(|one| matches!(one, Mismatch::Missing { .. } | Mismatch::LongerRetention { .. }))
                    && tokio::time::Instant::now() < missing_until =>
            {
                tokio::time::sleep(RETRY).await;
            }
            // Told by the clients of the broker, once.
            Err(TopicsError::Unreachable { .. }) => tokio::time::sleep(RETRY).await,
            other => return Ok(other?),
        }
    }
}

/// A database that is away at the start is waited for. A schema without tables answers too: the role then migrates it.
async fn wait_for_database(config: &PgConfig, schema: &'static str) -> anyhow::Result<()> {
    Database::wait_until_there(config, schema).await;
    Ok(())
}

/// Topics that were just created reach every broker a moment later.
const TOPICS_APPEAR_WITHIN: Duration = Duration::from_secs(10);

/// Between two looks for a broker at the start.
const RETRY: Duration = Duration::from_secs(1);

/// Binds the public port and serves health and metrics of one role on its ops port.
async fn open(
    shared: &Shared,
    health: &Health,
    name: &'static str,
    listen: SocketAddr,
    ops_listen: Option<SocketAddr>,
) -> anyhow::Result<Listener> {
    let listener = server::bind(listen).await?;
    let port = listener.local_addr().port();
    let ops = ops_listen.unwrap_or_else(|| SocketAddr::new(listen.ip(), port.wrapping_add(1000)));
    let ops_listener = server::bind(ops).await?;
    let router = health.router(Some(shared.telemetry.clone()));
    tracing::info!("{name} on http://{} (ops on {})", listener.local_addr(), ops_listener.local_addr());
    server::serve(&shared.tasks, "ops", ops_listener, router, Limits::default());
    health.watch(&shared.tasks);
    Ok(listener)
}
