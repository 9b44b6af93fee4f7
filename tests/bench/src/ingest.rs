//! The HTTP door with every check on (key, limits, mapping, bot mark, the broker's ack): what one request costs the server
//! process, with 256 connections that each send the next request when the last one was answered. The other roles are down.
//! Beside it, in the same run, a door that does nothing but axum and rdkafka: what the machine and the libraries take.

use std::process::Stdio;

use anyhow::Context as _;
use leadflow_simulator::load::{Load, Shape, Touch};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::Settings;
use crate::backlog;
use crate::cpu::Counted;
use crate::deployment::{Deployment, INGEST};
use crate::flood::{Server, flood};
use crate::report::{Goal, Report, number};
use crate::traffic::{self, Requests};

const COMMAND: &str = "bench ingest";
const BATCH: usize = 50;
/// Nobody reads it here.
const TOPIC_OF_FLOOR: &str = "leadflow.engagement-bulk.v1";

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
    let door = Server { name: "ingest", authority: traffic::authority(&deployment.stand) };
    let floor = Floor::start(deployment).await?;
    for run in 0..settings.runs() {
        let mut load = Load::new(settings.seed_of(run), Shape::default(), traffic::now());
        let singles = (0..settings.pick(100_000, 5_000)).map(|_| load.touch());
        let singles: Vec<Vec<u8>> = singles.map(|touch| requests.post(touch.method, &touch.body)).collect();
        let least = flood(deployment, settings, &floor.server, singles.clone()).await?;
        let least = least.server_micros / least.count as f64;
        report.add(COMMAND, "CPU of axum and rdkafka alone, single event", "us/request", Goal::None, least);
        let requested = flood(deployment, settings, &door, singles).await?;
        let each = requested.server_micros / requested.count as f64;
        report.add(COMMAND, "CPU of ingest, single event", "us/request", Goal::AtMost(28.0), each);
        report.add(COMMAND, "CPU of ingest over axum and rdkafka alone", "times", Goal::None, each / least);
        report.add(COMMAND, "ingest, single events", "requests/s", Goal::None, requested.per_second);
        println!(
            "ingest run {}: single {each:.1} us/request (axum and rdkafka alone {least:.1}), {requested}",
            run + 1
        );

        let batches = (0..settings.pick(4_000, 200)).map(|_| batch(&requests, &mut load)).collect();
        let requested = flood(deployment, settings, &door, batches).await?;
        let each = requested.server_micros / (requested.count * BATCH as u64) as f64;
        let events = requested.per_second * BATCH as f64;
        report.add(COMMAND, "CPU of ingest, batches of 50", "us/event", Goal::AtMost(6.0), each);
        report.add(COMMAND, "ingest, batches of 50", "events/s", Goal::None, events);
        println!("ingest run {}: batches {each:.2} us/event, {} events/s, {requested}", run + 1, number(events));
    }
    Ok(())
}

/// The process of `floor`, ended with this.
struct Floor {
    server: Server,
    _process: Child,
}

impl Floor {
    async fn start(deployment: &mut Deployment) -> anyhow::Result<Self> {
        let binary = std::env::current_exe()?.with_file_name("floor");
        let mut process = Command::new(&binary)
            .args(["--brokers", deployment.stand.service("KAFKA_BROKERS"), "--topic", TOPIC_OF_FLOOR])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("its output")?).read_line(&mut line).await?;
        let pid = i32::try_from(process.id().context("it ended by itself")?)?;
        deployment.beside.push(Counted { name: "floor", pid, with_children: false });
        Ok(Self { server: Server { name: "floor", authority: line.trim().to_owned() }, _process: process })
    }
}

fn batch(requests: &Requests, load: &mut Load) -> Vec<u8> {
    let events: Vec<Value> = (0..BATCH).map(|_| load.touch()).map(|Touch { body, .. }| body).collect();
    requests.post("batch", &json!({ "batch": events }))
}
