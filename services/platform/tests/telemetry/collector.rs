//! A collector that keeps what it gets.

use std::sync::{Arc, Mutex};

use leadflow_platform::grpc::GrpcServices;
use leadflow_platform::health::Health;
use leadflow_platform::run::Tasks;
use leadflow_platform::server::{self, Limits};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use tonic::{Request, Response, Status};

/// What came so far.
#[derive(Clone, Default)]
pub(crate) struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
    lines: Arc<Mutex<Vec<LogRecord>>>,
    metrics: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    /// Starts on a free port; gives its address as an endpoint.
    pub(crate) async fn start(&self, tasks: &Tasks) -> String {
        let router = GrpcServices::new()
            .add(TraceServiceServer::new(self.clone()))
            .add(LogsServiceServer::new(self.clone()))
            .add(MetricsServiceServer::new(self.clone()))
            .into_router(tasks, &Health::new())
            .expect("routes");
        let listener = server::bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr());
        // Its own server makes no spans: it has none of the layers.
        server::serve(tasks, "collector", listener, router, Limits::default());
        endpoint
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.spans.lock().expect("the spans").clone()
    }

    pub(crate) fn lines(&self) -> Vec<LogRecord> {
        self.lines.lock().expect("the lines").clone()
    }

    pub(crate) fn metrics(&self) -> Vec<String> {
        self.metrics.lock().expect("the names").clone()
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = request.into_inner().resource_spans.into_iter().flat_map(|spans| spans.scope_spans);
        self.spans.lock().expect("the spans").extend(spans.flat_map(|spans| spans.spans));
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let lines = request.into_inner().resource_logs.into_iter().flat_map(|lines| lines.scope_logs);
        self.lines.lock().expect("the lines").extend(lines.flat_map(|lines| lines.log_records));
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let metrics = request.into_inner().resource_metrics.into_iter().flat_map(|metrics| metrics.scope_metrics);
        let names = metrics.flat_map(|metrics| metrics.metrics).map(|metric| metric.name);
        self.metrics.lock().expect("the names").extend(names);
        Ok(Response::new(Default::default()))
    }
}

pub(crate) fn attribute(span: &Span, name: &str) -> Option<String> {
    let value = span.attributes.iter().find(|attribute| attribute.key == name)?.value.clone()?.value?;
    Some(match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
