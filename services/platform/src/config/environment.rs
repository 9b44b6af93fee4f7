//! Environment variables over the file: `LEADFLOW__SERVER__LISTEN` is `server.listen`.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::known::{self, Shapes};
use super::{ConfigError, Given, Problem, Source, child};

/// Sets every variable with the prefix. Unknown ones are set too, so that the check of unknown keys names them.
pub(super) fn overlay(
    given: &mut Given,
    schema: &Value,
    prefix: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(), ConfigError> {
    let mut problems = Vec::new();
    let mut variables: Vec<_> =
        environment.into_iter().filter(|(name, _)| name.starts_with(prefix) && name.len() > prefix.len()).collect();
    variables.sort();
    for (name, text) in variables {
        let keys: Vec<String> = name[prefix.len()..].split("__").map(str::to_lowercase).collect();
        if let Err(message) = set(given, schema, &name, &keys, &text) {
            let source = Some(Source::Environment(name));
            problems.push(Problem { path: keys.join("."), source, message, snippet: None });
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(ConfigError::new(problems)) }
}

fn set(given: &mut Given, schema: &Value, variable: &str, keys: &[String], text: &str) -> Result<(), String> {
    let (last, parents) = keys.split_last().ok_or("names no key")?;
    let mut shapes = Some(Shapes::of_root(schema));
    let mut map = &mut given.value;
    let mut at = String::new();
    for key in parents {
        shapes = shapes.and_then(|shapes| shapes.child(key));
        at = child(&at, key);
        given.sources.entry(at.clone()).or_insert_with(|| Source::Environment(variable.to_owned()));
        let entry = map.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
        if entry.is_null() {
            *entry = Value::Object(Map::new());
        }
        map = entry.as_object_mut().ok_or_else(|| format!("{at} holds one value and has no key {last}"))?;
    }
    let secret = shapes.as_ref().and_then(|shapes| known::secret_name(last, shapes));
    let (key, value, source) = match secret {
        Some(name) => {
            let path = PathBuf::from(text);
            (name, Value::String(known::read_secret(&path)?), Source::SecretFile(path))
        }
        None => {
            let is_text = shapes.and_then(|shapes| shapes.child(last)).is_some_and(|shapes| shapes.is_text());
            let value = if is_text { Value::String(text.to_owned()) } else { parse(text)? };
            (last.as_str(), value, Source::Environment(variable.to_owned()))
        }
    };
    given.sources.insert(child(&at, key), source);
    map.insert(key.to_owned(), value);
    Ok(())
}

/// Numbers, booleans, lists and maps as YAML writes them. What does not parse is a text.
fn parse(text: &str) -> Result<Value, String> {
    match serde_saphyr::from_str::<Value>(text) {
        Ok(value) => Ok(value),
        Err(_) if !text.contains(['[', '{']) => Ok(Value::String(text.to_owned())),
        Err(_) => Err("is neither a value nor a list or map as YAML writes them".to_owned()),
    }
}
