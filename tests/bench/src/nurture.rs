//! Due steps a second: people who wait in a journey, whose time has come at once. Each goes on under its contact's lock, gets a
//! row in the send ledger, a decision that can be executed again, and facts in the outbox, which go to the broker meanwhile.
//! Sending is paused: a relay is not what is measured. Beside it, in the same run on the same PostgreSQL, graphile-worker
//! does the least that a step must.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::Settings;
use crate::backlog;
use crate::deployment::{Deployment, NURTURE};
use crate::graphile;
use crate::leads;
use crate::report::{Goal, Report, number};

const COMMAND: &str = "bench nurture";
const JOURNEY: &str = "tests/bench/journey.yaml";

/// Rows of the ledger, as the steps count them: some short rows.
const QUEUED: &str = "select coalesce(sum(n), 0)::bigint from nurture.tally where step = 'mail' and what = 'entered'";
const ENROLLED: &str = "select coalesce(sum(n), 0)::bigint from nurture.tally where what = 'enrolled'";
const PUBLISHED: &str = "select (not exists (select from nurture.outbox))::int::bigint";
/// What the figure stands on: one mail for everybody, none before its time.
const EXACT: &str = "select count(*) from nurture.message m join nurture.enrollment e using (enrollment_id)
    where m.state = 1 and m.occurrence = 1 and m.queued_at >= e.entered_at + interval '2 hours'";
const MESSAGES: &str = "select count(*) from nurture.message";

/// Runs it.
///
/// # Errors
/// If a step is lost, or taken too early or twice.
pub(crate) async fn measure(
    deployment: &mut Deployment,
    settings: &Settings,
    report: &mut Report,
) -> anyhow::Result<()> {
    deployment.start(&[NURTURE]).await?;
    deployment.stand.leadflow(&["journey", "publish", JOURNEY]).await?;
    deployment.stand.leadflow(&["nurture", "pause-sending", "a figure is taken"]).await?;
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
    let steps: u32 = settings.pick(100_000, 3_000);
    let before = deployment.number(QUEUED).await?;
    let entered = enter(deployment, settings.seed_of(run), steps).await?;
    deployment.stop(NURTURE).await?;
    deployment.execute(AHEAD).await?;

    deployment.stand.start(&[NURTURE])?;
    let drained = backlog::drain(deployment, QUEUED, before, steps.into()).await?;
    let spent = deployment.usage()?.since(&drained.before);
    deployment.wait_for(PUBLISHED, 1, Duration::from_secs(120)).await?;
    let all = before + i64::from(steps);
    let (messages, exact) = (deployment.number(MESSAGES).await?, deployment.number(EXACT).await?);
    anyhow::ensure!(messages == all && exact == all, "{all} mails are due, {messages} in the ledger, {exact} in time");

    let theirs = graphile::steps(deployment, settings.pick(50_000, 3_000)).await?;
    let each = |name: &str| spent.micros_each(name, drained.counted);
    report.add(COMMAND, "due steps, ledger and outbox", "steps/s", Goal::AtLeast(10_000.0), drained.per_second);
    report.add(COMMAND, "graphile-worker, the least of it", "steps/s", Goal::None, theirs);
    report.add(COMMAND, "times as many", "", Goal::None, drained.per_second / theirs);
    report.add(COMMAND, "CPU of nurture", "us/step", Goal::None, each("nurture"));
    report.add(COMMAND, "CPU of postgresql", "us/step", Goal::None, each("postgresql"));
    report.add(COMMAND, "people let in from a backlog", "people/s", Goal::None, entered);
    println!(
        "nurture run {}: {} steps/s, graphile-worker {}, {} people/s let in; of one core: {}",
        run + 1,
        number(drained.per_second),
        number(theirs),
        number(entered),
        spent.shares()
    );
    Ok(())
}

/// The clock of the schema jumps over the wait of the journey.
const AHEAD: &str = "do $do$ declare ahead interval := nurture.clock() - clock_timestamp() + interval '3 hours'; begin
    execute format('create or replace function nurture.clock() returns timestamptz language sql volatile parallel safe
        as $clock$ select clock_timestamp() + interval %L $clock$', ahead); end $do$";

/// Lets people in; how many a second.
async fn enter(deployment: &mut Deployment, seed: u64, people: u32) -> anyhow::Result<f64> {
    let before = deployment.number(ENROLLED).await?;
    let start = Instant::now();
    leads::produce(&deployment.stand, seed, people).await?;
    deployment
        .wait_for(ENROLLED, before + i64::from(people), Duration::from_secs(300))
        .await
        .context("not everybody came in")?;
    let rate = f64::from(people) / start.elapsed().as_secs_f64();
    deployment.wait_for(PUBLISHED, 1, Duration::from_secs(120)).await?;
    Ok(rate)
}
