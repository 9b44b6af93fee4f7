//! `leadflow test`: golden tests of journeys, without a server.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use crate::output::Output;
use crate::text::{Line, green, plain, red};

/// Run golden tests.
#[derive(Debug, clap::Args)]
pub(crate) struct Test {
    /// Golden test files (YAML), each naming its journey.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Test {
    pub(crate) fn run(self, output: Output) -> anyhow::Result<ExitCode> {
        let mut failed = 0;
        for file in &self.files {
            let reports = match leadflow_nurture::golden::test(file, |path| std::fs::read(path)) {
                Ok(reports) => reports,
                Err(findings) => {
                    failed += 1;
                    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
                    if output.is_json() {
                        output.json_line(&json!({ "file": file.display().to_string(), "wrong": findings }))?;
                    } else {
                        for finding in findings {
                            output.line(marked(red("fault"), &format!(": {finding}")))?;
                        }
                    }
                    continue;
                }
            };
            for report in reports {
                let passed = report.passed();
                failed += usize::from(!passed);
                if output.is_json() {
                    output.json_line(&json!({
                        "file": file.display().to_string(), "case": report.name, "passed": passed, "got": report.got,
                    }))?;
                    continue;
                }
                let mark = if passed { green("ok") } else { red("FAILED") };
                output.line(marked(mark, &format!(" {}", report.name)))?;
                if !passed {
                    output.line("  what the file expects (-) and what happens (+):")?;
                    for line in report.difference().lines() {
                        output.line(line.to_owned())?;
                    }
                }
            }
        }
        Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// A mark and what it is about.
fn marked(mark: crate::text::Text, about: &str) -> Line {
    let mut line = Line::from(mark);
    line.push(plain(about));
    line
}
