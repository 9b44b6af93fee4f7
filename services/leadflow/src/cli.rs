//! The command line as types. Help leads with examples; typos get suggestions by clap.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::client::Connection;
use crate::commands;

/// Event-driven lead generation: every role in one binary, and the command line to it.
#[derive(Debug, Parser)]
#[command(name = "leadflow", version, about, propagate_version = true, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  leadflow watch                                  assigned leads with their reasons, as they come
  leadflow lead explain ada@analytics.example     why this score, this stage, this owner
  leadflow rep away dana                          no more leads for Dana until `rep back dana`
  leadflow check deploy/config/scoring.yaml       is this scoring model right?
  leadflow offsets list                           where each consumer stands, and whether its ledger balances";

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Configuration file of the roles.
    #[arg(long, global = true, env = "LEADFLOW_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// One JSON document a line instead of text for people.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Which role a process plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Every role in one process: for a laptop.
    All,
    /// The front door.
    Ingest,
    /// Identity, score, stage.
    Qualification,
    /// Pools, offers, owners, the stream.
    Assignment,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a role until SIGTERM or Ctrl-C.
    Serve {
        /// Which one.
        role: Role,
    },
    /// Follow the assigned leads, each with its reasons.
    Watch(commands::watch::Watch),
    /// Look at leads and at why they are what they are.
    #[command(subcommand)]
    Lead(commands::lead::Lead),
    /// Publish and list scoring models.
    #[command(subcommand)]
    Model(commands::model::Model),
    /// Add, list, and send reps away and back.
    #[command(subcommand)]
    Rep(commands::rep::Rep),
    /// Add and list pools, with the fairness ledger.
    #[command(subcommand)]
    Pool(commands::pool::Pool),
    /// Accept, decline, touch, close: what a sales executive does.
    #[command(subcommand)]
    Act(commands::act::Act),
    /// Fold a person's timeline again and emit what changed.
    Recompute(commands::person::PersonKey),
    /// Remove a person's data everywhere.
    Erase(commands::person::Erase),
    /// Check rule files without publishing them.
    Check(commands::check::Check),
    /// Make, list and revoke API keys.
    #[command(subcommand)]
    Key(commands::key::Key),
    /// Database migrations of the stateful roles.
    #[command(subcommand)]
    Migrate(commands::migrate::Migrate),
    /// Topics: create, compare.
    #[command(subcommand)]
    Topics(commands::topics::Topics),
    /// Where each consumer stands; rewind, restart, accept a loss.
    #[command(subcommand)]
    Offsets(commands::offsets::Offsets),
    /// Records that could not be applied.
    #[command(subcommand)]
    DeadLetter(commands::dead_letter::DeadLetter),
    /// The published protobuf and JSON schemas.
    #[command(subcommand)]
    Schema(commands::schema::Schema),
    /// The configuration as the roles would read it.
    #[command(subcommand)]
    Config(commands::config::Config),
    /// Is everything reachable, and if not, what to do.
    Doctor,
    /// Shell completion.
    Completion {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}
