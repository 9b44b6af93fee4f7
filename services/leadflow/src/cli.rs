//! The command line as types. Help leads with examples; typos get suggestions by clap.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

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
    /// Journeys, mails, the door of their links.
    Nurture,
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
    /// Publish, look at, pause and try journeys.
    #[command(subcommand)]
    Journey(commands::journey::Journey),
    /// Stop and resume all mails; what was sent to a lead and what was not.
    #[command(subcommand)]
    Nurture(commands::nurture::Nurture),
    /// Run golden tests of journeys: events and a clock in, decisions out, no server.
    Test(commands::test::Test),
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

/// The arguments of this process. Ends it, as clap does, where they are wrong or help was asked for.
pub(crate) fn parse() -> Arguments {
    Arguments::try_parse().unwrap_or_else(|error| without_environment(error, std::env::args_os()).exit())
}

/// In the usage of an error clap lists every flag that was given, those from the environment too, as if they were needed.
/// So the error is made again without the environment; where that has none, the first one stands.
fn without_environment(error: clap::Error, arguments: impl IntoIterator<Item = std::ffi::OsString>) -> clap::Error {
    match forget_environment(Arguments::command()).try_get_matches_from(arguments) {
        Err(plain) if plain.kind() == error.kind() => plain,
        _ => error,
    }
}

fn forget_environment(command: clap::Command) -> clap::Command {
    command.mut_args(|argument| argument.env(None)).mut_subcommands(forget_environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_usage_of_an_error_names_what_is_missing_and_not_what_the_environment_gave() {
        // A variable that is surely set; a test may set none of its own.
        let given = Arguments::command().mut_arg("api_key", |argument| argument.env("PATH"));
        let words = ["leadflow", "lead", "show"].map(std::ffi::OsString::from);
        let error = given.try_get_matches_from(words.clone()).expect_err("the lead is missing");
        assert!(error.to_string().contains("--api-key <KEY>"), "what clap says by itself: {error}");
        let usage = without_environment(error, words).to_string();
        assert!(usage.contains("Usage: leadflow lead show <E-MAIL|LEAD>"), "{usage}");
        assert!(!forget_environment(Arguments::command()).render_long_help().to_string().contains("[env:"));
        assert!(Arguments::command().render_long_help().to_string().contains("[env: LEADFLOW_API_KEY"));
    }
}
