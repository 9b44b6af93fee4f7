//! `chaos timers`: people by the hundred thousand who wait in a journey, over an hour in which clocks change, while the
//! processes that wake them are killed. `chaos timers-oracle` judges.

mod clockwork;
mod deployment;
mod journey;
mod kills;
pub(crate) mod oracle;
mod people;
mod produce;
mod timetable;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use leadflow_stand::Stand;
use tokio::process::Command;
use tokio::time::Instant;

use self::clockwork::Clockwork;
use crate::psql;

/// Kept by the driver before the clock runs: when the timers would wake whom.
const KEEP_WAKES: &str = "create table chaos_wake as select lead_id, wake_at from enrollment";
/// For what is late, beside a second for each hundred leads.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a run of timers does.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TimersArguments {
    /// Fixes the people and the plan.
    #[arg(long, env = "SEED", default_value_t = 1)]
    seed: u64,
    /// People who wait.
    #[arg(long, default_value_t = 60_000)]
    leads: u32,
    /// kill -9 of a process of nurture.
    #[arg(long, default_value_t = 6)]
    kills: u32,
    /// How many times as fast as ours the clock runs.
    #[arg(long, default_value_t = 75)]
    speed: u32,
    /// The binary under test.
    #[arg(long, env = "LEADFLOW_BIN", default_value = "target/release/leadflow")]
    binary: PathBuf,
    /// Folder of the run, in the checkout.
    #[arg(long, default_value = ".local/chaos-timers")]
    folder: PathBuf,
}

/// Runs and has it judged; true if nothing was wrong.
pub(crate) async fn run(arguments: TimersArguments) -> anyhow::Result<bool> {
    let mut stand = deployment::assemble(&arguments).await.context("the deployment did not come up")?;
    let outcome = under_fire(&arguments, &mut stand).await;
    let verdict = match outcome {
        Ok(()) => ask_the_oracle(&stand, &arguments).await,
        Err(error) => Err(error),
    };
    let late = stand.tear_down().await;
    late.iter().for_each(|line| println!("chaos: {line}"));
    Ok(verdict? && late.is_empty())
}

/// Everybody enters while the clock stands; then it runs, and processes are killed.
async fn under_fire(arguments: &TimersArguments, stand: &mut Stand) -> anyhow::Result<()> {
    let TimersArguments { seed, leads, kills, speed, .. } = *arguments;
    let (ways, start) = (timetable::ways(), Instant::now());
    let people = people::draw(seed, leads, &ways);
    println!("chaos: seed {seed}, {leads} leads in {} waits, plan: {kills} kills", ways.len());
    let brokers = stand.service("KAFKA_BROKERS").to_owned();
    let journal = kills::Journal::create(stand.folder())?;
    let patience = PATIENCE + Duration::from_secs(u64::from(leads) / 100);
    let kills = kills::draw(seed, kills);
    let mut clockwork = Clockwork { stand, speed: speed.max(1), journal, start, patience, kills };
    tokio::try_join!(produce::produce(&brokers, &people, &ways), clockwork.wait_for_leads(leads, patience))?;
    drop(people);
    psql::ask(deployment::database(clockwork.stand), KEEP_WAKES).await.context("keep what is due")?;
    clockwork.run().await
}

/// The judge, a process of its own.
async fn ask_the_oracle(stand: &Stand, arguments: &TimersArguments) -> anyhow::Result<bool> {
    let numbers = [
        ("--seed", arguments.seed.to_string()),
        ("--leads", arguments.leads.to_string()),
        ("--kills", arguments.kills.to_string()),
        ("--speed", arguments.speed.max(1).to_string()),
    ];
    let status = Command::new(std::env::current_exe()?)
        .args(["timers-oracle", "--folder", &stand.folder().to_string_lossy()])
        .args(numbers.iter().flat_map(|(name, number)| [*name, number.as_str()]))
        .args(["--brokers", stand.service("KAFKA_BROKERS"), "--leadflow"])
        .arg(stand.binary())
        .arg("--config")
        .arg(stand.config(0))
        .envs(stand.environment())
        .env("CHAOS_DATABASE_URL", deployment::database(stand))
        .stdin(Stdio::null())
        .status()
        .await?;
    Ok(status.success())
}
