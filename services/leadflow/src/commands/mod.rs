//! One file per command. Each asks a role over gRPC, or, where an operator must be able to work while roles are down
//! (migrations, topics, offsets, dead letters, keys), the database, the broker or the file itself.

pub(crate) mod act;
pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod dead_letter;
pub(crate) mod doctor;
pub(crate) mod journey;
pub(crate) mod key;
pub(crate) mod lead;
pub(crate) mod migrate;
pub(crate) mod model;
pub(crate) mod nurture;
pub(crate) mod offsets;
mod origin;
pub(crate) mod person;
pub(crate) mod pool;
pub(crate) mod rep;
pub(crate) mod schema;
pub(crate) mod test;
pub(crate) mod topics;
pub(crate) mod watch;

#[cfg(test)]
mod fake_role;
#[cfg(test)]
mod hostile_role;
#[cfg(test)]
mod terminal_tests;

use std::process::ExitCode;

use crate::cli::{Arguments, Command};
use crate::output::Output;

/// Runs the command.
///
/// # Errors
/// Whatever it could not do, with the causes.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let output = Output::new(arguments.global.json);
    run_to(arguments, output).await
}

/// As [`run`], with what is printed going there.
async fn run_to(arguments: Arguments, output: Output) -> anyhow::Result<ExitCode> {
    let Arguments { global, command } = arguments;
    let connection = &global.connection;
    match command {
        Command::Serve { role } => crate::serve::run(&global, role).await?,
        Command::Watch(command) => command.run(connection, output).await?,
        Command::Lead(command) => return command.run(connection, output).await,
        Command::Model(command) => command.run(connection, output).await?,
        Command::Journey(command) => command.run(connection, output).await?,
        Command::Nurture(command) => command.run(connection, output).await?,
        Command::Test(command) => return command.run(output),
        Command::Rep(command) => command.run(connection, output).await?,
        Command::Pool(command) => command.run(connection, output).await?,
        Command::Act(command) => command.run(connection, output).await?,
        Command::Recompute(key) => person::recompute(key, connection, output).await?,
        Command::Erase(command) => command.run(connection, output).await?,
        Command::Check(command) => return command.run(output),
        Command::Key(command) => command.run(&global, output)?,
        Command::Migrate(command) => command.run(&global, output).await?,
        Command::Topics(command) => return command.run(&global, output).await,
        Command::Offsets(command) => return command.run(&global, output).await,
        Command::DeadLetter(command) => command.run(&global, output).await?,
        Command::Schema(command) => command.run(output)?,
        Command::Config(command) => return command.run(&global, output),
        Command::Doctor => return doctor::run(&global, output).await,
        Command::Completion { shell } => {
            use clap::CommandFactory as _;
            // Made first and then written: the library panics when a pager closes the pipe.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "leadflow", &mut script);
            output.exact(String::from_utf8_lossy(&script).trim_end())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
