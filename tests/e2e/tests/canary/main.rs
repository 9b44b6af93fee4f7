//! Canaries: people whose every word is unmistakable go through everything that nurture does, and then nothing of them may
//! stand in a log line (both formats, at debug), a span, a pushed log line, a metric, or a record of the topic `nurture`.
//! `story` and `comes_back` are what happens to them, with the endpoints and the relay of `endpoints`; `search` is
//! how a word is known whatever it was wrapped in.
//!
//! Logs and traces are set up once in a process, so each test starts this program again and runs its `child` in it.
//!
//! It can fail: what is searched must hold a word that was said into it, `search` has a table of wrappings of its own, and
//! with `tracing::debug!("to {to}")` in `services/nurture/src/sender/deliver.rs` both tests name that line.

mod comes_back;
mod endpoints;
mod people;
mod search;
mod story;

use std::process::{Command, Output};

use leadflow_platform::run::Tasks;
use leadflow_platform::telemetry::{self, LogFormat, TelemetryConfig, trace};
use leadflow_platform::testing::Collector;

use crate::search::{Needles, sightings};

/// How lines look in the child.
const FORMAT: &str = "LEADFLOW_CANARY_FORMAT";
/// Planted into everything that is searched; it is no canary.
const HEARD: &str = "somebody-listens-here";
/// Our own lines and those of the libraries that handle what people gave us. What brings our lines to the collector is left
/// out: at debug it would go round in circles.
const DIRECTIVES: &str = "debug,sqlx=debug,rdkafka=debug,reqwest=debug,rustls=debug,hyper_util=info";

fn run_child(format: &str) -> Output {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(FORMAT, format)
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("a child")
}

fn nobody_stands_in_the_log(format: &str) {
    let output = run_child(format);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // Its own failures first; it says nothing that is a canary unless it found one.
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}\n{}", tail(&stderr));
    assert!(stderr.contains(HEARD) && stderr.lines().count() > 60, "the log was heard: {}", tail(&stderr));
    let found = sightings(&Needles::of_all(), &stderr);
    assert!(found.is_empty(), "in the log: {found:#?}");
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

#[test]
fn nobody_stands_in_lines_of_json_spans_metrics_or_facts() {
    nobody_stands_in_the_log("json");
}

#[test]
fn nobody_stands_in_lines_of_text() {
    nobody_stands_in_the_log("text");
}

/// A line for each, whatever attribute a text stands in.
fn each(things: &[impl std::fmt::Debug]) -> String {
    things.iter().map(|thing| format!("{thing:?}\n")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "run as a child"]
async fn child() {
    let (collector, collecting) = (Collector::default(), Tasks::new());
    let endpoint = collector.start(&collecting).await;
    let json = std::env::var(FORMAT).is_ok_and(|format| format == "json");
    let config = TelemetryConfig {
        log_format: if json { LogFormat::Json } else { LogFormat::Text },
        log: DIRECTIVES.to_owned(),
        otlp_endpoint: Some(endpoint),
        trace_ratio: 1.0,
    };
    let telemetry = telemetry::init(&config, "leadflow-canary").expect("telemetry");
    tracing::debug!("{HEARD}");
    trace::root_span(|| HEARD.to_owned(), trace::Kind::Internal, None).in_scope(|| {});

    let facts = story::play().await;
    let metrics = telemetry.prometheus_text();
    telemetry.shutdown().await;

    let needles = Needles::of_all();
    for (what, text, must_hold) in [
        ("metrics", metrics.as_str(), "leadflow_nurture_messages_total{"),
        ("facts", facts.as_str(), "leadflow.nurture.message_failed.v1"),
        ("spans", &each(&collector.spans()), "GET /c/{token}"),
        ("spans", &each(&collector.spans()), HEARD),
        ("lines", &each(&collector.lines()), HEARD),
        ("pushed metrics", &each(&collector.metrics()), "leadflow.decisions"),
    ] {
        assert!(text.contains(must_hold), "{what} were seen: {must_hold} in {} bytes", text.len());
        let found = sightings(&needles, text);
        // Printed: a panic with a text that was put together says in JSON only that it did so.
        found.iter().for_each(|line| println!("in the {what}: {line}"));
        assert!(found.is_empty(), "somebody was seen");
    }
}
