//! Log lines: one JSON object each, readable alone, without anybody's data, and few when the collector is away.

use std::time::Duration;

use leadflow_platform::error::ApiError;
use leadflow_platform::run::Tasks;
use leadflow_platform::telemetry;
use leadflow_platform::telemetry::{LogFormat, TelemetryConfig};
use serde_json::Value;

use crate::{config, in_a_process_of_its_own};

fn lines(stderr: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(stderr);
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn lines_are_json_and_a_panic_is_one_without_its_data() {
    let lines = lines(&in_a_process_of_its_own("logs::child_that_logs_and_panics").stderr);
    let find = |text: &str| {
        let found = lines.iter().find(|line| line["message"].as_str().is_some_and(|message| message.contains(text)));
        found.unwrap_or_else(|| panic!("{text} in {lines:#?}"))
    };
    let line = find("two rows were written");
    assert_eq!((&line["level"], &line["rows"]), (&Value::from("INFO"), &Value::from(2)));
    assert!(line["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
    assert!(!lines.iter().any(|line| line["level"] == "DEBUG"), "the level is info");

    let panic = find("panic at services/platform/tests/telemetry/logs.rs:");
    assert!(panic["message"].as_str().is_some_and(|text| text.contains("withheld")), "{panic}");
    assert!(find("a text that stands in the source")["place"].as_str().is_some());
    assert_eq!(find("task shaky failed, everything stops")["level"], "ERROR");
    assert_eq!(find("could not do it: no such table")["level"], "ERROR");
    assert!(!format!("{lines:?}").contains("jane"));
}

#[tokio::test]
#[ignore = "run as a child"]
async fn child_that_logs_and_panics() {
    let telemetry = telemetry::init(&config(None, 0.0), "leadflow-test").expect("telemetry");
    tracing::info!(rows = 2, "two rows were written");
    tracing::debug!("not shown");
    let _ = ApiError::internal("could not do it", "no such table");
    for of_somebody in [true, false] {
        let tasks = Tasks::new();
        tasks.spawn("shaky", async move {
            if of_somebody {
                panic!("{}", "jane@example.com")
            }
            panic!("a text that stands in the source")
        });
        tasks.run_until(std::future::pending(), Duration::from_secs(20)).await.expect_err("a panic");
    }
    assert!(telemetry::init(&config(None, 0.0), "again").is_err(), "once in a process");
    telemetry.shutdown().await;
}

#[test]
fn text_has_no_colour_where_there_is_no_terminal() {
    let output = in_a_process_of_its_own("logs::child_with_text");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("INFO two rows were written rows=2"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains("quiet"), "{text}");
}

#[tokio::test]
#[ignore = "run as a child"]
async fn child_with_text() {
    let config = TelemetryConfig {
        log_format: LogFormat::Text,
        log: "warn,telemetry=info".to_owned(),
        ..TelemetryConfig::default()
    };
    telemetry::init(&config, "leadflow-test").expect("telemetry");
    tracing::info!(rows = 2, "two rows were written");
    tracing::info!(target: "somewhere", "quiet");
}

#[test]
fn a_collector_that_is_away_costs_few_lines_and_no_long_end() {
    let lines = lines(&in_a_process_of_its_own("logs::child_without_its_collector").stderr);
    let [line] = lines.as_slice() else { panic!("{lines:#?}") };
    assert!(line["error"].as_str().is_some_and(|error| error.contains("Connection refused")), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run as a child"]
async fn child_without_its_collector() {
    // A port that was just free: nobody listens there.
    let nowhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let telemetry =
        telemetry::init(&config(Some(format!("http://{nowhere}")), 1.0), "leadflow-test").expect("telemetry");
    for number in 0..2000 {
        let span = leadflow_platform::telemetry::trace::root_span(
            || "x".to_owned(),
            leadflow_platform::telemetry::trace::Kind::Server,
            None,
        );
        span.in_scope(|| tracing::debug!(number, "work goes on"));
    }
    tokio::time::sleep(Duration::from_secs(6)).await;
    tokio::time::timeout(Duration::from_secs(30), telemetry.shutdown()).await.expect("an end");
}

#[test]
fn directives_that_do_not_parse_are_refused_with_an_example() {
    in_a_process_of_its_own("logs::child_with_bad_directives");
}

#[tokio::test]
#[ignore = "run as a child"]
async fn child_with_bad_directives() {
    let config = TelemetryConfig { log: "leadflow=loud".to_owned(), ..config(None, 0.0) };
    let error = format!("{:#}", telemetry::init(&config, "leadflow-test").expect_err("refused"));
    assert!(
        error.contains("telemetry.log = \"leadflow=loud\" is not understood; expected a level like info"),
        "{error}"
    );
}
