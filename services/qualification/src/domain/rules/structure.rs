//! Compares the tree of a file with its JSON schema and says everything that is wrong, each with a path and a remedy.
//! Knows the keywords that our own schemas use, and a test sees that they use no other; not a validator for foreign
//! schemas.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::finding::{Findings, nearest};

/// Every fault of shape in `value`.
pub(super) fn check_structure(schema: &Value, value: &Value, findings: &mut Findings) {
    Walk { root: schema, findings, patterns: BTreeMap::new() }.node(schema, value, "");
}

/// Keywords that are checked, and those that say nothing about a value.
#[cfg(test)]
pub(super) const KEYWORDS: [&str; 27] = [
    "$ref",
    "type",
    "properties",
    "required",
    "additionalProperties",
    "propertyNames",
    "maxProperties",
    "items",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
    "const",
    "enum",
    "oneOf",
    "anyOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "x-decimals",
    "$defs",
    "$schema",
    "title",
    "description",
    "format",
    "default",
];

struct Walk<'a> {
    root: &'a Value,
    findings: &'a mut Findings,
    /// Those met so far: a file has many names and few patterns.
    patterns: BTreeMap<String, Option<Regex>>,
}

impl<'a> Walk<'a> {
    fn node(&mut self, schema: &Value, value: &Value, path: &str) {
        if let Some(target) = self.target(schema) {
            self.node(target, value, path);
        }
        if let Some(words) = self.words(schema) {
            self.word(&words, value, path);
            return;
        }
        if let Some(branches) = branches(schema) {
            self.branch(branches, value, path);
        }
        if !self.accepts_type(schema, value) {
            // Of a reference and of branches it was said there.
            if !type_words(schema).is_empty() {
                let wanted = wanted(schema);
                let problem = format!("{} where {wanted} is wanted", kind_of(value));
                self.findings.fault(path, problem, format!("write {wanted}"));
            }
            return;
        }
        match value {
            Value::Object(map) => self.object(schema, map, path),
            Value::Array(items) => self.array(schema, items, path),
            Value::String(text) => self.text(schema, text, path),
            Value::Number(_) => self.number(schema, value, path),
            Value::Null | Value::Bool(_) => (),
        }
    }

    fn object(&mut self, schema: &Value, map: &Map<String, Value>, path: &str) {
        let empty = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&empty);
        let known: Vec<&str> = properties.keys().map(String::as_str).collect();
        for (key, value) in map {
            let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            match (properties.get(key), schema.get("additionalProperties")) {
                (Some(property), _) => self.node(property, value, &below),
                (None, Some(Value::Bool(false))) => {
                    self.findings.fault(below, format!("unknown key `{key}`"), nearest(key, &known));
                }
                (None, Some(additional)) => self.node(additional, value, &below),
                (None, None) => (),
            }
            if let Some(pattern) = schema.pointer("/propertyNames/pattern").and_then(Value::as_str) {
                self.pattern(pattern, key, path);
            }
        }
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !map.contains_key(key) {
                self.findings.fault(path, format!("`{key}` is missing"), format!("add `{key}`"));
            }
        }
        self.at_most(schema, "maxProperties", map.len(), "entries", path);
    }

    fn array(&mut self, schema: &Value, items: &[Value], path: &str) {
        self.at_least(schema, "minItems", items.len(), "entries", path);
        self.at_most(schema, "maxItems", items.len(), "entries", path);
        for (index, item) in items.iter().enumerate() {
            self.node(&schema["items"], item, &format!("{path}[{index}]"));
        }
    }

    fn text(&mut self, schema: &Value, text: &str, path: &str) {
        let length = text.chars().count();
        self.at_least(schema, "minLength", length, "characters", path);
        self.at_most(schema, "maxLength", length, "characters", path);
        if let Some(pattern) = schema["pattern"].as_str() {
            self.pattern(pattern, text, path);
        }
    }

    fn pattern(&mut self, pattern: &str, text: &str, path: &str) {
        let known = self.patterns.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).ok());
        if !known.as_ref().is_some_and(|expression| expression.is_match(text)) {
            let remedy =
                "begin with a lower-case letter, go on with such letters, digits and `_`; at most 64 characters";
            self.findings.fault(path, format!("`{text}` is no name"), remedy);
        }
    }

    fn number(&mut self, schema: &Value, value: &Value, path: &str) {
        let number = value.as_f64().unwrap_or_default();
        type Limit = (&'static str, fn(f64, f64) -> bool, &'static str);
        let limits: [Limit; 3] = [
            ("minimum", |number, limit| number >= limit, "at least"),
            ("maximum", |number, limit| number <= limit, "at most"),
            ("exclusiveMinimum", |number, limit| number > limit, "more than"),
        ];
        for (keyword, holds, words) in limits {
            if let Some(limit) = schema[keyword].as_f64().filter(|&limit| !holds(number, limit)) {
                self.findings.fault(path, format!("{value} is out of range"), format!("use {words} {limit}"));
            }
        }
        self.decimals(schema, value, path);
    }

    /// A number's shortest text is what the author typed.
    fn decimals(&mut self, schema: &Value, value: &Value, path: &str) {
        let text = value.to_string();
        let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.trim_end_matches('0').len());
        if let Some(most) = schema["x-decimals"].as_u64().filter(|&most| decimals as u64 > most || text.contains('e')) {
            self.findings.fault(path, format!("{value} has too many decimals"), format!("at most {most} count"));
        }
    }

    fn at_least(&mut self, schema: &Value, keyword: &str, length: usize, what: &str, path: &str) {
        if let Some(limit) = schema[keyword].as_u64().filter(|&limit| (length as u64) < limit) {
            self.findings.fault(path, format!("{length} {what}"), format!("give at least {limit}"));
        }
    }

    fn at_most(&mut self, schema: &Value, keyword: &str, length: usize, what: &str, path: &str) {
        if let Some(limit) = schema[keyword].as_u64().filter(|&limit| length as u64 > limit) {
            self.findings.fault(path, format!("{length} {what}"), format!("at most {limit} are allowed"));
        }
    }

    /// A value must be of one branch: the one whose type it has speaks for all.
    fn branch(&mut self, branches: &[Value], value: &Value, path: &str) {
        let of_its_type: Vec<&Value> = branches.iter().filter(|branch| self.accepts_type(branch, value)).collect();
        let before = std::mem::take(self.findings);
        let mut first_faults = None;
        for branch in &of_its_type {
            self.node(branch, value, path);
            let faults = std::mem::take(self.findings);
            if !faults.has_faults() {
                *self.findings = before;
                return;
            }
            first_faults.get_or_insert(faults);
        }
        *self.findings = before;
        match first_faults {
            Some(faults) => self.findings.append(faults),
            None => {
                let wanted: Vec<String> = branches
                    .iter()
                    .map(|branch| wanted(self.target(branch).unwrap_or(branch)))
                    .filter(|wanted| wanted != "nothing")
                    .collect();
                let problem = format!("{} where {} is wanted", kind_of(value), wanted.join(" or "));
                self.findings.fault(path, problem, format!("write {}", wanted.join(" or ")));
            }
        }
    }

    fn word(&mut self, words: &[String], value: &Value, path: &str) {
        let known: Vec<&str> = words.iter().map(String::as_str).collect();
        let given = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if !known.contains(&given.as_str()) {
            self.findings.fault(path, format!("unknown word `{given}`"), nearest(&given, &known));
        }
    }

    /// What `$ref` points to.
    fn target(&self, schema: &Value) -> Option<&'a Value> {
        let pointer = schema["$ref"].as_str()?.strip_prefix('#')?;
        self.root.pointer(pointer)
    }

    /// The words of an enumeration.
    fn words(&self, schema: &Value) -> Option<Vec<String>> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let Some(values) = schema["enum"].as_array() {
            return values.iter().map(text).collect();
        }
        if let Some(word) = schema.get("const") {
            return text(word).map(|word| vec![word]);
        }
        let groups = schema["oneOf"].as_array()?.iter().map(|branch| self.words(branch));
        groups.collect::<Option<Vec<_>>>().map(|groups| groups.concat())
    }

    fn accepts_type(&self, schema: &Value, value: &Value) -> bool {
        if let Some(target) = self.target(schema) {
            return self.accepts_type(target, value);
        }
        if self.words(schema).is_some() {
            return value.is_string();
        }
        if let Some(branches) = branches(schema) {
            return branches.iter().any(|branch| self.accepts_type(branch, value));
        }
        let types = type_words(schema);
        types.is_empty() || types.iter().any(|word| is_of_type(value, word))
    }
}

fn branches(schema: &Value) -> Option<&[Value]> {
    schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()).map(Vec::as_slice)
}

fn type_words(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(word) => vec![word],
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_of_type(value: &Value, word: &str) -> bool {
    match word {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}

const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn wanted(schema: &Value) -> String {
    if schema.get("oneOf").is_some() || schema.get("enum").is_some() || schema.get("const").is_some() {
        return "a word".to_owned();
    }
    let words = type_words(schema).into_iter().filter(|word| *word != "null");
    let words: Vec<&str> = words
        .map(|word| match word {
            "integer" => "a whole number",
            "number" => "a number",
            "string" => "a text",
            "boolean" => "true or false",
            "array" => "a list",
            "object" => "a mapping",
            _ => "something else",
        })
        .collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(" or ") }
}
