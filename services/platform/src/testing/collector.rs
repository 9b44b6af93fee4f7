//! An OpenTelemetry collector on a free port that keeps what it gets.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use tonic::{Request, Response, Status};

use crate::grpc::GrpcServices;
use crate::health::Health;
use crate::run::Tasks;
use crate::server::{self, Limits};

/// Batches of lines at debug are larger than calls usually are.
const LARGE: usize = 64 << 20;

/// What came so far.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
    lines: Arc<Mutex<Vec<LogRecord>>>,
    metrics: Arc<Mutex<Vec<Metric>>>,
}

impl Collector {
    /// Starts; gives its address as an endpoint.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start(&self, tasks: &Tasks) -> String {
        let router = GrpcServices::new()
            .add(TraceServiceServer::new(self.clone()).max_decoding_message_size(LARGE))
            .add(LogsServiceServer::new(self.clone()).max_decoding_message_size(LARGE))
            .add(MetricsServiceServer::new(self.clone()).max_decoding_message_size(LARGE))
            .into_router(tasks, &Health::new())
            .expect("routes");
        let listener = server::bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr());
        // Its own server makes no spans: it has none of the layers.
        server::serve(tasks, "collector", listener, router, Limits::default());
        endpoint
    }

    /// Every span so far.
    ///
    /// # Panics
    /// If a call panicked.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().expect("the spans").clone()
    }

    /// Every pushed log line so far.
    ///
    /// # Panics
    /// If a call panicked.
    #[must_use]
    pub fn lines(&self) -> Vec<LogRecord> {
        self.lines.lock().expect("the lines").clone()
    }

    /// Every pushed metric so far, as often as it came.
    ///
    /// # Panics
    /// If a call panicked.
    #[must_use]
    pub fn metrics(&self) -> Vec<Metric> {
        self.metrics.lock().expect("the metrics").clone()
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
        self.metrics.lock().expect("the metrics").extend(metrics.flat_map(|metrics| metrics.metrics));
        Ok(Response::new(Default::default()))
    }
}
