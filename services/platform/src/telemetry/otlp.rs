//! Pushing to a collector by OTLP over gRPC. Buffers are bounded: with the collector away, spans and log lines are dropped.

use std::time::Duration;

use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::PeriodicReader;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

const TIMEOUT: Duration = Duration::from_secs(5);
const METRICS_EVERY: Duration = Duration::from_secs(15);

/// Traces and logs on their way out.
pub(super) struct Push {
    pub(super) traces: SdkTracerProvider,
    pub(super) logs: SdkLoggerProvider,
}

impl Push {
    /// Must be called inside the runtime: the gRPC channel lives on it.
    pub(super) fn new(endpoint: &str, resource: Resource) -> anyhow::Result<(Self, PeriodicReader<MetricExporter>)> {
        let spans = SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(TIMEOUT).build()?;
        let traces = SdkTracerProvider::builder()
            .with_batch_exporter(spans)
            // Which trace begins is decided in `trace`, before a span costs anything: what arrives here is wanted.
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
            .with_resource(resource.clone())
            .build();
        let lines = LogExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(TIMEOUT).build()?;
        let logs = SdkLoggerProvider::builder().with_batch_exporter(lines).with_resource(resource).build();
        let metrics = MetricExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(TIMEOUT).build()?;
        let reader = PeriodicReader::builder(metrics).with_interval(METRICS_EVERY).build();
        Ok((Self { traces, logs }, reader))
    }

    /// Errors are expected where no collector runs.
    pub(super) fn shutdown(&self, patience: Duration) {
        let _ = self.traces.shutdown_with_timeout(patience);
        let _ = self.logs.shutdown_with_timeout(patience);
    }
}
