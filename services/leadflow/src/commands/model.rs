//! `leadflow model`: publish and list scoring models.

use std::path::PathBuf;

use anyhow::Context as _;
use leadflow_proto::qualification::v1::{ListModelsRequest, PublishModelRequest};

use crate::client::Connection;
use crate::figures::time;
use crate::output::Output;
use crate::text::{green, plain};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Model {
    /// Make an immutable version of a model and activate it; everybody is re-scored by a sweep.
    Publish {
        /// YAML file of the model.
        file: PathBuf,
        /// Only say what would happen.
        #[arg(long)]
        dry_run: bool,
    },
    /// All versions, newest first.
    List,
}

impl Model {
    pub(crate) async fn run(self, connection: &Connection, output: Output) -> anyhow::Result<()> {
        match self {
            Model::Publish { file, dry_run } => publish(file, dry_run, connection, output).await,
            Model::List => list(connection, output).await,
        }
    }
}

async fn publish(file: PathBuf, dry_run: bool, connection: &Connection, output: Output) -> anyhow::Result<()> {
    let body = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut client = connection.qualification_admin().await?;
    let request = PublishModelRequest { body, validate_only: dry_run };
    let response = client
        .publish_model(request)
        .await
        .with_context(|| format!("{} was not published", file.display()))?
        .into_inner();
    let model = response.model.clone().unwrap_or_default();
    let sentence = match (dry_run, response.created) {
        (true, _) => format!("{} is valid: it would become scoring/{}", file.display(), model.name),
        (false, true) => format!("published scoring/{}@{} and made it active", model.name, model.model_no),
        (false, false) => format!("scoring/{}@{} is this very file and active already", model.name, model.model_no),
    };
    output.done(&response, sentence)
}

async fn list(connection: &Connection, output: Output) -> anyhow::Result<()> {
    let response = connection.qualification_admin().await?.list_models(ListModelsRequest {}).await?.into_inner();
    if output.is_json() {
        return response.models.iter().try_for_each(|model| output.json_line(model));
    }
    let rows = response.models.iter().map(|model| {
        vec![
            plain(format!("scoring/{}@{}", model.name, model.model_no)),
            green(if model.active { "active" } else { "" }),
            plain(time(model.published_at.as_ref())),
            plain(model.sha256.get(..12).unwrap_or(&model.sha256)),
        ]
    });
    output.table(&["MODEL", "", "PUBLISHED", "SHA-256"], rows.collect())
}
