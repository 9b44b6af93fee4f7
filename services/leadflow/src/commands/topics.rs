//! `leadflow topics`: create what is missing, compare what is there with the topics file.

use std::process::ExitCode;

use leadflow_platform::topics::{self, Mismatch, Topic};
use serde_json::json;

use crate::cli::Global;
use crate::output::Output;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Topics {
    /// What the topics file says.
    List,
    /// Compare; exit 1 if a role would refuse to start.
    Check,
    /// Create what is missing, then compare. Topics that exist are never changed.
    Apply,
}

impl Topics {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<ExitCode> {
        let config = crate::config::load(global)?;
        let file = topics::load(Some(&config.topics_file))?;
        match self {
            Topics::List => {
                let rows = Topic::ALL.map(|topic| {
                    let spec = file.spec(topic);
                    vec![
                        config.kafka.topic_name(topic),
                        spec.partitions.to_string(),
                        format!("{} days", spec.keep_days),
                    ]
                });
                output.table(&["TOPIC", "PARTITIONS", "KEPT"], rows.to_vec())?;
                Ok(ExitCode::SUCCESS)
            }
            Topics::Check => tell(&topics::check(&config.kafka, &file, &Topic::ALL).await?, output),
            Topics::Apply => {
                let applied = topics::apply(&config.kafka, &file).await?;
                for name in &applied.created {
                    output.done(&json!({ "created": name }), &format!("created {name}"))?;
                }
                tell(&applied.mismatches, output)
            }
        }
    }
}

fn tell(mismatches: &[Mismatch], output: Output) -> anyhow::Result<ExitCode> {
    for mismatch in mismatches {
        output.done(
            &json!({ "mismatch": mismatch.to_string(), "stops_the_start": mismatch.stops() }),
            &mismatch.to_string(),
        )?;
    }
    if mismatches.is_empty() {
        output.done(&json!({ "topics": "as in the file" }), "the topics are as the file says")?;
    }
    Ok(if mismatches.iter().any(Mismatch::stops) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
