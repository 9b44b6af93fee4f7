//! `leadflow config`: the configuration as the roles would read it.

use leadflow_platform::config;

use crate::cli::Global;
use crate::config::{ENVIRONMENT_PREFIX, RootConfig};
use crate::output::Output;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Config {
    /// Every value with its source; secrets are masked.
    Print,
    /// JSON schema of the file, for editors.
    Schema,
    /// Read it and say what is wrong.
    Check,
}

impl Config {
    pub(crate) fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        if matches!(self, Config::Schema) {
            return output.line(&serde_json::to_string_pretty(&config::schema::<RootConfig>())?);
        }
        let loaded =
            config::load_with_sources::<RootConfig>(global.config.as_deref(), ENVIRONMENT_PREFIX, std::env::vars())?;
        if matches!(self, Config::Check) {
            return output.line("the configuration is valid");
        }
        if output.is_json() {
            return loaded.settings.iter().try_for_each(|setting| {
                output.json_line(&serde_json::json!({ "path": setting.path, "value": setting.value, "source": setting.source.to_string() }))
            });
        }
        let rows = loaded
            .settings
            .iter()
            .map(|setting| vec![setting.path.clone(), setting.value.clone(), setting.source.to_string()]);
        output.table(&["SETTING", "VALUE", "SOURCE"], rows.collect())
    }
}
