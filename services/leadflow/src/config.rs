//! The configuration of a process: one file for all roles, a section each. Each section's fields are explained beside
//! their owner; here they are only put together.

use std::net::SocketAddr;
use std::path::PathBuf;

use leadflow_ingest::IngestConfig;
use leadflow_nurture::NurtureConfig;
use leadflow_platform::config;
use leadflow_platform::consumer::ConsumerConfig;
use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::pg::PgConfig;
use leadflow_platform::telemetry::TelemetryConfig;

use crate::cli::Global;

/// `LEADFLOW__KAFKA__BROKERS` sets `kafka.brokers`. Two underscores, so that the variables of the command line's clients
/// (`LEADFLOW_API_KEY`) are no configuration.
pub(crate) const ENVIRONMENT_PREFIX: &str = "LEADFLOW__";

/// The whole file.
#[derive(Debug, serde::Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RootConfig {
    /// The broker.
    #[garde(dive)]
    pub(crate) kafka: KafkaConfig,
    /// 32 random bytes as hex text; made once, backed up with the database, never changed.
    #[garde(skip)]
    pub(crate) identity_key_file: PathBuf,
    /// API keys, edited by `leadflow key`.
    #[garde(skip)]
    pub(crate) keys_file: PathBuf,
    /// Topics of the deployment.
    #[garde(skip)]
    pub(crate) topics_file: PathBuf,
    /// Logs, traces, metrics.
    #[serde(default)]
    #[garde(dive)]
    pub(crate) telemetry: TelemetryConfig,
    /// The front door.
    #[garde(dive)]
    pub(crate) ingest: Option<IngestConfig>,
    /// Identity, score, stage.
    #[garde(dive)]
    pub(crate) qualification: Option<StatefulSection>,
    /// Pools, offers, owners, the stream.
    #[garde(dive)]
    pub(crate) assignment: Option<StatefulSection>,
    /// Journeys, mails, the door of their links.
    #[garde(dive)]
    pub(crate) nurture: Option<NurtureConfig>,
}

/// Section of a role with a database.
#[derive(Debug, serde::Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatefulSection {
    /// Public address: HTTP and gRPC together.
    #[garde(skip)]
    #[schemars(with = "String")]
    pub(crate) listen: SocketAddr,
    /// Health and metrics; the public port + 1000 on the same address if not given.
    #[serde(default)]
    #[garde(skip)]
    #[schemars(with = "Option<String>")]
    pub(crate) ops_listen: Option<SocketAddr>,
    /// Its own schema.
    #[garde(dive)]
    pub(crate) database: PgConfig,
    /// Lanes, batches, where to begin.
    #[serde(default)]
    #[garde(dive)]
    pub(crate) consumer: ConsumerConfig,
}

/// Reads the file of `--config` and the environment.
pub(crate) fn load(global: &Global) -> anyhow::Result<RootConfig> {
    anyhow::ensure!(
        global.config.is_some() || std::env::vars().any(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX)),
        "no configuration: give --config FILE or set LEADFLOW_CONFIG (`make up` writes .local/leadflow.yaml)"
    );
    Ok(config::load(global.config.as_deref(), ENVIRONMENT_PREFIX)?)
}
