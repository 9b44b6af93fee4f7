//! Which keys a schema knows, and what type a key has. Walks the JSON schema that schemars derives; understands `$ref`,
//! `allOf`, `anyOf`, `oneOf`, `properties`, `additionalProperties` and `items`, which is all that it emits for our types.

use std::path::Path;

use serde_json::{Map, Value};

use super::{ConfigError, Given, Problem, Source, child};

/// The alternatives that a value may follow, with references resolved.
pub(super) struct Shapes<'a> {
    root: &'a Value,
    alternatives: Vec<&'a Value>,
}

impl<'a> Shapes<'a> {
    pub(super) fn of_root(root: &'a Value) -> Self {
        let mut shapes = Self { root, alternatives: Vec::new() };
        shapes.add(root, 0);
        shapes
    }

    fn add(&mut self, schema: &'a Value, depth: usize) {
        // Deep enough for any schema of ours, and an end for one that refers to itself.
        if depth > 16 {
            return;
        }
        let reference = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        if let Some(target) = reference.and_then(|pointer| self.root.pointer(pointer)) {
            self.add(target, depth + 1);
        }
        for list in ["allOf", "anyOf", "oneOf"] {
            for schema in schema.get(list).and_then(Value::as_array).into_iter().flatten() {
                self.add(schema, depth + 1);
            }
        }
        self.alternatives.push(schema);
    }

    /// What a key may hold; `None` if it is unknown here.
    pub(super) fn child(&self, key: &str) -> Option<Shapes<'a>> {
        let mut found = Shapes { root: self.root, alternatives: Vec::new() };
        let mut open = false;
        for schema in &self.alternatives {
            if let Some(schema) = schema.get("properties").and_then(|properties| properties.get(key)) {
                found.add(schema, 0);
            }
        }
        if found.alternatives.is_empty() {
            for schema in self.alternatives.iter().filter_map(|schema| schema.get("additionalProperties")) {
                open |= *schema != Value::Bool(false);
                if schema.is_object() {
                    found.add(schema, 0);
                }
            }
            // A schema that says nothing about keys (any JSON) takes all.
            open |= self.alternatives.iter().all(|schema| schema.get("properties").is_none())
                && !self.alternatives.iter().any(|schema| schema.get("additionalProperties").is_some());
        }
        (open || !found.alternatives.is_empty()).then_some(found)
    }

    pub(super) fn item(&self) -> Shapes<'a> {
        let mut found = Shapes { root: self.root, alternatives: Vec::new() };
        for schema in self.alternatives.iter().filter_map(|schema| schema.get("items")) {
            found.add(schema, 0);
        }
        found
    }

    /// The names that are known here.
    pub(super) fn names(&self) -> Vec<&'a str> {
        let properties = self.alternatives.iter().filter_map(|schema| schema.get("properties")?.as_object());
        properties.flat_map(|map| map.keys().map(String::as_str)).collect()
    }

    /// The default that the schema names for this value.
    pub(super) fn default(&self) -> Option<&'a Value> {
        self.alternatives.iter().rev().find_map(|schema| schema.get("default"))
    }

    /// True if only a text can stand here.
    pub(super) fn is_text(&self) -> bool {
        let types = self.types();
        types.contains(&"string") && types.iter().all(|kind| matches!(*kind, "string" | "null"))
    }

    /// True if it may be left out and is then nothing.
    pub(super) fn is_optional(&self) -> bool {
        self.types().contains(&"null")
    }

    fn types(&self) -> Vec<&'a str> {
        let kinds = self.alternatives.iter().filter_map(|schema| schema.get("type"));
        let names = kinds.flat_map(|kind| match kind {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            other => other.as_str().into_iter().collect::<Vec<_>>(),
        });
        names.collect()
    }
}

/// Every key that the schema does not know, with the nearest that it does.
pub(super) fn unknown_keys(given: &Given, schema: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    visit_map(&given.value, &Shapes::of_root(schema), "", given, &mut problems);
    problems
}

fn visit_map(map: &Map<String, Value>, shapes: &Shapes<'_>, at: &str, given: &Given, problems: &mut Vec<Problem>) {
    for (key, value) in map {
        let at = child(at, key);
        match shapes.child(key) {
            Some(shapes) => visit(value, &shapes, &at, given, problems),
            None => problems.push(given.problem(&at, unknown(key, &shapes.names()))),
        }
    }
}

fn visit(value: &Value, shapes: &Shapes<'_>, at: &str, given: &Given, problems: &mut Vec<Problem>) {
    match value {
        Value::Object(map) => visit_map(map, shapes, at, given, problems),
        Value::Array(items) => {
            let shapes = shapes.item();
            for (index, item) in items.iter().enumerate() {
                visit(item, &shapes, &format!("{at}[{index}]"), given, problems);
            }
        }
        _ => {}
    }
}

fn unknown(key: &str, names: &[&str]) -> String {
    let nearest = names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(key, name), *name))
        .filter(|(distance, name)| *distance <= 1 + name.len().max(key.len()) / 3)
        .min();
    match nearest {
        Some((_, name)) => format!("unknown key, did you mean `{name}`?"),
        None if names.is_empty() => "unknown key, there are no keys here".to_owned(),
        None => format!("unknown key, known here: {}", names.join(", ")),
    }
}

/// Replaces `x_file: PATH`, where the schema knows a text `x` and no `x_file`, by the content of the file.
pub(super) fn read_secret_files(given: &mut Given, schema: &Value, folder: &Path) -> Result<(), ConfigError> {
    let mut value = std::mem::take(&mut given.value);
    let result = secrets_of_map(&mut value, &Shapes::of_root(schema), "", folder, given);
    given.value = value;
    result
}

fn secrets_of_map(
    map: &mut Map<String, Value>,
    shapes: &Shapes<'_>,
    at: &str,
    folder: &Path,
    given: &mut Given,
) -> Result<(), ConfigError> {
    let keys: Vec<String> = map.keys().cloned().collect();
    for key in keys {
        if let Some(Value::Object(inner)) = map.get_mut(&key) {
            if let Some(shapes) = shapes.child(&key) {
                secrets_of_map(inner, &shapes, &child(at, &key), folder, given)?;
            }
            continue;
        }
        let (Some(name), Some(Value::String(file))) = (secret_name(&key, shapes), map.get(&key)) else { continue };
        let here = child(at, &key);
        if map.contains_key(name) {
            let message = format!("give either `{name}` or `{key}`, not both");
            return Err(ConfigError::new(vec![given.problem(&here, message)]));
        }
        let path = folder.join(file);
        let text = read_secret(&path).map_err(|message| ConfigError::new(vec![given.problem(&here, message)]))?;
        given.sources.insert(child(at, name), Source::SecretFile(path));
        map.insert(name.to_owned(), Value::String(text));
        map.remove(&key);
    }
    Ok(())
}

/// "url" for "url_file", if the one is a known text and the other is not known.
pub(super) fn secret_name<'k>(key: &'k str, shapes: &Shapes<'_>) -> Option<&'k str> {
    let name = key.strip_suffix("_file")?;
    let known = |key: &str| shapes.names().contains(&key);
    (!known(key) && known(name) && shapes.child(name)?.is_text()).then_some(name)
}

/// The content of a secret file without the line end that editors leave.
pub(super) fn read_secret(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("could not read {}: {error}", path.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
