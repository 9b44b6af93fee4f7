//! Qualification with everything on (identity, dedupe, timeline, score, traces, outbox): a backlog that was taken through
//! the gRPC door while it was down. Each run has people and messages of its own and comes on top of the runs before.
//! Ingest stands idle beside it, assignment is down.

use std::time::Duration;

use leadflow_simulator::load::{Load, Shape};

use crate::Settings;
use crate::backlog::{self, APPLIED, QUALIFICATION_PUBLISHED};
use crate::deployment::{Deployment, INGEST, QUALIFICATION};
use crate::report::{Goal, Report, number};
use crate::traffic;

const COMMAND: &str = "bench qualification";

/// Runs it.
///
/// # Errors
/// If events are lost, or a process fails.
pub(crate) async fn measure(
    deployment: &mut Deployment,
    settings: &Settings,
    report: &mut Report,
) -> anyhow::Result<()> {
    deployment.start(&[INGEST, QUALIFICATION]).await?;
    deployment.stop(QUALIFICATION).await?;
    for run in 0..settings.runs() {
        one_run(deployment, settings, run, report).await?;
    }
    Ok(())
}

async fn one_run(
    deployment: &mut Deployment,
    settings: &Settings,
    run: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let events: u64 = settings.pick(1_000_000, 30_000);
    let shape = Shape { persons: settings.pick(100_000, 3_000), ..Shape::default() };
    let mut load = Load::new(settings.seed_of(run), shape, traffic::now());
    let touches = (0..events).map(|_| traffic::event(&load.touch()));
    let replica = deployment.stand.doors()?.remove(0);
    let filled = backlog::fill(&replica, touches).await?;
    anyhow::ensure!(filled == events, "{filled} of {events} were accepted");

    let base = deployment.number(APPLIED).await?;
    deployment.stand.start(&[QUALIFICATION])?;
    let drained = backlog::drain(deployment, APPLIED, base, events).await?;
    // What was decided is told, too: it belongs to the price of an event.
    deployment.wait_for(QUALIFICATION_PUBLISHED, 1, Duration::from_secs(60)).await?;
    let spent = deployment.usage()?.since(&drained.before);
    let changed = u64::try_from(deployment.number(APPLIED).await? - base)?;
    anyhow::ensure!(changed == events, "{events} new events were applied as {changed}");

    let each = |name: &str| spent.micros_each(name, drained.counted);
    let together = each("qualification") + each("postgresql");
    report.add(
        COMMAND,
        "qualification, backlog, everything on",
        "events/s",
        Goal::AtLeast(50_000.0),
        drained.per_second,
    );
    report.add(COMMAND, "CPU of worker + PostgreSQL", "us/event", Goal::AtMost(30.0), together);
    report.add(COMMAND, "CPU of the worker", "us/event", Goal::None, each("qualification"));
    report.add(COMMAND, "CPU of PostgreSQL", "us/event", Goal::None, each("postgresql"));
    report.add(COMMAND, "CPU of the broker", "us/event", Goal::None, each("broker"));
    println!(
        "qualification run {}: {} events/s, {together:.1} us/event, first after {:.1} s; of one core: {}",
        run + 1,
        number(drained.per_second),
        drained.until_first.as_secs_f64(),
        spent.shares()
    );
    deployment.stop(QUALIFICATION).await
}
