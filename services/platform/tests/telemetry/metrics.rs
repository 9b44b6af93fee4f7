//! The table of metrics is what Prometheus sees.

use std::collections::HashSet;

use leadflow_platform::telemetry;
use leadflow_platform::telemetry::metrics::{ALL, CONSUMER_LAG, Kind};
use opentelemetry::KeyValue;

use crate::{config, in_a_process_of_its_own};

#[test]
fn every_metric_of_the_table_is_exported_under_its_name() {
    in_a_process_of_its_own("metrics::child_with_every_metric");
}

#[tokio::test]
#[ignore = "run as a child"]
async fn child_with_every_metric() {
    let telemetry = telemetry::init(&config(None, 0.0), "leadflow-test").expect("telemetry");
    for metric in ALL {
        let labels: Vec<_> = metric.labels.iter().map(|label| KeyValue::new(*label, "x")).collect();
        match metric.kind {
            Kind::Counter => metric.counter().add(1, &labels),
            Kind::Gauge => metric.gauge().record(7.0, &labels),
            Kind::Histogram => metric.histogram().record(0.2, &labels),
        }
    }
    let text = telemetry.prometheus_text();
    for metric in ALL {
        let name = metric.prometheus_name();
        let kind = format!("{:?}", metric.kind).to_lowercase();
        assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name} in\n{text}");
        assert!(text.contains(&format!("# HELP {name} {}\n", metric.description)), "{name} in\n{text}");
        for label in metric.labels {
            let label = format!("{}=\"x\"", label.replace('.', "_"));
            let found = text.lines().any(|line| line.starts_with(&name) && line.contains(&label));
            assert!(found, "{name}{{{label}}} in\n{text}");
        }
        for boundary in metric.boundaries {
            let bucket = format!("le=\"{boundary}\"");
            assert!(text.lines().any(|line| line.starts_with(&name) && line.contains(&bucket)), "{name} {bucket}");
        }
    }
    let lag = CONSUMER_LAG.gauge();
    lag.record(8.0, &[KeyValue::new("consumer", "x"), KeyValue::new("topic", "x"), KeyValue::new("partition", "x")]);
    let text_now = telemetry.prometheus_text();
    let series: Vec<_> = text_now.lines().filter(|line| line.starts_with("leadflow_consumer_lag{")).collect();
    assert_eq!((series.len(), series[0].ends_with(" 8")), (1, true), "the same series, its last value: {series:?}");
    assert!(text.contains("target_info{") && text.contains("service_name=\"leadflow-test\""), "{text}");
    telemetry.shutdown().await;
}

#[test]
fn the_table_is_sound() {
    let names: HashSet<_> = ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), ALL.len(), "no name twice");
    for metric in ALL {
        assert!(metric.name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '.'), "{}", metric.name);
        assert!(!metric.name.contains("second"), "{}: a name carries no unit", metric.name);
        assert_eq!(metric.boundaries.is_empty(), metric.kind != Kind::Histogram, "{}", metric.name);
        assert!(metric.boundaries.is_sorted(), "{}", metric.name);
        for label in metric.labels {
            let forbidden = ["person", "rep", "email", "user", "id"];
            assert!(!forbidden.iter().any(|word| label.split(['.', '_']).any(|part| part == *word)), "{label}");
        }
    }
}
