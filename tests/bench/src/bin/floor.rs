//! The least that a door over the same libraries can cost: axum takes a body, rdkafka sends it, the broker acknowledges,
//! the client gets its answer. No key, no limit, no parsing, no headers. It tells what the machine and the libraries take;
//! what ingest costs beside it is ours. Started by `bench ingest`; prints the address it listens on.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use clap::Parser;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};

/// Where it sends.
#[derive(Parser)]
struct Arguments {
    /// Of the broker.
    #[arg(long)]
    brokers: String,
    /// Exists already.
    #[arg(long)]
    topic: String,
}

struct Floor {
    producer: FutureProducer,
    topic: String,
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { brokers, topic } = Arguments::parse();
    // As ingest's producer under load.
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", "1")
        .set("compression.type", "lz4")
        .create()
        .context("the producer")?;
    let floor = Arc::new(Floor { producer, topic });
    let router = Router::new().route("/v1/{method}", post(take)).with_state(floor);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn take(State(floor): State<Arc<Floor>>, body: Bytes) -> StatusCode {
    let key = uuid::Uuid::now_v7();
    let record = FutureRecord::to(&floor.topic).key(key.as_bytes()).payload(&body[..]);
    match floor.producer.send(record, Duration::ZERO).await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
