//! The HTTP door with every check on (key, limits, mapping, bot mark, the broker's ack): what one request costs the server
//! process, with 256 connections that each send the next request when the last one was answered. The other roles are down.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use futures::future::try_join_all;
use leadflow_simulator::load::{Load, Shape, Touch};
use serde_json::{Value, json};

use crate::Settings;
use crate::backlog;
use crate::deployment::{Deployment, INGEST};
use crate::http::Shared;
use crate::report::{Goal, Report, number};
use crate::traffic::{self, Requests};

const COMMAND: &str = "bench ingest";
const CONNECTIONS: usize = 256;
const BATCH: usize = 50;

/// Runs it for single events and for batches.
///
/// # Errors
/// If a request is not accepted.
pub(crate) async fn measure(
    deployment: &mut Deployment,
    settings: &Settings,
    report: &mut Report,
) -> anyhow::Result<()> {
    deployment.start(&[INGEST]).await?;
    let requests = Requests::to(&deployment.stand);
    // A broker that has just started is slow with its first records.
    let mut load = Load::new(0, Shape::default(), traffic::now());
    let replica = deployment.stand.doors()?.remove(0);
    backlog::fill(&replica, (0..20_000).map(|_| traffic::event(&load.touch()))).await?;
    for run in 0..settings.runs() {
        let mut load = Load::new(settings.seed_of(run), Shape::default(), traffic::now());
        let singles = (0..settings.pick(100_000, 5_000)).map(|_| load.touch());
        let singles = singles.map(|touch| requests.post(touch.method, &touch.body)).collect();
        let requested = flood(deployment, settings, singles).await?;
        let each = requested.server_micros / requested.count as f64;
        report.add(COMMAND, "CPU of ingest, single event", "us/request", Goal::AtMost(28.0), each);
        report.add(COMMAND, "ingest, single events", "requests/s", Goal::None, requested.per_second);
        println!("ingest run {}: single {each:.1} us/request, {requested}", run + 1);

        let batches = (0..settings.pick(4_000, 200)).map(|_| batch(&requests, &mut load)).collect();
        let requested = flood(deployment, settings, batches).await?;
        let each = requested.server_micros / (requested.count * BATCH as u64) as f64;
        let events = requested.per_second * BATCH as f64;
        report.add(COMMAND, "CPU of ingest, batches of 50", "us/event", Goal::AtMost(6.0), each);
        report.add(COMMAND, "ingest, batches of 50", "events/s", Goal::None, events);
        println!("ingest run {}: batches {each:.2} us/event, {} events/s, {requested}", run + 1, number(events));
    }
    Ok(())
}

fn batch(requests: &Requests, load: &mut Load) -> Vec<u8> {
    let events: Vec<Value> = (0..BATCH).map(|_| load.touch()).map(|Touch { body, .. }| body).collect();
    requests.post("batch", &json!({ "batch": events }))
}

/// What came of a flood, between warm-up and end.
struct Requested {
    count: u64,
    per_second: f64,
    server_micros: f64,
    shares: String,
}

impl std::fmt::Display for Requested {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} requests/s; of one core: {}", number(self.per_second), self.shares)
    }
}

async fn flood(deployment: &Deployment, settings: &Settings, requests: Vec<Vec<u8>>) -> anyhow::Result<Requested> {
    let (answered, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (authority, count, end) = (traffic::authority(&deployment.stand), Arc::clone(&answered), Arc::clone(&stop));
    let senders = std::thread::Builder::new()
        .name("senders".to_owned())
        .spawn(move || all_connections(&authority, &requests, &count, &end))?;
    tokio::time::sleep(Duration::from_secs(settings.pick(3, 1))).await;
    let (before, first) = (deployment.usage()?, answered.load(Ordering::Relaxed));
    tokio::time::sleep(Duration::from_secs(settings.pick(12, 2))).await;
    let (after, last) = (deployment.usage()?, answered.load(Ordering::Relaxed));
    stop.store(true, Ordering::Relaxed);
    senders.join().ok().context("the senders panicked")??;
    let (spent, count) = (after.since(&before), last - first);
    anyhow::ensure!(count > 0, "not one request was answered");
    Ok(Requested {
        count,
        per_second: count as f64 / spent.wall.as_secs_f64(),
        server_micros: spent.of("ingest").as_secs_f64() * 1e6,
        shares: spent.shares(),
    })
}

/// All of them on one thread: a thread each would cost more in switches than in requests.
fn all_connections(
    authority: &str,
    requests: &[Vec<u8>],
    answered: &AtomicU64,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    let next = Cell::new(0);
    let one = |_| async {
        let mut connection = Shared::open(authority).await?;
        while !stop.load(Ordering::Relaxed) {
            let request = &requests[next.get() % requests.len()];
            next.set(next.get() + 1);
            connection.exchange(request).await?;
            answered.fetch_add(1, Ordering::Relaxed);
        }
        anyhow::Ok(())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(try_join_all((0..CONNECTIONS).map(one)))?;
    Ok(())
}
