//! `leadflow migrate`: the schemas of the stateful roles, before a rollout or by hand. Roles also do it at start.

use leadflow_platform::migrate::{Migrations, State};
use leadflow_platform::pg::Database;
use serde_json::json;

use crate::cli::Global;
use crate::config::RootConfig;
use crate::output::Output;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Migrate {
    /// Which versions are applied, pending, or newer than this binary.
    Status,
    /// Apply what is missing.
    Up,
}

impl Migrate {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let config = crate::config::load(global)?;
        for (database, migrations) in schemas(&config).await? {
            match self {
                Migrate::Status => status(&database, &migrations, output).await?,
                Migrate::Up => {
                    let applied = migrations.up(&database).await?;
                    let sentence = match applied.len() {
                        0 => format!("{}: nothing to do", database.schema()),
                        n => format!("{}: {n} applied, now at {}", database.schema(), applied.last().unwrap_or(&0)),
                    };
                    output.done(&json!({ "schema": database.schema(), "applied": applied }), &sentence)?;
                }
            }
        }
        Ok(())
    }
}

/// Database and migrations of each stateful role in the configuration.
pub(crate) async fn schemas(config: &RootConfig) -> anyhow::Result<Vec<(Database, Migrations)>> {
    let mut schemas = Vec::new();
    if let Some(section) = &config.qualification {
        let database =
            Database::connect(&section.database, leadflow_qualification::role::SCHEMA, "leadflow/cli").await?;
        schemas.push((database, Migrations::new(&leadflow_qualification::store::MIGRATIONS)?));
    }
    if let Some(section) = &config.assignment {
        let database = Database::connect(&section.database, leadflow_assignment::SCHEMA, "leadflow/cli").await?;
        schemas.push((database, Migrations::new(&leadflow_assignment::MIGRATIONS)?));
    }
    anyhow::ensure!(
        !schemas.is_empty(),
        "the configuration names no stateful role: add `qualification` or `assignment`"
    );
    Ok(schemas)
}

async fn status(database: &Database, migrations: &Migrations, output: Output) -> anyhow::Result<()> {
    for status in migrations.status(database).await? {
        let state = match status.state {
            State::Applied => "applied",
            State::Pending => "pending",
            State::Changed => "CHANGED since it was applied",
            State::Newer => "newer than this binary",
        };
        let line = format!("{:<14} {:>4}  {:<28} {state}", database.schema(), status.version, status.description);
        output.done(
            &json!({ "schema": database.schema(), "version": status.version, "description": status.description, "state": state }),
            &line,
        )?;
    }
    Ok(())
}
