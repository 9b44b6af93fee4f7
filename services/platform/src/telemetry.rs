//! What a process tells about itself: log lines, metrics, traces. Nothing of it holds personal data.
//!
//! Logs go to standard error: text on a terminal, JSON elsewhere. Metrics are always there for Prometheus on the ops port;
//! with a collector configured, metrics, traces and logs are also pushed by OTLP. A collector that is away costs what it
//! would have received and nothing else.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_semantic_conventions::resource::SERVICE_VERSION;
use serde::{Deserialize, Serialize};

mod logs;
pub mod metrics;
mod otlp;
pub mod trace;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Section `telemetry` of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// How log lines look.
    #[garde(skip)]
    pub log_format: LogFormat,
    /// Level, or directives by module ("info,leadflow_ingest=debug").
    #[garde(length(min = 1))]
    pub log: String,
    /// OTLP collector by gRPC ("http://127.0.0.1:4317"). None: nothing is pushed and no trace is made.
    #[garde(inner(url))]
    pub otlp_endpoint: Option<String>,
    /// Share of requests without a trace of their own that start one, 0 to 1. One that comes with a sampled trace is
    /// always continued.
    #[garde(range(min = 0.0, max = 1.0))]
    pub trace_ratio: f64,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { log_format: LogFormat::Auto, log: "info".to_owned(), otlp_endpoint: None, trace_ratio: 0.01 }
    }
}

/// The telemetry of this process. Clones are handles.
#[derive(Clone)]
pub struct Telemetry {
    registry: prometheus::Registry,
    meters: SdkMeterProvider,
    push: Option<Arc<otlp::Push>>,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telemetry").field("push", &self.push.is_some()).finish_non_exhaustive()
    }
}

/// Sets up logs, metrics and traces of the process. Once, inside the runtime, before anything makes an instrument.
///
/// # Errors
/// If the log directives do not parse, the exporter cannot be built, or it was done before.
pub fn init(config: &TelemetryConfig, service_name: &str) -> anyhow::Result<Telemetry> {
    let resource = Resource::builder()
        .with_service_name(service_name.to_owned())
        .with_attribute(KeyValue::new(SERVICE_VERSION, env!("CARGO_PKG_VERSION")))
        .build();
    let registry = prometheus::Registry::new();
    let pull = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .build()
        .context("could not set up the Prometheus exporter")?;
    let mut meters = SdkMeterProvider::builder().with_reader(pull).with_resource(resource.clone());
    let push = match &config.otlp_endpoint {
        Some(endpoint) => {
            let (push, reader) = otlp::Push::new(endpoint, resource)
                .with_context(|| format!("could not set up the OTLP exporter for {endpoint}"))?;
            meters = meters.with_reader(reader);
            Some(Arc::new(push))
        }
        None => None,
    };
    let meters = meters.build();
    logs::install(config, push.as_deref())?;
    opentelemetry::global::set_meter_provider(meters.clone());
    trace::configure(push.is_some(), config.trace_ratio);
    Ok(Telemetry { registry, meters, push })
}

impl Telemetry {
    /// All metrics as Prometheus reads them.
    #[must_use]
    pub fn prometheus_text(&self) -> String {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_else(|error| {
            tracing::warn!("metrics could not be written: {error}");
            String::new()
        })
    }

    /// Sends what is buffered and ends; at most five seconds, also if the collector is away.
    pub async fn shutdown(&self) {
        const PATIENCE: Duration = Duration::from_secs(5);
        let (meters, push) = (self.meters.clone(), self.push.clone());
        let end = tokio::task::spawn_blocking(move || {
            if let Some(push) = push {
                push.shutdown(Duration::from_secs(2));
            }
            // Nobody listens any more: whatever it says is not worth a line.
            let _ = meters.shutdown_with_timeout(Duration::from_secs(2));
        });
        let _ = tokio::time::timeout(PATIENCE, end).await;
    }
}

/// The meter of this process. What is made from it before [`init`] counts nothing.
#[must_use]
pub fn meter() -> opentelemetry::metrics::Meter {
    opentelemetry::global::meter("leadflow")
}
