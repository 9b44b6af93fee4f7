//! What `config print` shows: every setting with its source, and no secret.

use serde_json::Value;

use super::known::Shapes;
use super::{Given, Source, child};

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// "server.listen".
    pub path: String,
    /// As JSON; secrets are `"***"`.
    pub value: String,
    /// Where it came from.
    pub source: Source,
}

const MASK: &str = "***";

/// Every value given and every default, in the order of the schema's names.
pub(super) fn settings(given: &Given, schema: &Value) -> Vec<Setting> {
    let mut found = Vec::new();
    collect(Some(&Value::Object(given.value.clone())), &Shapes::of_root(schema), "", given, &mut found);
    found
}

fn collect(value: Option<&Value>, shapes: &Shapes<'_>, at: &str, given: &Given, found: &mut Vec<Setting>) {
    let names = shapes.names();
    let is_section = match value {
        // A section that may be left out, and was, is one line.
        None => !names.is_empty() && !shapes.is_optional(),
        Some(value) => !names.is_empty() && value.is_object(),
    };
    if is_section {
        for name in names {
            if let Some(inner) = shapes.child(name) {
                let value = value.and_then(|value| value.get(name));
                collect(value, &inner, &child(at, name), given, found);
            }
        }
        return;
    }
    match value {
        Some(Value::Object(map)) => {
            for (key, value) in map {
                let inner = shapes.child(key).unwrap_or_else(|| shapes.item());
                collect(Some(value), &inner, &child(at, key), given, found);
            }
        }
        Some(value) => {
            let source = given.sources.get(at).cloned().unwrap_or(Source::Default);
            found.push(Setting { path: at.to_owned(), value: masked(at, value), source });
        }
        None => {
            let nothing = shapes.is_optional().then_some(&Value::Null);
            if let Some(value) = shapes.default().or(nothing) {
                found.push(Setting { path: at.to_owned(), value: masked(at, value), source: Source::Default });
            }
        }
    }
}

fn masked(path: &str, value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(_) | Value::Number(_) if is_secret(path) => format!("\"{MASK}\""),
        Value::String(text) => Value::String(masked_text(text)).to_string(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| masked(path, item)).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

/// By its name: passwords, tokens, keys. Names of files that hold one are no secret.
pub(super) fn is_secret(path: &str) -> bool {
    let name = path.rsplit("].").next().unwrap_or(path).to_lowercase();
    let name = name.trim_end_matches(|c: char| c == ']' || c == '[' || c.is_ascii_digit());
    let is_a_place = ["_file", "_path", "_folder", ".location"].iter().any(|end| name.ends_with(end));
    let last = name.rsplit('.').next().unwrap_or(name);
    !is_a_place
        && (["password", "passwd", "passphrase", "secret", "token", "credential"]
            .iter()
            .any(|word| name.contains(word))
            || last == "key"
            || last == "pem"
            || last.ends_with("_key"))
}

/// The password inside a URL, and private keys.
fn masked_text(text: &str) -> String {
    if text.contains("PRIVATE KEY") {
        return MASK.to_owned();
    }
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password may hold an @ that nobody encoded: the last one ends it, wherever it stands.
    let end = rest[..authority_end].rfind('@').or_else(|| rest.rfind('@'));
    match end.and_then(|end| Some((end, rest[..end].find(':')?))) {
        Some((end, colon)) => format!("{scheme}://{}:{MASK}{}", &rest[..colon], &rest[end..]),
        None => text.to_owned(),
    }
}

/// One line of a file as it may be shown.
pub(super) fn masked_line(line: &str) -> String {
    match line.split_once(':') {
        Some((key, value)) if is_secret(key.trim().trim_matches('"')) && !value.trim().is_empty() => {
            format!("{key}: {MASK}")
        }
        _ => masked_text(line),
    }
}
