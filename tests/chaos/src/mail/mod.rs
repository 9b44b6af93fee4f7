//! `chaos mail`: mails by the thousand through a relay that fails in every way there is, while the processes that send them
//! are killed, frozen and cut from their database and people say stop. `chaos mail-oracle` judges.

mod deployment;
mod faults;
mod journal;
pub(crate) mod oracle;
mod people;
mod plan;
mod produce;
mod rest;
mod stops;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use leadflow_nurture::mail::LinkSigner;
use leadflow_platform::identity_key::IdentityKey;
use tokio::process::Command;
use tokio::sync::mpsc;

use self::deployment::Deployment;
use self::journal::Journal;

/// What a run of mails does.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MailArguments {
    /// Fixes people, faults of the relay and the plan.
    #[arg(long, env = "SEED", default_value_t = 1)]
    seed: u64,
    /// Mails that are tried at least.
    #[arg(long, default_value_t = 5_000)]
    mails: u32,
    /// kill -9 of a process of nurture.
    #[arg(long, default_value_t = 10)]
    kills: u32,
    /// SIGSTOP with mails in DATA until their leases are over, then SIGCONT.
    #[arg(long, default_value_t = 3)]
    zombies: u32,
    /// Immediate stops of PostgreSQL.
    #[arg(long, default_value_t = 1)]
    postgres_stops: u32,
    /// Leads a second.
    #[arg(long, default_value_t = 40)]
    rate: u32,
    /// The binary under test; `mail-catcher` is taken from beside this program.
    #[arg(long, env = "LEADFLOW_BIN", default_value = "target/release/leadflow")]
    binary: PathBuf,
    /// Folder of the run, in the checkout.
    #[arg(long, default_value = ".local/chaos-mail")]
    folder: PathBuf,
}

/// Runs and has it judged; true if nothing was wrong.
pub(crate) async fn run(arguments: MailArguments) -> anyhow::Result<bool> {
    let mut deployment = Deployment::assemble(&arguments).await.context("the deployment did not come up")?;
    let outcome = under_fire(&arguments, &mut deployment).await;
    let verdict = match outcome {
        Ok(()) => ask_the_oracle(&deployment, &arguments).await,
        Err(error) => Err(error),
    };
    let late = deployment.end().await;
    late.iter().for_each(|line| println!("chaos: {line}"));
    Ok(verdict? && late.is_empty())
}

/// Leads, stops and faults at once, until every mail is settled.
async fn under_fire(arguments: &MailArguments, deployment: &mut Deployment) -> anyhow::Result<()> {
    let stand = &mut deployment.stand;
    let (people, plan) = (people::draw(arguments.seed, arguments.mails), plan::draw(arguments));
    let (all, expected) = (people.len(), people.len() * people::STEPS.len());
    println!(
        "chaos: seed {}, {all} leads with {expected} mails, plan: {} kills, {} zombies, {} PostgreSQL stops",
        arguments.seed, arguments.kills, arguments.zombies, arguments.postgres_stops
    );
    let key = IdentityKey::load(&stand.folder().join("identity.key"))?;
    let stops = Journal::create(&stand.folder().join(journal::STOPS))?;
    let door = stops::StopDoor::new(stand.urls("nurture"), LinkSigner::new(key), stops)?;
    let incidents = Journal::create(&stand.folder().join(journal::INCIDENTS))?;
    let brokers = stand.service("KAFKA_BROKERS").to_owned();
    let (progress, (told, coming)) = (produce::Progress::default(), mpsc::channel(1024));
    let start = tokio::time::Instant::now();
    let leads = produce::produce(&brokers, people, arguments.rate, progress.clone(), told);
    let mut breaker = faults::Breaker::new(stand, incidents);
    let (_, stopped, ()) = tokio::try_join!(leads, door.work(coming), breaker.carry_out(plan, progress))?;
    println!("chaos: {:>5.1}s {stopped} stops were answered", start.elapsed().as_secs_f32());
    stand.wait_ready(&[0, 1], Duration::from_secs(60)).await.context("after the faults")?;
    rest::wait_until_settled(stand, u64::try_from(expected)?).await?;
    println!("chaos: {:>5.1}s every mail is settled", start.elapsed().as_secs_f32());
    Ok(())
}

/// The judge, a process of its own.
async fn ask_the_oracle(deployment: &Deployment, arguments: &MailArguments) -> anyhow::Result<bool> {
    let stand = &deployment.stand;
    let status = Command::new(std::env::current_exe()?)
        .arg("mail-oracle")
        .args(["--folder", &stand.folder().to_string_lossy(), "--seed", &arguments.seed.to_string()])
        .args(["--mails", &arguments.mails.to_string()])
        .args(["--brokers", stand.service("KAFKA_BROKERS"), "--leadflow"])
        .arg(stand.binary())
        .arg("--config")
        .arg(stand.config(0))
        .envs(stand.environment())
        .env("CHAOS_DATABASE_URL", stand.service("NURTURE_DATABASE_URL"))
        .stdin(Stdio::null())
        .status()
        .await?;
    Ok(status.success())
}
