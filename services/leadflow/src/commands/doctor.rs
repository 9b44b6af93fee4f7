//! `leadflow doctor`: one look at everything a role needs, each with the remedy. All looks at once, none longer than
//! somebody waits for an answer.

use std::process::ExitCode;

use futures::future::{join, join_all};
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::migrate::{Migrations, State};
use leadflow_platform::pg::Database;
use leadflow_platform::{access, offsets, topics};
use serde_json::json;

use super::migrate::Schema;
use crate::cli::Global;
use crate::config::RootConfig;
use crate::failure::{NOT_READY, describe};
use crate::output::Output;
use crate::patience::{self, PATIENCE, Waiting};
use crate::text::{green, plain, red};

/// What was looked at, and what is wrong with it.
struct Look {
    what: String,
    wrong: Option<String>,
}

impl Look {
    fn new<T>(what: impl Into<String>, result: anyhow::Result<T>) -> Self {
        Self { what: what.into(), wrong: result.err().map(|error| describe(&error)) }
    }
}

/// Looks, prints, and ends with 3 if something is not ready.
pub(crate) async fn run(global: &Global, output: Output) -> anyhow::Result<ExitCode> {
    let config = crate::config::load(global)?;
    let mut looks = files(&config);
    let waiting = Waiting::for_("looking at the broker and the databases");
    let (of_broker, of_databases) = join(check_topics(&config), databases(&config)).await;
    drop(waiting);
    looks.push(Look::new("topics", of_broker));
    looks.extend(of_databases);
    let wrong = looks.iter().filter(|look| look.wrong.is_some()).count();
    for look in &looks {
        let what = plain(format!("{:<22} ", look.what));
        let line = match &look.wrong {
            None => [what, green("ok"), plain("")],
            Some(wrong) => [what, red("not ready"), plain(format!(": {wrong}"))],
        };
        output.done(&json!({ "what": look.what, "wrong": look.wrong }), line)?;
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::from(NOT_READY) })
}

fn files(config: &RootConfig) -> Vec<Look> {
    let keys = super::key::require(&config.keys_file).and_then(|()| Ok(access::list(&config.keys_file)?));
    let mut looks = vec![
        Look::new("configuration", Ok(())),
        Look::new("identity key", IdentityKey::load(&config.identity_key_file).map_err(Into::into)),
        Look::new("keys file", keys),
    ];
    if let Some(ingest) = &config.ingest {
        let sources = leadflow_ingest::source_names(&ingest.sources_file);
        // Of a file that cannot be read once is enough.
        let answers = (sources.is_ok() && config.nurture.is_some()).then(|| crate::answers::check(config));
        looks.push(Look::new("sources file", sources));
        looks.extend(answers.map(|answers| Look::new("answers to mails", answers)));
    }
    looks
}

async fn check_topics(config: &RootConfig) -> anyhow::Result<()> {
    let file = topics::load(Some(&config.topics_file))?;
    let wrong = patience::of_broker(&config.kafka, topics::check(&config.kafka, &file, &topics::Topic::ALL)).await?;
    let stopping: Vec<String> = wrong.iter().filter(|mismatch| mismatch.stops()).map(ToString::to_string).collect();
    anyhow::ensure!(stopping.is_empty(), stopping.join("; "));
    Ok(())
}

async fn databases(config: &RootConfig) -> Vec<Look> {
    match super::migrate::schemas(config) {
        Err(error) => vec![Look::new("databases", Err::<(), _>(error))],
        Ok(schemas) => {
            join_all(schemas.iter().map(|schema| one_database(schema, config))).await.into_iter().flatten().collect()
        }
    }
}

/// The schema of a role and its ledger, which nobody can look at without the schema.
async fn one_database(schema: &Schema<'_>, config: &RootConfig) -> Vec<Look> {
    let (what, ledger) = (format!("schema {}", schema.name), format!("ledger {}", schema.name));
    match schema.open().await {
        Err(error) => vec![Look::new(what, Err::<(), _>(error))],
        Ok(database) => {
            let looks = join(check_migrations(&database, &schema.migrations), check_ledger(&database, config)).await;
            vec![Look::new(what, looks.0), Look::new(ledger, looks.1)]
        }
    }
}

async fn check_migrations(database: &Database, migrations: &Migrations) -> anyhow::Result<()> {
    let answer = tokio::time::timeout(PATIENCE, migrations.status(database)).await;
    let Ok(all) = answer else { anyhow::bail!("the database does not answer within {} s", PATIENCE.as_secs()) };
    let open = all?.iter().filter(|status| status.state != State::Applied).count();
    anyhow::ensure!(open == 0, "{open} migrations are not as in this binary: leadflow migrate status");
    Ok(())
}

async fn check_ledger(database: &Database, config: &RootConfig) -> anyhow::Result<()> {
    let rows = patience::of_broker(&config.kafka, offsets::list(database, &config.kafka)).await?;
    let wrong = rows.iter().filter(|row| row.difference != 0 || row.state != "running").count();
    anyhow::ensure!(wrong == 0, "{wrong} partitions are stopped or off: leadflow offsets list");
    Ok(())
}
