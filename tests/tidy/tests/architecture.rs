//! The rules about ARCHITECTURE.md, held against the code: what it says of the checkout is true, and nothing is missing.

use leadflow_tidy::{
    Finding,
    architecture::{looks_like_path, metric_names, quoted, section, topic_names, unnamed},
    checkout::{File, file, root, rust_files},
    hold,
};

const DOCUMENT: &str = "ARCHITECTURE.md";
const TOPICS: &str = "deploy/config/topics.yaml";

fn needed(path: &str) -> File {
    file(path).unwrap_or_else(|| panic!("{path} does not exist; this test reads it"))
}

#[test]
fn the_places_to_change_things_exist() {
    let document = needed(DOCUMENT);
    let mut visited = 0;
    let mut findings = Vec::new();
    let walked = section(&document, "One event").len() + section(&document, "Where do I change").len();
    assert!(walked > 30, "the walk and the table are sections of {DOCUMENT}");
    for (number, line) in document.text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        for path in quoted(line).filter(|text| looks_like_path(text)) {
            visited += 1;
            if !root().join(path).exists() {
                findings.push(Finding::new(&document, number, format!("`{path}` does not exist")));
            }
        }
    }
    hold(
        "every path in ARCHITECTURE.md exists (15 questions at least)",
        "write the path as it is now, from the root, without wildcards",
        visited,
        15,
        &findings,
    );
}

#[test]
fn every_topic_is_described() {
    let topics = needed(TOPICS);
    let names: Vec<_> = topic_names(&topics).into_iter().map(|name| (topics.clone(), name)).collect();
    hold(
        "every topic of deploy/config/topics.yaml is named in ARCHITECTURE.md",
        "add it there: who writes it, who reads it, its key",
        names.len(),
        7,
        &unnamed(&needed(DOCUMENT), &names),
    );
}

#[test]
fn every_metric_is_described() {
    let mut names = Vec::new();
    // Metrics are made in files named for it; elsewhere such a literal is a group, a file, a type of event.
    let makes_metrics = |file: &File| file.path.contains("telemetry") || file.path.contains("metrics");
    let sources = rust_files().into_iter().filter(|file| file.path.starts_with("services/"));
    for file in sources.filter(|file| !file.path.contains("/tests/") && makes_metrics(file)) {
        names.extend(metric_names(&file).into_iter().map(|name| (file.clone(), name)));
    }
    hold(
        "every metric (a string literal \"leadflow.<word>...\" in the telemetry files of services/) is named in ARCHITECTURE.md",
        "add it there: what it counts, in which unit, with which labels",
        names.len(),
        10,
        &unnamed(&needed(DOCUMENT), &names),
    );
}
