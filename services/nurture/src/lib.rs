//! nurture: warms up those who are not ready. Consumes `lead`; its state is schema `nurture`; it tells what it did on
//! `nurture`, and what people did with its mails on `engagement`.
//!
//! `domain` decides and touches nothing; `handler` takes leads in, `steps` lets enrolments go on when their time has come,
//! `sender` brings mails to the relay, `door` takes what people do with them, `grpc` answers and takes commands, all through
//! `change`, which is the only place where an enrolment, its decision and its fact change together; `store` holds every
//! statement; `wire` converts; `mail` writes mails and `smtp` speaks with relays.

pub mod bundle;
pub mod caller;
pub mod change;
pub mod config;
pub mod domain;
pub mod door;
pub mod golden;
pub mod grpc;
pub mod handler;
pub mod held;
pub mod journeys;
pub mod mail;
pub mod retention;
pub mod sender;
pub mod smtp;
pub mod steps;
pub mod store;
mod telemetry;
pub mod wire;
pub mod yaml;

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use leadflow_platform::access::Access;
use leadflow_platform::command;
use leadflow_platform::consumer::Consumer;
use leadflow_platform::grpc::{Authenticate, GrpcServices, MAX_MESSAGE_BYTES};
use leadflow_platform::health::Health;
use leadflow_platform::http::layers;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::migrate::Migrations;
use leadflow_platform::outbox::Publisher;
use leadflow_platform::pg::Database;
use leadflow_platform::run::Tasks;
use leadflow_platform::server::{Limits, Listener, serve};
use leadflow_platform::topics::Topic;
use leadflow_proto::nurture::v1::nurture_admin_service_server::NurtureAdminServiceServer;
use leadflow_proto::nurture::v1::nurture_service_server::NurtureServiceServer;
use tonic::service::interceptor::InterceptedService;

pub use crate::config::NurtureConfig;

use crate::caller::Caller;
use crate::door::Door;
use crate::grpc::{Admin, Desk, Questions};
use crate::handler::Intake;
use crate::journeys::Journeys;
use crate::mail::LinkSigner;
use crate::sender::wake::Wakers;
use crate::sender::{Sender, SenderParts};
use crate::smtp::Relay;
use crate::steps::Steps;

/// Name of the role: consumer group, offset rows, application name.
pub const ROLE: &str = "nurture";
/// Its schema and database role.
pub const SCHEMA: &str = "nurture";
/// This role's tables, versions from 100.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// What the binary has already made.
#[derive(Debug)]
pub struct Parts {
    /// The tasks of the process.
    pub tasks: Tasks,
    /// Its health.
    pub health: Health,
    /// The keys, already watched.
    pub access: Access,
    /// The deployment's identity key: for hashes and links.
    pub identity_key: IdentityKey,
    /// The broker.
    pub kafka: KafkaConfig,
}

/// Starts the role on `listener`: migrates its schema, then consumes, steps, sends and serves.
///
/// # Errors
/// As [`build`].
pub async fn start(config: NurtureConfig, parts: Parts, listener: Listener, limits: Limits) -> anyhow::Result<()> {
    let tasks = parts.tasks.clone();
    let router = build(config, parts).await?;
    serve(&tasks, ROLE, listener, router, limits);
    Ok(())
}

/// The routes of the role, HTTP and gRPC, with everything behind them running. Without a journey it is ready all the same:
/// nobody enters.
///
/// # Errors
/// If the database cannot be reached or migrated, or belongs to a deployment with another identity key; if the relay or an
/// endpoint cannot be what the configuration says.
pub async fn build(config: NurtureConfig, parts: Parts) -> anyhow::Result<Router> {
    let Parts { tasks, health, access, identity_key, kafka } = parts;
    let database = Database::connect(&config.database, SCHEMA, ROLE).await.context("connect to the database")?;
    Migrations::new(&MIGRATIONS)?.up(&database).await.context("migrate the schema")?;
    database.check_identity_key(&identity_key).await?;
    let incarnation = database.incarnation().await?;
    let publisher = Publisher::start(&tasks, &database, &kafka, &health);
    command::start_pruning(&tasks, &database);
    retention::start(&tasks, &health, &database);

    let (config, identity_key) = (Arc::new(config), Arc::new(identity_key));
    let (journeys, wakers) = (Arc::new(Journeys::default()), Wakers::default());
    let relay = Relay::new(&config.smtp).context("nurture.smtp")?;
    let signer = LinkSigner::new((*identity_key).clone());
    let zone = config.default_time_zone.as_str();

    let key = Arc::clone(&identity_key);
    let intake = Intake::new(incarnation, key, Arc::clone(&journeys), zone, wakers.clone());
    let key = Arc::clone(&identity_key);
    Steps::new(&database, incarnation, key, Arc::clone(&journeys), zone, publisher.clone(), wakers.clone())
        .start(&tasks, &health);
    let sender = SenderParts {
        database: database.clone(),
        incarnation,
        config: Arc::clone(&config),
        identity_key: Arc::clone(&identity_key),
        journeys: Arc::clone(&journeys),
        relay: relay.clone(),
        publisher: publisher.clone(),
        wakers: wakers.clone(),
    };
    Sender::new(sender, &tasks).start(&tasks, &health);
    let caller = Caller::new(&database, &config, wakers.clone(), &tasks)?;
    caller.enable_all().await?;
    caller.start(&tasks, &health);
    Consumer::new(ROLE, &database, &kafka, publisher.clone(), config.consumer.clone())
        .live(Topic::Lead, Arc::new(intake))
        .start(&tasks, &health);

    let door = Door {
        database: database.clone(),
        incarnation,
        config: Arc::clone(&config),
        identity_key: Arc::clone(&identity_key),
        journeys: Arc::clone(&journeys),
        publisher: publisher.clone(),
        signer: signer.clone(),
    };
    door.start_judge(&tasks, &health);
    let desk = Desk { database, incarnation, config, identity_key, journeys, publisher, wakers, relay, signer };
    let grpc = services(desk, &access).into_router(&tasks, &health)?;
    Ok(layers(door::router(door).merge(grpc)))
}

fn services(desk: Desk, access: &Access) -> GrpcServices {
    let authenticate = Authenticate::new(access.clone());
    let questions = NurtureServiceServer::new(Questions::new(desk.clone()))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let admin = NurtureAdminServiceServer::new(Admin::new(desk))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    GrpcServices::new()
        .add(InterceptedService::new(questions, authenticate.clone()))
        .add(InterceptedService::new(admin, authenticate))
}
