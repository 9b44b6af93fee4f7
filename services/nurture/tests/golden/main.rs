//! Every golden file: that of the sample journey, and one for each feature of journeys.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use leadflow_nurture::golden;

fn files() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["tests/golden", "../../deploy/config/journeys"] {
        for entry in std::fs::read_dir(here.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().ends_with(".test.yaml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[test]
fn every_golden_file_passes() {
    let files = files();
    assert!(files.len() >= 2, "{files:?}");
    let mut failed = String::new();
    for file in files {
        let reports = golden::test(&file, |path| std::fs::read(path)).unwrap_or_else(|findings| {
            panic!("{}: {}", file.display(), findings.iter().map(|one| format!("{one}\n")).collect::<String>())
        });
        for report in reports.iter().filter(|report| !report.passed()) {
            failed += &format!("{}: {}\n{}", file.display(), report.name, report.difference());
        }
    }
    assert!(failed.is_empty(), "\n{failed}");
}

#[test]
fn a_difference_is_shown_line_by_line() {
    let report = golden::Report {
        name: "x".to_owned(),
        expected: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
        got: vec!["a".to_owned(), "B".to_owned()],
    };
    assert_eq!(report.difference(), "    a\n  - b\n  + B\n  - c\n");
}

#[test]
fn the_shipped_schema_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config/journeys/journey.schema.json");
    let schema = serde_json::to_string_pretty(&leadflow_nurture::domain::journey::json_schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let shipped = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(shipped, schema, "UPDATE_SCHEMA=1 cargo test -p leadflow-nurture --test golden schema writes it anew");
}
