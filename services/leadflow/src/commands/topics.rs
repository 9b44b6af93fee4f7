//! `leadflow topics`: create what is missing, compare what is there with the topics file.

use std::process::ExitCode;

use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::topics::{self, Mismatch, Topic, TopicsFile};
use serde_json::json;

use crate::cli::Global;
use crate::figures::count;
use crate::output::Output;
use crate::patience::Waiting;
use crate::text::plain;

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
            Topics::List => list(&config.kafka, &file, output),
            Topics::Check => {
                let waiting = Waiting::for_(format!("asking the broker at {}", config.kafka.brokers));
                let mismatches = topics::check(&config.kafka, &file, &Topic::ALL).await?;
                drop(waiting);
                tell(&mismatches, output)
            }
            Topics::Apply => {
                let waiting = Waiting::for_(format!("asking the broker at {}", config.kafka.brokers));
                let applied = topics::apply(&config.kafka, &file).await?;
                drop(waiting);
                for name in &applied.created {
                    output.done(&json!({ "created": name }), format!("created {name}"))?;
                }
                tell(&applied.mismatches, output)
            }
        }
    }
}

fn list(kafka: &KafkaConfig, file: &TopicsFile, output: Output) -> anyhow::Result<ExitCode> {
    let specs = Topic::ALL.map(|topic| (kafka.topic_name(topic), file.spec(topic)));
    if output.is_json() {
        for (name, spec) in &specs {
            output.json_line(&json!({ "topic": name, "partitions": spec.partitions, "keep_days": spec.keep_days }))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = specs
        .iter()
        .map(|(name, spec)| vec![plain(name), plain(spec.partitions.to_string()), plain(count(spec.keep_days, "day"))]);
    output.table(&["TOPIC", "PARTITIONS", "KEPT"], rows.collect())?;
    Ok(ExitCode::SUCCESS)
}

fn tell(mismatches: &[Mismatch], output: Output) -> anyhow::Result<ExitCode> {
    for mismatch in mismatches {
        output.done(
            &json!({ "mismatch": mismatch.to_string(), "stops_the_start": mismatch.stops() }),
            mismatch.to_string(),
        )?;
    }
    if mismatches.is_empty() {
        output.done(&json!({ "topics": "as in the file" }), "the topics are as the file says")?;
    }
    Ok(if mismatches.iter().any(Mismatch::stops) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_json_lines_for_programs() {
        let kafka = serde_json::from_value(json!({ "brokers": "127.0.0.1:1" })).expect("a configuration");
        let file = topics::load(None).expect("the built-in file");
        let (output, kept) = Output::kept(true, false);
        list(&kafka, &file, output).expect("kept");
        let text = kept.lock().expect("no other").clone();
        let first: serde_json::Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
        assert_eq!(first["topic"], "leadflow.engagement.v1");
        assert!(first["partitions"].as_i64() > Some(0) && first["keep_days"].as_i64() > Some(0), "{first}");
        assert_eq!(text.lines().count(), Topic::ALL.len());
    }
}
