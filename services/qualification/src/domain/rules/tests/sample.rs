//! The model and the schema that the repository ships.

use std::path::Path;

use serde_json::Value;

use crate::domain::rules::structure::KEYWORDS;
use crate::domain::rules::{check, compile, json_schema};

const SAMPLE: &[u8] = include_bytes!("../../../../../../deploy/config/scoring.yaml");

#[test]
fn the_sample_model_has_no_fault_and_leaves_no_doubt() {
    let findings: Vec<String> = check(SAMPLE).iter().map(ToString::to_string).collect();
    assert_eq!(findings, Vec::<String>::new());
    assert!(compile(SAMPLE).is_ok());
}

/// `UPDATE_SCHEMA=1 cargo test -p leadflow-qualification the_shipped_schema` writes it anew.
#[test]
fn the_shipped_schema_is_that_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config/scoring.schema.json");
    let text = serde_json::to_string_pretty(&json_schema()).expect("JSON") + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &text).expect("written");
    }
    let shipped = std::fs::read_to_string(&path).expect("the schema is there");
    let shipped: Value = serde_json::from_str(&shipped).expect("JSON");
    assert_eq!(shipped, json_schema(), "run it with UPDATE_SCHEMA=1");
}

#[test]
fn the_schema_uses_no_keyword_that_is_not_checked() {
    let mut unknown = Vec::new();
    collect_keywords(&json_schema(), &mut unknown);
    unknown.retain(|keyword| !KEYWORDS.contains(&keyword.as_str()));
    assert_eq!(unknown, Vec::<String>::new());
}

/// Keys of every schema in `schema`, but not the names of properties and definitions.
fn collect_keywords(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            for (key, below) in map {
                found.push(key.clone());
                match key.as_str() {
                    "properties" | "$defs" => {
                        below
                            .as_object()
                            .expect("a mapping")
                            .values()
                            .for_each(|schema| collect_keywords(schema, found));
                    }
                    _ => collect_keywords(below, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_keywords(item, found)),
        _ => (),
    }
}
