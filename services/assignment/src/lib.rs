//! assignment: which sales executive gets the lead, fairly, and how the outside hears of it. Consumes `lead`; its state is
//! schema `assignment`; it tells what happened on `assignment`, and reads that topic back into the stream that it serves.
//!
//! `domain` decides and touches nothing; `handler` takes leads in, `planner` places them and lets offers expire, `grpc` takes
//! the commands of reps and administrators, all three through `change`, which is the only place where a lead, its decision
//! and its event change together; `store` holds every statement; `wire` converts; `stream` serves what was told.
//! Dependencies point one way: grpc, handler, planner, stream -> change, store, wire -> domain -> nothing.

pub mod change;
pub mod domain;
pub mod grpc;
pub mod handler;
pub mod held;
pub mod planner;
pub mod store;
pub mod stream;
mod telemetry;
pub mod wire;

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use leadflow_platform::access::Access;
use leadflow_platform::command;
use leadflow_platform::consumer::{Consumer, ConsumerConfig};
use leadflow_platform::grpc::{Authenticate, GrpcServices, MAX_MESSAGE_BYTES};
use leadflow_platform::health::Health;
use leadflow_platform::http::layers;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::migrate::Migrations;
use leadflow_platform::outbox::Publisher;
use leadflow_platform::pg::{Database, PgConfig};
use leadflow_platform::run::Tasks;
use leadflow_platform::server::{Limits, Listener, serve};
use leadflow_platform::topics::{Topic, TopicsFile};
use leadflow_proto::assignment::v1::assignment_admin_service_server::AssignmentAdminServiceServer;
use leadflow_proto::assignment::v1::assignment_stream_service_server::AssignmentStreamServiceServer;
use leadflow_proto::assignment::v1::rep_service_server::RepServiceServer;
use tokio::sync::Notify;
use tonic::service::interceptor::InterceptedService;

use crate::grpc::Desk;
use crate::grpc::admin::Admin;
use crate::grpc::rep::Reps;
use crate::handler::Intake;
use crate::planner::expiry::Expiry;
use crate::planner::{Planner, PlannerHandle};
use crate::stream::Stream;
use crate::stream::grpc::StreamService;
use crate::stream::handler::StreamHandler;

/// Name of the role: consumer group, offset rows, application name.
pub const ROLE: &str = "assignment";
/// Its schema and database role.
pub const SCHEMA: &str = "assignment";
/// This role's tables, versions from 100.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// What the role is told.
#[derive(Clone, Debug)]
pub struct AssignmentConfig {
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
    /// The deployment's identity key: for owner match.
    pub identity_key: IdentityKey,
    /// The broker.
    pub kafka: KafkaConfig,
    /// The topics of the deployment, already held against the broker.
    pub topics: TopicsFile,
}

/// Starts the role on `listener`: migrates its schema, then consumes, plans and serves.
///
/// # Errors
/// As [`build`].
pub async fn start(config: &AssignmentConfig, parts: Parts, listener: Listener, limits: Limits) -> anyhow::Result<()> {
    let tasks = parts.tasks.clone();
    let router = build(config, parts).await?;
    serve(&tasks, ROLE, listener, router, limits);
    Ok(())
}

/// The routes of the role, HTTP and gRPC, with everything behind them running. Without a pool it is ready all the same:
/// leads wait.
///
/// # Errors
/// If the database cannot be reached or migrated, or belongs to a deployment with another identity key.
pub async fn build(config: &AssignmentConfig, parts: Parts) -> anyhow::Result<Router> {
    let Parts { tasks, health, access, identity_key, kafka, topics } = parts;
    let database = Database::connect(&config.database, SCHEMA, ROLE).await.context("connect to the database")?;
    Migrations::new(&MIGRATIONS)?.up(&database).await.context("migrate the schema")?;
    database.check_identity_key(&identity_key).await?;
    let incarnation = database.incarnation().await?;
    let publisher = Publisher::start(&tasks, &database, &kafka, &health);
    command::start_pruning(&tasks, &database);

    let planner = PlannerHandle::default();
    Planner::new(&database, incarnation, publisher.clone(), planner.clone(), &tasks).start(&tasks, &health);
    Expiry::new(&database, incarnation, publisher.clone(), planner.clone()).start(&tasks, &health);

    let added = Arc::new(Notify::new());
    let changed = stream::tail::start(&tasks, &database, Arc::clone(&added));
    let partitions = topics.partitions(Topic::Assignment);
    stream::retention::start(&tasks, &health, &database);
    let stream = Stream::new(database.clone(), incarnation, partitions, changed, tasks.stop_token());
    let intake = Intake::new(incarnation, Arc::new(identity_key), planner.clone());
    Consumer::new(ROLE, &database, &kafka, publisher.clone(), config.consumer.clone())
        .live(Topic::Lead, Arc::new(intake))
        .live(Topic::Assignment, Arc::new(StreamHandler::new(incarnation, added)))
        .start(&tasks, &health);

    let desk = Desk { database, incarnation, publisher, planner };
    let grpc = services(desk, stream.clone(), &access).into_router(&tasks, &health)?;
    Ok(layers(stream::http::router(stream, access).merge(grpc)))
}

fn services(desk: Desk, stream: Stream, access: &Access) -> GrpcServices {
    let authenticate = Authenticate::new(access.clone());
    let reps = RepServiceServer::new(Reps::new(desk.clone()))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let admin = AssignmentAdminServiceServer::new(Admin::new(desk))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let stream = AssignmentStreamServiceServer::new(StreamService::new(stream, access.clone()))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    GrpcServices::new()
        .add(InterceptedService::new(reps, authenticate.clone()))
        .add(InterceptedService::new(admin, authenticate.clone()))
        .add(InterceptedService::new(stream, authenticate))
}
