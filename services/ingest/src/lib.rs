//! ingest, the front door: every way an engagement event comes in. A request is read within its limits, its sender asked,
//! its meaning found (`domain`, pure), the record made (`wire`) and sent (`publish`); the answer waits for the broker.
//!
//! There is no database here and no state but the keys and sources, which are files. What a score or a lead is, is not known.

pub mod config;
pub mod domain;
mod doors;
mod publish;
mod sourceless;
pub mod sources;
pub mod wire;

use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use leadflow_platform::access::Access;
use leadflow_platform::grpc::{Authenticate, GrpcServices, MAX_MESSAGE_BYTES};
use leadflow_platform::health::{Check, Health};
use leadflow_platform::http::layers;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::producer::Producer;
use leadflow_platform::run::Tasks;
use leadflow_platform::server::{Listener, serve};
use leadflow_proto::ingest::v1::ingest_service_server::IngestServiceServer;
use tonic::service::interceptor::InterceptedService;

pub use crate::config::IngestConfig;
use crate::doors::Doors;
use crate::doors::grpc::Ingest;
use crate::publish::{Publisher, TOPICS};
use crate::sources::SourcesHandle;

/// How long to wait between two looks for the broker at the start.
const BROKER_RETRY: Duration = Duration::from_secs(1);
/// What the broker still gets to acknowledge when the process ends.
const FLUSH: Duration = Duration::from_secs(10);

/// What the binary has already made.
#[derive(Debug)]
pub struct Parts {
    /// The tasks of the process.
    pub tasks: Tasks,
    /// Its health; ingest adds the checks `ingest-broker` and `ingest-sources`.
    pub health: Health,
    /// The keys, already watched.
    pub access: Access,
    /// The deployment's identity key.
    pub identity_key: IdentityKey,
    /// The broker.
    pub kafka: KafkaConfig,
}

/// Starts the role on `listener`. Ready when the sources are loaded and the broker has told where the topics are; until
/// then the doors are open and answer 503.
///
/// # Errors
/// If the sources file is not valid, the Kafka settings are wrong or the TLS files are not usable.
pub async fn start(config: &IngestConfig, parts: Parts, listener: Listener) -> anyhow::Result<()> {
    let tasks = parts.tasks.clone();
    let listener = match &config.tls {
        Some(files) => listener.with_tls(files)?,
        None => listener,
    };
    let router = build(config, parts).await?;
    serve(&tasks, "ingest", listener, router, config.server().limits());
    Ok(())
}

/// Ids of the sources of a file.
///
/// # Errors
/// If it cannot be read, or something in it is wrong.
pub fn source_names(file: &std::path::Path) -> anyhow::Result<std::collections::BTreeSet<String>> {
    Ok(SourcesHandle::load(file)?.current().names())
}

/// By what the mailboxes of a file know mails of our own.
///
/// # Errors
/// As [`source_names`].
pub fn own_domains(file: &std::path::Path) -> anyhow::Result<sources::OwnDomains> {
    Ok(SourcesHandle::load(file)?.current().own_domains())
}

/// The routes of the role, HTTP and gRPC, with everything behind them running.
///
/// # Errors
/// As [`start`].
pub async fn build(config: &IngestConfig, parts: Parts) -> anyhow::Result<Router> {
    let Parts { tasks, health, access, identity_key, kafka } = parts;
    let ready = health.register("ingest-sources");
    let sources = SourcesHandle::load(&config.sources_file)?;
    sources.watch(&tasks);
    sourceless::watch(&tasks, access.clone(), sources.clone());
    ready.ready();
    domain::bot::warm_up();
    let producer = Producer::connect(&kafka).context("could not set up the producer")?;
    let broker = health.register("ingest-broker");
    producer.watch(&broker);
    warm_up(&tasks, producer.clone(), broker);
    flush_at_the_end(&tasks, producer.clone());
    let publisher = Publisher::new(producer, identity_key);
    let doors = Doors::new(config, access.clone(), sources, publisher, &tasks);
    let service = IngestServiceServer::new(Ingest::new(doors.clone()))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let grpc = GrpcServices::new()
        .add(InterceptedService::new(service, Authenticate::new(access)))
        .into_router(&tasks, &health)?;
    Ok(layers(doors::router(doors).merge(grpc)))
}

/// A broker that is away at the start is waited for. Once it was there, readiness stays, degraded while it is away: a door
/// without a broker answers 503 with Retry-After, which tells clients more than no door at all.
fn warm_up(tasks: &Tasks, producer: Producer, check: Check) {
    let stop = tasks.stop_token();
    tasks.spawn("ingest-warm-up", async move {
        loop {
            match stop.run_until_cancelled(producer.warm_up(&TOPICS)).await {
                None => return Ok(()),
                Some(Ok(())) => {
                    check.ready();
                    return Ok(());
                }
                Some(Err(error)) => check.not_ready(format!("waiting for the broker: {error}")),
            }
            if stop.run_until_cancelled(tokio::time::sleep(BROKER_RETRY)).await.is_none() {
                return Ok(());
            }
        }
    });
}

fn flush_at_the_end(tasks: &Tasks, producer: Producer) {
    let stop = tasks.stop_token();
    tasks.spawn("ingest-flush", async move {
        stop.cancelled().await;
        producer.flush(FLUSH).await;
        Ok(())
    });
}
