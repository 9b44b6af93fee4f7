//! YAML into values, keeping the line of each: errors of types and ranges are found long after parsing, and must still
//! say where.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

use super::{ConfigError, Given, Problem, Source, child, problem};

enum Node {
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
    List(Vec<Spanned<Node>>),
    Scalar(Value),
}

/// Reads one document. An empty one gives an empty map.
pub(super) fn read(path: &Path, text: &str) -> Result<Given, ConfigError> {
    let mut options = serde_saphyr::Options::default();
    // The snippet is ours, because it masks secrets.
    options.with_snippet = false;
    let root: Spanned<Node> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(1, |location| location.line());
        ConfigError::new(vec![Problem {
            path: String::new(),
            source: Some(Source::File { path: path.to_owned(), line }),
            message: first_line(&error.without_snippet().to_string()),
            snippet: problem::snippet(text, line),
        }])
    })?;
    let mut given = Given { text: text.to_owned(), ..Given::default() };
    let root = match root.value {
        Node::Scalar(Value::Null) => Node::Map(Vec::new()),
        other => other,
    };
    match flatten(root, "", path, &mut given) {
        Value::Object(map) => given.value = map,
        _ => return Err(ConfigError::one(path.display(), "must hold keys and values, like `listen: 127.0.0.1:8080`")),
    }
    Ok(given)
}

fn flatten(node: Node, at: &str, file: &Path, given: &mut Given) -> Value {
    match node {
        Node::Scalar(value) => value,
        Node::List(items) => {
            let items = items.into_iter().enumerate().map(|(index, item)| {
                let at = format!("{at}[{index}]");
                note(&at, item.referenced.line(), file, given);
                flatten(item.value, &at, file, given)
            });
            Value::Array(items.collect())
        }
        Node::Map(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let at = child(at, &key.value);
                note(&at, key.referenced.line(), file, given);
                let value = flatten(value.value, &at, file, given);
                map.insert(key.value, value);
            }
            Value::Object(map)
        }
    }
}

fn note(at: &str, line: u64, file: &Path, given: &mut Given) {
    given.sources.insert(at.to_owned(), Source::File { path: file.to_owned(), line });
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(Value::from(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(Value::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(Value::from(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(Value::from(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(Value::from(value)))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}
