//! `leadflow doctor`: one look at everything a role needs, each with the remedy.

use std::process::ExitCode;

use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::migrate::State;
use leadflow_platform::{access, offsets, topics};
use serde_json::json;

use crate::cli::Global;
use crate::failure::NOT_READY;
use crate::output::Output;

/// What was looked at, and what is wrong with it.
struct Look {
    what: String,
    wrong: Option<String>,
}

/// Looks, prints, and ends with 3 if something is not ready.
pub(crate) async fn run(global: &Global, output: Output) -> anyhow::Result<ExitCode> {
    let config = crate::config::load(global)?;
    let mut looks = vec![Look { what: "configuration".to_owned(), wrong: None }];
    let mut look =
        |what: &str, result: Result<(), String>| looks.push(Look { what: what.to_owned(), wrong: result.err() });
    look(
        "identity key",
        IdentityKey::load(&config.identity_key_file).map(|_| ()).map_err(|error| format!("{error:#}")),
    );
    look("keys file", access::list(&config.keys_file).map(|_| ()).map_err(|error| error.to_string()));
    if let Some(ingest) = &config.ingest {
        let sources = leadflow_ingest::source_names(&ingest.sources_file);
        look("sources file", sources.map(|_| ()).map_err(|error| format!("{error:#}")));
    }
    look("topics", check_topics(&config).await);
    match super::migrate::schemas(&config).await {
        Err(error) => look("database", Err(format!("{error:#}"))),
        Ok(schemas) => {
            for (database, migrations) in schemas {
                let pending = migrations.status(&database).await.map_err(|error| error.to_string()).and_then(|all| {
                    let open = all.iter().filter(|status| status.state != State::Applied).count();
                    if open == 0 {
                        Ok(())
                    } else {
                        Err(format!("{open} migrations are not as in this binary: leadflow migrate status"))
                    }
                });
                look(&format!("schema {}", database.schema()), pending);
                look(&format!("ledger {}", database.schema()), check_ledger(&database, &config).await);
            }
        }
    }
    let wrong = looks.iter().filter(|look| look.wrong.is_some()).count();
    for look in &looks {
        let mark = if look.wrong.is_none() { output.green("ok") } else { output.red("not ready") };
        let detail = look.wrong.as_deref().map(|wrong| format!(": {wrong}")).unwrap_or_default();
        output
            .done(&json!({ "what": look.what, "wrong": look.wrong }), &format!("{:<22} {mark}{detail}", look.what))?;
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::from(NOT_READY) })
}

async fn check_topics(config: &crate::config::RootConfig) -> Result<(), String> {
    let file = topics::load(Some(&config.topics_file)).map_err(|error| error.to_string())?;
    let wrong = topics::check(&config.kafka, &file, &topics::Topic::ALL).await.map_err(|error| error.to_string())?;
    let stopping: Vec<String> = wrong.iter().filter(|mismatch| mismatch.stops()).map(ToString::to_string).collect();
    if stopping.is_empty() { Ok(()) } else { Err(stopping.join("; ")) }
}

async fn check_ledger(
    database: &leadflow_platform::pg::Database,
    config: &crate::config::RootConfig,
) -> Result<(), String> {
    let rows = offsets::list(database, &config.kafka).await.map_err(|error| error.to_string())?;
    let wrong = rows.iter().filter(|row| row.difference != 0 || row.state != "running").count();
    if wrong == 0 { Ok(()) } else { Err(format!("{wrong} partitions are stopped or off: leadflow offsets list")) }
}
