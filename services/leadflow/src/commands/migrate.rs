//! `leadflow migrate`: the schemas of the stateful roles, before a rollout or by hand. Roles also do it at start.

use leadflow_platform::migrate::{Migrations, State};
use leadflow_platform::pg::{Database, PgConfig};
use serde_json::json;

use crate::cli::Global;
use crate::config::RootConfig;
use crate::output::Output;
use crate::patience::{PATIENCE, Waiting, place};

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
        for schema in schemas(&config)? {
            let waiting = Waiting::for_(format!("asking the database of {}", schema.name));
            let database = schema.open().await?;
            drop(waiting);
            match self {
                Migrate::Status => status(&database, &schema.migrations, output).await?,
                Migrate::Up => {
                    let applied = schema.migrations.up(&database).await?;
                    let sentence = match applied.len() {
                        0 => format!("{}: nothing to do", database.schema()),
                        n => format!("{}: {n} applied, now at {}", database.schema(), applied.last().unwrap_or(&0)),
                    };
                    output.done(&json!({ "schema": database.schema(), "applied": applied }), sentence)?;
                }
            }
        }
        Ok(())
    }
}

/// The schema of a stateful role: where it is, and what this binary makes of it.
pub(crate) struct Schema<'a> {
    /// Name of the schema, of its role and of the section of the configuration.
    pub(crate) name: &'static str,
    config: &'a PgConfig,
    pub(crate) migrations: Migrations,
}

impl Schema<'_> {
    /// Its database, if that answers within five seconds.
    ///
    /// # Errors
    /// With host and port, and what to do.
    pub(crate) async fn open(&self) -> anyhow::Result<Database> {
        match Database::connect(self.config, self.name, "leadflow/cli").await {
            Err(error) if error.is_disconnect() => anyhow::bail!(
                "the database of {0} at {1} does not answer within {2} s; start it (`make up` does on this machine) or \
                 correct `{0}.database.url`, then: leadflow doctor",
                self.name,
                place(self.config),
                PATIENCE.as_secs()
            ),
            other => Ok(other?),
        }
    }
}

/// The schema of each stateful role in the configuration.
pub(crate) fn schemas(config: &RootConfig) -> anyhow::Result<Vec<Schema<'_>>> {
    let mut schemas = Vec::new();
    let mut add = |name, config, service| -> anyhow::Result<()> {
        schemas.push(Schema { name, config, migrations: Migrations::new(service)? });
        Ok(())
    };
    if let Some(section) = &config.qualification {
        let service = &leadflow_qualification::store::MIGRATIONS;
        add(leadflow_qualification::role::SCHEMA, &section.database, service)?;
    }
    if let Some(section) = &config.assignment {
        add(leadflow_assignment::SCHEMA, &section.database, &leadflow_assignment::MIGRATIONS)?;
    }
    if let Some(section) = &config.nurture {
        add(leadflow_nurture::SCHEMA, &section.database, &leadflow_nurture::MIGRATIONS)?;
    }
    anyhow::ensure!(
        !schemas.is_empty(),
        "the configuration names no stateful role: add `qualification`, `assignment` or `nurture`"
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
            line,
        )?;
    }
    Ok(())
}
