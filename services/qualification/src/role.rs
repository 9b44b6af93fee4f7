//! The role, put together: schema, consumer, workers, services.

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use leadflow_platform::access::Access;
use leadflow_platform::command;
use leadflow_platform::consumer::{Consumer, ConsumerConfig};
use leadflow_platform::grpc::{Authenticate, GrpcServices, MAX_MESSAGE_BYTES};
use leadflow_platform::health::{Check, Health};
use leadflow_platform::http::layers;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::migrate::Migrations;
use leadflow_platform::outbox::Publisher;
use leadflow_platform::pg::{Database, PgConfig};
use leadflow_platform::run::Tasks;
use leadflow_platform::server::{Limits, Listener, serve};
use leadflow_platform::timers::{Next, poll_loop};
use leadflow_platform::topics::Topic;
use leadflow_proto::qualification::v1::lead_service_server::LeadServiceServer;
use leadflow_proto::qualification::v1::qualification_admin_service_server::QualificationAdminServiceServer;
use tokio::sync::Notify;
use tonic::service::interceptor::InterceptedService;

use crate::fold_assignment::AssignmentHandler;
use crate::grpc::{Admin, Backend, Leads};
use crate::handler::EngagementHandler;
use crate::models::Models;
use crate::store;
use crate::workers::{Workers, ensure_partitions};

/// Name of the role, of its consumer group and of its offset rows.
pub const ROLE: &str = "qualification";
/// Schema and database role.
pub const SCHEMA: &str = "qualification";

/// What the role needs of the configuration.
#[derive(Clone, Debug)]
pub struct QualificationConfig {
    /// Its own schema.
    pub database: PgConfig,
    /// Batches, their size, where to begin.
    pub consumer: ConsumerConfig,
}

/// What the binary has already made.
#[derive(Debug)]
pub struct Parts {
    /// The tasks of the process.
    pub tasks: Tasks,
    /// Its health.
    pub health: Health,
    /// The keys, already watched.
    pub access: Access,
    /// The deployment's identity key.
    pub identity_key: IdentityKey,
    /// The broker.
    pub kafka: KafkaConfig,
}

/// Starts the role on `listener`. Ready when a scoring model is active, partitions are there and the consumer has its
/// partitions.
///
/// # Errors
/// If the schema cannot be migrated or belongs to another identity key.
pub async fn start(
    config: &QualificationConfig,
    parts: Parts,
    listener: Listener,
    limits: Limits,
) -> anyhow::Result<()> {
    let tasks = parts.tasks.clone();
    let router = build(config, parts).await?;
    serve(&tasks, ROLE, listener, router, limits);
    Ok(())
}

/// The routes of the role with everything behind them running.
///
/// # Errors
/// As [`start`].
pub async fn build(config: &QualificationConfig, parts: Parts) -> anyhow::Result<Router> {
    let Parts { tasks, health, access, identity_key, kafka } = parts;
    let database = Database::connect(&config.database, SCHEMA, ROLE).await.context("connect to the database")?;
    Migrations::new(&store::MIGRATIONS)?.up(&database).await.context("migrate the schema")?;
    database.check_identity_key(&identity_key).await?;
    ensure_partitions(&database).await.context("make partitions of the timeline")?;
    let incarnation = database.incarnation().await?;
    let publisher = Publisher::start(&tasks, &database, &kafka, &health);
    command::start_pruning(&tasks, &database);

    let (identity_key, models) = (Arc::new(identity_key), Arc::new(Models::default()));
    let committed = Arc::new(Notify::new());
    let workers = Workers {
        database: database.clone(),
        models: Arc::clone(&models),
        incarnation,
        publisher: publisher.clone(),
        committed: Arc::clone(&committed),
    };
    workers.start(&tasks, &health);
    let engagement =
        Arc::new(EngagementHandler::new(Arc::clone(&identity_key), Arc::clone(&models), incarnation, committed));
    let consumer = Consumer::new(ROLE, &database, &kafka, publisher.clone(), config.consumer.clone())
        .live(Topic::Engagement, Arc::clone(&engagement))
        .live(Topic::Assignment, Arc::new(AssignmentHandler::new(Arc::clone(&models), incarnation)))
        .bulk(Topic::EngagementBulk, engagement);
    start_with_a_model(&tasks, &health, &database, consumer);

    let backend = Backend { database, identity_key, models, incarnation };
    let services = services(&backend, Admin::new(backend.clone(), publisher), &access);
    Ok(layers(services.into_router(&tasks, &health)?))
}

fn services(backend: &Backend, admin: Admin, access: &Access) -> GrpcServices {
    let authenticate = Authenticate::new(access.clone());
    let leads = LeadServiceServer::new(Leads::new(backend.clone()))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let admin = QualificationAdminServiceServer::new(admin)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    GrpcServices::new()
        .add(InterceptedService::new(leads, authenticate.clone()))
        .add(InterceptedService::new(admin, authenticate))
}

/// Without a scoring model nothing can be decided: the consumer waits for the first one, and readiness says what to type.
fn start_with_a_model(tasks: &Tasks, health: &Health, database: &Database, consumer: Consumer) {
    let check = health.register("scoring-model");
    check.not_ready("no scoring model is active: leadflow model publish FILE");
    let waiting = Arc::new(std::sync::Mutex::new(Some((consumer, tasks.handle(), health.clone()))));
    let every = std::time::Duration::from_secs(1);
    let (own, wake) = (database.clone(), Arc::new(Notify::new()));
    poll_loop(tasks, health, database, "scoring-model", every, wake, move || {
        let (database, check, waiting) = (own.clone(), check.clone(), Arc::clone(&waiting));
        async move { look_for_a_model(&database, &check, &waiting).await }
    });
}

type Waiting = std::sync::Mutex<Option<(Consumer, Tasks, Health)>>;

async fn look_for_a_model(database: &Database, check: &Check, waiting: &Waiting) -> anyhow::Result<Next> {
    let is_waiting = waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_some();
    if !is_waiting {
        // A model can be replaced, never taken away.
        return Ok(Next::Within(std::time::Duration::from_secs(3600)));
    }
    let mut connection = database.pool().acquire().await?;
    if store::model::active(&mut connection).await?.is_none() {
        return Ok(Next::Rest);
    }
    let taken = waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    if let Some((consumer, tasks, health)) = taken {
        consumer.start(&tasks, &health);
    }
    check.ready();
    Ok(Next::Rest)
}
