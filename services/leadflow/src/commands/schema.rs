//! `leadflow schema`: the contracts, without the repository.

use serde_json::json;

use crate::output::Output;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Schema {
    /// Names of all schemas.
    List,
    /// One schema on stdout.
    Get {
        /// As `list` names it.
        name: String,
    },
}

/// What can be had: JSON schemas of the files people write, and the protobuf files as they were compiled in.
const FILES: [(&str, &str); 12] = [
    (
        "leadflow/engagement/v1/engagement_event.proto",
        include_str!("../../../../proto/leadflow/engagement/v1/engagement_event.proto"),
    ),
    (
        "leadflow/ingest/v1/ingest_service.proto",
        include_str!("../../../../proto/leadflow/ingest/v1/ingest_service.proto"),
    ),
    (
        "leadflow/ingest/v1/rejected_event.proto",
        include_str!("../../../../proto/leadflow/ingest/v1/rejected_event.proto"),
    ),
    (
        "leadflow/qualification/v1/lead_event.proto",
        include_str!("../../../../proto/leadflow/qualification/v1/lead_event.proto"),
    ),
    (
        "leadflow/qualification/v1/lead_service.proto",
        include_str!("../../../../proto/leadflow/qualification/v1/lead_service.proto"),
    ),
    (
        "leadflow/qualification/v1/admin_service.proto",
        include_str!("../../../../proto/leadflow/qualification/v1/admin_service.proto"),
    ),
    (
        "leadflow/assignment/v1/assignment_event.proto",
        include_str!("../../../../proto/leadflow/assignment/v1/assignment_event.proto"),
    ),
    (
        "leadflow/assignment/v1/assignment_service.proto",
        include_str!("../../../../proto/leadflow/assignment/v1/assignment_service.proto"),
    ),
    (
        "leadflow/assignment/v1/admin_service.proto",
        include_str!("../../../../proto/leadflow/assignment/v1/admin_service.proto"),
    ),
    (
        "leadflow/nurture/v1/nurture_event.proto",
        include_str!("../../../../proto/leadflow/nurture/v1/nurture_event.proto"),
    ),
    (
        "leadflow/nurture/v1/nurture_service.proto",
        include_str!("../../../../proto/leadflow/nurture/v1/nurture_service.proto"),
    ),
    (
        "leadflow/nurture/v1/admin_service.proto",
        include_str!("../../../../proto/leadflow/nurture/v1/admin_service.proto"),
    ),
];

const SCORING: &str = "scoring.schema.json";
const JOURNEY: &str = "journey.schema.json";

impl Schema {
    pub(crate) fn run(self, output: Output) -> anyhow::Result<()> {
        match self {
            Schema::List => {
                let names = [SCORING, JOURNEY].into_iter().chain(FILES.iter().map(|(name, _)| *name));
                names.into_iter().try_for_each(|name| output.done(&json!({ "name": name }), name))
            }
            Schema::Get { name } if name == SCORING => {
                let schema = leadflow_qualification::domain::rules::json_schema();
                output.exact(&serde_json::to_string_pretty(&schema)?)
            }
            Schema::Get { name } if name == JOURNEY => {
                let schema = leadflow_nurture::domain::journey::json_schema();
                output.exact(&serde_json::to_string_pretty(&schema)?)
            }
            Schema::Get { name } => match FILES.iter().find(|(file, _)| *file == name) {
                Some((_, text)) => output.exact(text.trim_end()),
                None => anyhow::bail!("there is no schema `{name}`; `leadflow schema list` names them"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_json_lines_for_programs() {
        let (output, kept) = Output::kept(true, false);
        Schema::List.run(output).expect("kept");
        let text = kept.lock().expect("no other").clone();
        let names: Vec<String> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["name"].to_string())
            .collect();
        assert_eq!((names.len(), names[0].as_str()), (FILES.len() + 2, "\"scoring.schema.json\""));
    }
}
