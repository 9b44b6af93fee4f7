//! A collector that keeps the text of everything it gets: whatever attribute it stands in, protobuf carries text as it is.

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
use tonic::{Request, Response, Status};

/// What came so far.
#[derive(Clone, Default)]
pub(crate) struct Collector {
    spans: Arc<Mutex<String>>,
    lines: Arc<Mutex<String>>,
    metrics: Arc<Mutex<String>>,
}

fn keep(into: &Mutex<String>, what: impl Iterator<Item = impl std::fmt::Debug>) {
    let mut text = into.lock().expect("whole");
    for one in what {
        text.push_str(&format!("{one:?}\n"));
    }
}

impl Collector {
    /// Starts on a free port; gives its address as an endpoint.
    pub(crate) async fn start(&self, tasks: &Tasks) -> String {
        // Batches of lines at debug are larger than calls usually are.
        const LARGE: usize = 64 << 20;
        let router = GrpcServices::new()
            .add(TraceServiceServer::new(self.clone()).max_decoding_message_size(LARGE))
            .add(LogsServiceServer::new(self.clone()).max_decoding_message_size(LARGE))
            .add(MetricsServiceServer::new(self.clone()).max_decoding_message_size(LARGE))
            .into_router(tasks, &Health::new())
            .expect("routes");
        let listener = server::bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr());
        // Without the layers: its own server makes no spans.
        server::serve(tasks, "collector", listener, router, Limits::default());
        endpoint
    }

    pub(crate) fn spans(&self) -> String {
        self.spans.lock().expect("whole").clone()
    }

    pub(crate) fn lines(&self) -> String {
        self.lines.lock().expect("whole").clone()
    }

    pub(crate) fn metrics(&self) -> String {
        self.metrics.lock().expect("whole").clone()
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let scopes = request.into_inner().resource_spans.into_iter().flat_map(|one| one.scope_spans);
        keep(&self.spans, scopes.flat_map(|scope| scope.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let scopes = request.into_inner().resource_logs.into_iter().flat_map(|one| one.scope_logs);
        keep(&self.lines, scopes.flat_map(|scope| scope.log_records));
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let scopes = request.into_inner().resource_metrics.into_iter().flat_map(|one| one.scope_metrics);
        keep(&self.metrics, scopes.flat_map(|scope| scope.metrics));
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
