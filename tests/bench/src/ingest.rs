//! The HTTP door with every check on (key, limits, mapping, bot mark, the broker's ack): what one request costs the server
//! process, with 256 connections that each send the next request when the last one was answered. The other roles are down.

use leadflow_simulator::load::{Load, Shape, Touch};
use serde_json::{Value, json};

use crate::Settings;
use crate::backlog;
use crate::deployment::{Deployment, INGEST};
use crate::flood::flood;
use crate::report::{Goal, Report, number};
use crate::traffic::{self, Requests};

const COMMAND: &str = "bench ingest";
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
