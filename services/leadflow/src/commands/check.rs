//! `leadflow check`: rule files, without a server.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use crate::output::Output;

/// Check rule files.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Scoring models and sources files (YAML).
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Check {
    pub(crate) fn run(self, output: Output) -> anyhow::Result<ExitCode> {
        let mut faults = 0;
        for file in &self.files {
            let body = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            if let Some(text) = std::str::from_utf8(&body).ok().filter(|text| is_sources_file(text)) {
                faults += check_sources(file, text, output)?;
                continue;
            }
            let findings = leadflow_qualification::domain::rules::check(&body);
            faults += findings.iter().filter(|finding| finding.is_fault()).count();
            if output.is_json() {
                output.json_line(&json!({ "file": file.display().to_string(), "findings": findings }))?;
                continue;
            }
            for finding in &findings {
                let mark = if finding.is_fault() { output.red("fault") } else { output.yellow("hint") };
                output.line(&format!("{}: {mark}: {finding}", file.display()))?;
            }
            if findings.is_empty() {
                output.line(&format!("{}: {}", file.display(), output.green("ok")))?;
            }
        }
        Ok(if faults > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// By its first words: a sources file has `sources` at the top, a scoring model has `rules`.
fn is_sources_file(text: &str) -> bool {
    text.lines().any(|line| line.trim_end() == "sources:")
}

/// How many faults were found.
fn check_sources(file: &std::path::Path, text: &str, output: Output) -> anyhow::Result<usize> {
    let wrong = leadflow_ingest::sources::parse(file, text).err().map(|error| format!("{error:#}"));
    if output.is_json() {
        output.json_line(&json!({ "file": file.display().to_string(), "wrong": wrong }))?;
    } else {
        match &wrong {
            Some(wrong) => output.line(&format!("{}: {}: {wrong}", file.display(), output.red("fault")))?,
            None => output.line(&format!("{}: {}", file.display(), output.green("ok")))?,
        }
    }
    Ok(usize::from(wrong.is_some()))
}
