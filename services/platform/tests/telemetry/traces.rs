//! One trace from a request through records and calls; nothing at all for what is not sampled.

use std::collections::HashMap;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::HeaderMap;
use leadflow_platform::http::layers;
use leadflow_platform::record::TraceParent;
use leadflow_platform::run::Tasks;
use leadflow_platform::server::{self, Limits};
use leadflow_platform::telemetry::trace::{self, Kind};
use leadflow_platform::telemetry::{self, Telemetry};
use leadflow_platform::testing::Collector;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tracing::Instrument as _;

use crate::{config, in_a_process_of_its_own};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

fn header(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

/// What a handler does: asks for the context, causes a record, calls somebody.
async fn work() -> String {
    let Some(parent) = trace::current_trace_parent() else { return "none".to_owned() };
    let record = trace::span_with_parent("process engagement", Kind::Consumer, &parent);
    async {
        let inner = trace::child_span("store", Kind::Internal);
        async { tracing::info!(rows = 3, "three rows were written") }.instrument(inner).await;
        // What other code opens inside of a trace belongs to it.
        tracing::info_span!(target: "leadflow_platform::other", "foreign").in_scope(|| {});
    }
    .instrument(record)
    .await;
    let batch = trace::span_with_links("process lane", Kind::Consumer, [&parent, &parent]);
    drop(batch);
    let mut headers = HeaderMap::new();
    trace::inject(&mut headers);
    let carried = headers.get("traceparent").and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert_eq!(carried, &*parent.0);
    parent.0.to_string()
}

struct Role {
    tasks: Tasks,
    address: std::net::SocketAddr,
}

impl Role {
    async fn start() -> Self {
        let tasks = Tasks::new();
        let listener = server::bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let address = listener.local_addr();
        let router = layers(Router::new().route("/orders/{id}", get(work)));
        server::serve(&tasks, "public", listener, router, Limits::default());
        Self { tasks, address }
    }

    async fn ask(&self, traceparent: Option<&str>) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let traceparent = traceparent.map(|value| format!("traceparent: {value}\r\n")).unwrap_or_default();
        let request =
            format!("GET /orders/jane@example.com HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{traceparent}\r\n");
        let mut stream = tokio::net::TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("an answer");
        text.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned()
    }

    async fn stop(self, telemetry: &Telemetry) {
        self.tasks.run_until(std::future::ready(()), Duration::from_secs(20)).await.expect("a clean end");
        telemetry.shutdown().await;
    }
}

#[test]
fn a_sampled_request_is_one_trace() {
    in_a_process_of_its_own("traces::child_with_a_sampled_request");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run as a child"]
async fn child_with_a_sampled_request() {
    let (collector, collecting) = (Collector::default(), Tasks::new());
    let endpoint = collector.start(&collecting).await;
    let telemetry = telemetry::init(&config(Some(endpoint), 0.0), "leadflow-test").expect("telemetry");
    let role = Role::start().await;
    let handed_on = role.ask(Some(&header("01"))).await;
    role.stop(&telemetry).await;

    let spans = collector.spans();
    let by_name: HashMap<&str, &Span> = spans.iter().map(|span| (span.name.as_str(), span)).collect();
    assert_eq!(spans.len(), 5, "{:?}", by_name.keys());
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE));
    let server = by_name["GET /orders/{id}"];
    assert_eq!((hex(&server.parent_span_id).as_str(), server.kind), (CALLER, SpanKind::Server as i32));
    assert_eq!(handed_on, format!("00-{TRACE}-{}-01", hex(&server.span_id)));
    for (name, value) in
        [("http.request.method", "GET"), ("http.route", "/orders/{id}"), ("http.response.status_code", "200")]
    {
        assert_eq!(attribute(server, name).as_deref(), Some(value), "{name}");
    }
    let process = by_name["process engagement"];
    assert_eq!((&process.parent_span_id, process.kind), (&server.span_id, SpanKind::Consumer as i32));
    assert_eq!(by_name["store"].parent_span_id, process.span_id);
    assert_eq!(by_name["foreign"].parent_span_id, process.span_id);
    let lane = by_name["process lane"];
    assert_eq!((&lane.parent_span_id, lane.links.len()), (&server.span_id, 2));
    assert!(lane.links.iter().all(|link| link.span_id == server.span_id));
    assert!(!format!("{spans:?}").contains("jane"), "the path with its values is not in a trace");

    let lines = collector.lines();
    let line = lines.iter().find(|line| format!("{:?}", line.body).contains("three rows")).expect("pushed too");
    assert_eq!((hex(&line.trace_id).as_str(), &line.span_id), (TRACE, &by_name["store"].span_id));
    for name in ["http.server.request.duration", "leadflow.server.connections"] {
        assert!(collector.metrics().iter().any(|known| known.name == name), "{name}");
    }
}

#[test]
fn what_is_not_sampled_makes_nothing() {
    in_a_process_of_its_own("traces::child_with_unsampled_requests");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run as a child"]
async fn child_with_unsampled_requests() {
    let (collector, collecting) = (Collector::default(), Tasks::new());
    let endpoint = collector.start(&collecting).await;
    let telemetry = telemetry::init(&config(Some(endpoint), 0.0), "leadflow-test").expect("telemetry");
    let role = Role::start().await;
    let zeros = format!("00-{}-{CALLER}-01", "0".repeat(32));
    let long = format!("{}-01", header("01"));
    for value in [None, Some(header("00")), Some(zeros), Some("junk".to_owned()), Some(long), Some(header("1"))] {
        assert_eq!(role.ask(value.as_deref()).await, "none", "{value:?}");
    }
    // A foreign span outside of a trace begins none.
    tracing::info_span!(target: "leadflow_platform::other", "foreign").in_scope(|| {
        assert!(trace::current_trace_parent().is_none() && trace::child_span("x", Kind::Client).is_none());
    });
    role.stop(&telemetry).await;
    assert_eq!(collector.spans(), []);
}

#[test]
fn a_door_begins_traces_for_its_share() {
    in_a_process_of_its_own("traces::child_that_begins_traces");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run as a child"]
async fn child_that_begins_traces() {
    let (collector, collecting) = (Collector::default(), Tasks::new());
    let endpoint = collector.start(&collecting).await;
    let telemetry = telemetry::init(&config(Some(endpoint), 1.0), "leadflow-test").expect("telemetry");
    let role = Role::start().await;
    assert_ne!(role.ask(None).await, "none");
    assert_eq!(role.ask(Some(&header("00"))).await, "none", "the caller decided against it");
    role.stop(&telemetry).await;
    let spans = collector.spans();
    let roots: Vec<_> = spans.iter().filter(|span| span.parent_span_id.is_empty()).collect();
    assert_eq!((roots.len(), roots[0].name.as_str()), (1, "GET /orders/{id}"));
    assert!(spans.iter().all(|span| span.trace_id == roots[0].trace_id));
}

#[test]
fn without_a_collector_a_sampled_context_is_handed_on() {
    in_a_process_of_its_own("traces::child_without_a_collector");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run as a child"]
async fn child_without_a_collector() {
    let telemetry = telemetry::init(&config(None, 1.0), "leadflow-test").expect("telemetry");
    let role = Role::start().await;
    assert_eq!(role.ask(Some(&header("01"))).await, header("01"));
    assert_eq!(role.ask(Some(&header("00"))).await, "none");
    assert_eq!(role.ask(None).await, "none");
    role.stop(&telemetry).await;
}

#[test]
fn the_header_is_the_same_on_every_carrier() {
    let parent = TraceParent(header("01").into());
    let (name, value) = trace::record_header(&parent);
    let records = [("content-type", &b"application/protobuf"[..]), (name, value)];
    assert_eq!(trace::extract_record(records), Some(parent));
    assert_eq!(trace::extract_record([("traceparent", &b"\xff"[..])]), None);
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", header("03").parse().expect("a header"));
    assert_eq!(trace::extract(&headers), Some(TraceParent(header("03").into())), "further flags are kept");
    let future = format!("01-{TRACE}-{CALLER}-01-more");
    headers.insert("traceparent", future.parse().expect("a header"));
    assert!(trace::extract(&headers).is_some(), "versions to come may have more fields");
    for text in ["", "ff", &header("01").to_uppercase(), &header("01").replacen("00", "ff", 1), &header("01")[1..]] {
        headers.insert("traceparent", text.parse().expect("a header"));
        assert_eq!(trace::extract(&headers), None, "{text:?}");
    }
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let value = span.attributes.iter().find(|attribute| attribute.key == name)?.value.clone()?.value?;
    Some(match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
