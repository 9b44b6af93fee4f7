//! Which crate may stand on which: services know the platform and the protos, and never each other.

use crate::{Finding, checkout::File};

/// The `leadflow-*` crates that a Cargo.toml names as dependencies of any kind, with their lines (from 1).
#[must_use]
pub fn own_dependencies(file: &File) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_dependencies = false;
    for (index, line) in file.text.lines().enumerate() {
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[') {
            in_dependencies = section.contains("dependencies");
            // [dependencies.leadflow-proto]
            if let Some((_, name)) = section.trim_end_matches(']').split_once("dependencies.") {
                found.push((index + 1, name.to_owned()));
            }
        } else if in_dependencies {
            let name: String = line.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
            found.push((index + 1, name));
        }
    }
    found.retain(|(_, name)| name.starts_with("leadflow"));
    found
}

/// Dependencies of ours that are not in `allowed`.
#[must_use]
pub fn forbidden_dependencies(file: &File, allowed: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, name) in own_dependencies(file) {
        if !allowed.contains(&name.as_str()) {
            findings.push(Finding::new(file, line, format!("depends on {name}")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_stands_on_another_is_found() {
        let text = "[package]\nname = \"leadflow-assignment\"\n[dependencies]\nserde.workspace = true\nleadflow-proto.workspace = true\n\
                    leadflow-qualification = { workspace = true }\n[dev-dependencies.leadflow-ingest]\npath = \"x\"";
        let findings = forbidden_dependencies(&File::sample("services/a/Cargo.toml", text), &["leadflow-proto"]);
        let found: Vec<_> = findings.iter().map(|f| (f.line, f.what.as_str())).collect();
        assert_eq!(found, [(6, "depends on leadflow-qualification"), (7, "depends on leadflow-ingest")]);
    }
}
