//! A made-up person for checks: every name that a template uses has a placeholder, or, to see what happens then, has not.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Placeholders for what events and traits may hold, in the order in which they are tried: a template tells by failing that
/// it wants an address, a label, a number or a list.
const KINDS: usize = 4;

/// A host that no template writes out: a value that is an address must not pass for one of the template's own.
const NOWHERE: &str = "value.invalid";

/// A made-up person.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// Names under `traits` and `event` that the template uses, and the placeholder they have.
    free: BTreeMap<String, usize>,
    /// Names that have no value.
    missing: Vec<String>,
}

/// Names of the contract that a person may lack.
pub(super) const OPTIONAL: [&str; 10] = [
    "contact.given_name",
    "contact.family_name",
    "contact.name",
    "contact.company",
    "contact.locale",
    "contact.country",
    "lead.grade",
    "lead.product_line",
    "owner.name",
    "owner.email",
];

impl Sample {
    /// For a template that uses these names.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let is_free = |name: &&str| name.starts_with("traits.") || name.starts_with("event.");
        let is_address = |name: &str| ["url", "link", "href", "page"].iter().any(|word| name.ends_with(word));
        let free = names.filter(is_free).map(|name| (name.to_owned(), usize::from(is_address(name))));
        Self { free: free.collect(), missing: Vec::new() }
    }

    /// Names under `traits` and `event`.
    pub(super) fn free(&self) -> impl Iterator<Item = &str> {
        self.free.keys().map(String::as_str)
    }

    /// The same person without these names.
    pub(super) fn without(&self, names: &[&str]) -> Self {
        Self { free: self.free.clone(), missing: names.iter().map(|name| (*name).to_owned()).collect() }
    }

    /// Gives the names in an expression another placeholder. `false`: there is none left.
    pub(super) fn turn(&mut self, expression: &str) -> bool {
        let mut turned = false;
        for (name, kind) in &mut self.free {
            if expression.contains(name.as_str()) && *kind + 1 < KINDS {
                *kind += 1;
                turned = true;
            }
        }
        turned
    }

    /// As a context.
    pub(super) fn context(&self) -> Value {
        let mut context = json!({
            "contact": {
                "email": "jane.doe@example.com", "given_name": "Jane", "family_name": "Doe", "name": "Jane Doe",
                "company": "Example Ltd", "locale": "en-GB", "country": "GB",
            },
            "traits": {}, "event": {},
            "lead": {"stage": "open", "grade": "B2", "product_line": "Example"},
            "owner": {"name": "Alex Example", "email": "alex@example.com"},
            "sender": {
                "name": "Example", "email": "hello@example.com", "postal_address": "Example Ltd, 1 Main Street, Exampletown",
            },
            "links": {
                "unsubscribe": "https://mail.example.com/u/sample", "preferences": "https://mail.example.com/p/sample",
                "confirm": "https://mail.example.com/d/sample",
            },
            "journey": {"name": "sample"},
        });
        for (name, kind) in &self.free {
            put(&mut context, name, placeholder(*kind));
        }
        for name in &self.missing {
            remove(&mut context, name);
        }
        context
    }
}

fn placeholder(kind: usize) -> Value {
    match kind {
        0 => json!("sample"),
        1 => json!(format!("https://{NOWHERE}/sample")),
        2 => json!(7),
        _ => json!(["sample"]),
    }
}

/// Sets a dotted name, making objects on the way.
fn put(context: &mut Value, name: &str, value: Value) {
    let mut inside = context;
    for key in name.split('.') {
        if !inside.is_object() {
            *inside = json!({});
        }
        inside = &mut inside[key];
    }
    if !inside.is_object() {
        *inside = value;
    }
}

/// Takes a dotted name away, as it is for a person who lacks it: an optional name of the contract is null.
fn remove(context: &mut Value, name: &str) {
    let (root, rest) = name.split_once('.').unwrap_or((name, ""));
    match root {
        "owner" => context["owner"] = Value::Null,
        "traits" | "event" => {
            if let Some(group) = context[root].as_object_mut() {
                group.remove(rest.split('.').next().unwrap_or_default());
            }
        }
        _ => context[root][rest] = Value::Null,
    }
}
