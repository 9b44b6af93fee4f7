//! `bench`: the figures that leadflow promises, measured on a deployment of its own and printed as one table with the
//! command of each. It judges medians against the goals; it changes nothing in the services, and proves nothing about
//! correctness beyond what makes a figure meaningful (nothing lost, caps and fairness kept).

mod assignment;
mod backlog;
mod cpu;
mod deployment;
mod flood;
mod graphile;
mod http;
mod idle;
mod ingest;
mod latency;
mod leads;
mod machine;
mod nurture;
mod offers;
mod open_loop;
mod qualification;
mod report;
mod stages;
mod team;
mod traffic;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::deployment::{Cast, Deployment};
use crate::report::Report;

/// Figures with their commands.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// What to measure.
    #[arg(value_enum, default_value_t = Choice::All)]
    figure: Choice,
    #[command(flatten)]
    settings: Settings,
}

/// How to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Settings {
    /// Runs of each figure; the table has their median.
    #[arg(long, default_value_t = 5)]
    pub(crate) runs: u32,
    /// A smoke run: one run of each with small numbers. No claim stands on it.
    #[arg(long)]
    quick: bool,
    /// Runs count up from here, so that each has people and messages of its own.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Let PostgreSQL count its statements, and print the dearest of each figure. Costs about 2 %.
    #[arg(long)]
    statements: bool,
    /// Keep the data of the run (gigabytes) when it went well.
    #[arg(long)]
    keep: bool,
    /// The binary under test.
    #[arg(long, env = "LEADFLOW_BIN", default_value = "target/release/leadflow")]
    binary: PathBuf,
    /// Folder of the run, in the checkout; emptied first.
    #[arg(long, default_value = ".local/bench")]
    folder: PathBuf,
}

impl Settings {
    /// Sizes are written down once for both kinds of run.
    pub(crate) fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// One in a smoke run.
    pub(crate) fn runs(&self) -> u32 {
        self.pick(self.runs.max(1), 1)
    }

    /// Seed of a run, from 0.
    pub(crate) fn seed_of(&self, run: u32) -> u64 {
        self.seed + u64::from(run)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Choice {
    Qualification,
    Latency,
    Ingest,
    Assignment,
    Nurture,
    Idle,
    All,
}

impl Choice {
    fn parts(self) -> Vec<Choice> {
        match self {
            Choice::All => {
                vec![
                    Choice::Qualification,
                    Choice::Latency,
                    Choice::Ingest,
                    Choice::Assignment,
                    Choice::Nurture,
                    Choice::Idle,
                ]
            }
            one => vec![one],
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return ExitCode::FAILURE;
    }
    let Arguments { figure, settings } = Arguments::parse();
    let mut report = Report::default();
    let mut code = ExitCode::SUCCESS;
    println!("{}", machine::describe());
    for part in figure.parts() {
        if let Err(error) = measure(part, &settings, &mut report).await {
            println!("bench: {part:?} was not measured: {error:#}");
            code = ExitCode::FAILURE;
        }
    }
    println!("\n{}\n{}", machine::describe(), report.table());
    code
}

/// Builds a deployment of its own for the figure, so that none stands on what another left, and takes it down again.
async fn measure(part: Choice, settings: &Settings, report: &mut Report) -> anyhow::Result<()> {
    let cast = match part {
        Choice::Idle => Cast::Together,
        Choice::Nurture => Cast::Nurture,
        _ => Cast::Apart,
    };
    let mut deployment = Deployment::build(settings, cast).await?;
    let figure = async {
        match part {
            Choice::Qualification => qualification::measure(&mut deployment, settings, report).await,
            Choice::Latency => latency::measure(&mut deployment, settings, report).await,
            Choice::Ingest => ingest::measure(&mut deployment, settings, report).await,
            Choice::Assignment => assignment::measure(&mut deployment, settings, report).await,
            Choice::Nurture => nurture::measure(&mut deployment, settings, report).await,
            Choice::Idle | Choice::All => idle::measure(&mut deployment, settings, report).await,
        }
    };
    let mut outcome = tokio::select! {
        outcome = figure => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    if outcome.is_ok() && settings.statements {
        outcome = deployment.print_dearest_statements().await;
    }
    deployment.end(outcome.is_ok() && !settings.keep).await?;
    outcome
}
