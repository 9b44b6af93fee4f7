//! `leadflow schema`: the contracts, without the repository.

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
const FILES: [(&str, &str); 9] = [
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
];

const SCORING: &str = "scoring.schema.json";

impl Schema {
    pub(crate) fn run(self, output: Output) -> anyhow::Result<()> {
        match self {
            Schema::List => {
                output.line(SCORING)?;
                FILES.iter().try_for_each(|(name, _)| output.line(name))
            }
            Schema::Get { name } if name == SCORING => {
                let schema = leadflow_qualification::domain::rules::json_schema();
                output.line(&serde_json::to_string_pretty(&schema)?)
            }
            Schema::Get { name } => match FILES.iter().find(|(file, _)| *file == name) {
                Some((_, text)) => output.line(text.trim_end()),
                None => anyhow::bail!("there is no schema `{name}`; `leadflow schema list` names them"),
            },
        }
    }
}
