//! What a process tells about itself. Logs, metrics and traces are set up once in a process, so each test here starts this
//! program again and runs one `child` test in it.

mod logs;
mod metrics;
mod traces;

use std::process::{Command, Output};

use leadflow_platform::telemetry::{LogFormat, TelemetryConfig};

/// Runs one ignored test in a process of its own and gives what it wrote.
fn in_a_process_of_its_own(test: &str) -> Output {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("a child");
    let shown = || format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && shown().contains("1 passed"), "{test}: {}", shown());
    output
}

fn config(otlp_endpoint: Option<String>, trace_ratio: f64) -> TelemetryConfig {
    TelemetryConfig { log_format: LogFormat::Json, log: "info".to_owned(), otlp_endpoint, trace_ratio }
}
