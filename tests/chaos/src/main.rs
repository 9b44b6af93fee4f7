//! `chaos run`: starts a whole deployment, sends traffic, breaks things by plan, and asks the oracle. `chaos oracle`: the
//! judge, a process of its own that only knows what the doors acknowledged, what consumers saw and what the read side
//! answers. `chaos mail` and `chaos mail-oracle`: the same for the mails of nurture, judged by the log of the relay.
//! `chaos timers` and `chaos timers-oracle`: the same for the waits of its journeys, judged by another calendar. The last
//! line printed is the verdict.

mod acks;
mod consumer;
mod faults;
mod mail;
mod oracle;
mod plan;
mod psql;
mod sales;
mod team;
mod timers;
mod traffic;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

/// Faults on purpose.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Break a deployment of its own while traffic flows, then judge it.
    Run(RunArguments),
    /// Judge what a run left behind (started by `run`).
    Oracle(oracle::OracleArguments),
    /// Break processes of nurture while they send mails, then judge them.
    Mail(mail::MailArguments),
    /// Judge what a run of mails left behind (started by `mail`).
    MailOracle(mail::oracle::MailOracleArguments),
    /// Break processes of nurture while people wait in a journey and clocks change, then judge them.
    Timers(timers::TimersArguments),
    /// Judge what a run of timers left behind (started by `timers`).
    TimersOracle(timers::oracle::TimersOracleArguments),
}

/// What a run does.
#[derive(Clone, Debug, clap::Args)]
struct RunArguments {
    /// Fixes the traffic and the plan of faults.
    #[arg(long, env = "SEED", default_value_t = 1)]
    seed: u64,
    /// Accepted events.
    #[arg(long, default_value_t = 50_000)]
    events: u64,
    /// kill -9 of a role.
    #[arg(long, default_value_t = 25)]
    kills: u32,
    /// SIGSTOP until the others have taken over, then SIGCONT.
    #[arg(long, default_value_t = 5)]
    zombies: u32,
    /// Immediate stops of PostgreSQL.
    #[arg(long, default_value_t = 3)]
    postgres_stops: u32,
    /// kill -9 of the broker.
    #[arg(long, default_value_t = 2)]
    broker_stops: u32,
    /// Events a second that are offered to the doors.
    #[arg(long, default_value_t = 350)]
    rate: u32,
    /// The binary under test.
    #[arg(long, env = "LEADFLOW_BIN", default_value = "target/release/leadflow")]
    binary: PathBuf,
    /// Folder of the run, in the checkout.
    #[arg(long, default_value = ".local/chaos")]
    folder: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return ExitCode::FAILURE;
    }
    let result = match Arguments::parse().command {
        Command::Run(arguments) => run(arguments).await,
        Command::Oracle(arguments) => oracle::judge(arguments).await,
        Command::Mail(arguments) => mail::run(arguments).await,
        Command::MailOracle(arguments) => mail::oracle::judge(arguments).await,
        Command::Timers(arguments) => timers::run(arguments).await,
        Command::TimersOracle(arguments) => timers::oracle::judge(arguments).await,
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("chaos: {error:#}");
            println!("VERDICT: not judged");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: RunArguments) -> anyhow::Result<bool> {
    let mut stand = team::assemble(&arguments).await.context("the deployment did not come up")?;
    let outcome = under_fire(&arguments, &mut stand).await;
    let verdict = match outcome {
        Ok(()) => team::ask_the_oracle(&mut stand, arguments.seed).await,
        Err(error) => Err(error),
    };
    let late = stand.tear_down().await;
    late.iter().for_each(|line| println!("chaos: {line}"));
    Ok(verdict? && late.is_empty())
}

/// Traffic, consumers, sales people and faults at once; ends when the traffic has ended and every fault was done.
async fn under_fire(arguments: &RunArguments, stand: &mut leadflow_stand::Stand) -> anyhow::Result<()> {
    let plan = plan::Plan::draw(arguments);
    println!("chaos: seed {}, {} events, plan: {}", arguments.seed, arguments.events, plan.summary());
    let acks = acks::AckLog::create(&stand.folder().join("acks.jsonl"))?;
    let stop = tokio_util::sync::CancellationToken::new();
    let progress = traffic::Progress::default();
    let traffic =
        traffic::send(stand.doors()?, arguments.seed, arguments.events, arguments.rate, acks, progress.clone());
    let consumer = consumer::follow(
        stand.urls("assignment"),
        stand.api_key().to_owned(),
        stand.folder().join("stream.jsonl"),
        stop.clone(),
    );
    let sales = sales::work(stand.urls("assignment"), stand.api_key().to_owned(), arguments.seed, stop.clone());
    let faults = faults::carry_out(plan, stand, progress);
    let at_work = async {
        let (sent, broken) = tokio::join!(traffic, faults);
        sent.and(broken)
    };
    tokio::select! {
        done = at_work => done?,
        ended = consumer => anyhow::bail!("the stream reader ended early: {ended:?}"),
        ended = sales => anyhow::bail!("the sales people ended early: {ended:?}"),
    }
    stop.cancel();
    Ok(())
}
