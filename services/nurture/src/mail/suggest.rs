//! What to write instead of a name that is not known.

use serde_json::Value;

/// The first dotted name in an expression, `contact.given_name` in `contact.given_name | upper`; the expression itself if
/// there is none.
pub(crate) fn first_name(expression: &str) -> &str {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let name = &expression[..expression.find(|c| !is_name(c)).unwrap_or(expression.len())];
    if name.is_empty() { expression } else { name.trim_end_matches('.') }
}

/// Whether the contract knows a name, with or without a value.
pub(crate) fn is_known(name: &str, context: &Value) -> bool {
    let mut inside = context;
    for key in name.split('.') {
        match inside {
            Value::Object(map) => match map.get(key) {
                Some(value) => inside = value,
                None => return false,
            },
            // `owner.name` without an owner.
            Value::Null => return true,
            _ => return false,
        }
    }
    true
}

/// The nearest known name, or those that are known.
pub(crate) fn remedy(name: &str, context: &Value) -> String {
    let (root, rest) = name.split_once('.').unwrap_or((name, ""));
    let keys = |value: &Value| -> Vec<String> {
        value.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default()
    };
    let Some(group) = context.get(root) else { return nearest(root, &keys(context)) };
    if matches!(root, "traits" | "event") {
        return format!("not everybody has it: {}", fallback(name));
    }
    if rest.is_empty() || !group.is_object() {
        return format!("known: {}", keys(context).join(", "));
    }
    let names: Vec<String> = keys(group).iter().map(|key| format!("{root}.{key}")).collect();
    nearest(name, &names)
}

/// How to write a name that not everybody has.
pub(crate) fn fallback(name: &str) -> String {
    match name.match_indices('.').nth(1) {
        // Nothing can be asked of what is not there.
        Some((second, _)) => format!("ask first, {{% if {} is defined %}}", &name[..second]),
        None => format!("give a fallback, {{{{ {name} | default('...') }}}}"),
    }
}

/// "did you mean a?" or "known: a, b".
pub(crate) fn nearest(name: &str, names: &[String]) -> String {
    let distance = |other: &&String| strsim::damerau_levenshtein(name, other);
    let near = names.iter().min_by_key(distance).filter(|other| distance(other) <= 1 + name.len() / 5);
    let known = format!("known: {}", names.join(", "));
    near.map_or(known.clone(), |near| format!("did you mean {near}? {known}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_is_known_or_a_near_one_is_named() {
        let context = json!({"contact": {"email": "a@b.example", "given_name": null}, "owner": null, "traits": {}});
        assert!(is_known("contact.given_name", &context) && is_known("owner.name", &context));
        assert!(
            !is_known("contact.first_name", &context) && !is_known("traits.x", &context) && !is_known("x", &context)
        );
        for (name, expected) in [
            ("contact.given_nam", "did you mean contact.given_name? known: contact.email, contact.given_name"),
            ("contact.first_name", "did you mean contact.given_name? known: contact.email, contact.given_name"),
            ("contact.shoe_size", "known: contact.email, contact.given_name"),
            ("contacts.email", "did you mean contact? known: contact, owner, traits"),
            ("traits.x.y", "not everybody has it: ask first, {% if traits.x is defined %}"),
            ("traits.x", "not everybody has it: give a fallback, {{ traits.x | default('...') }}"),
        ] {
            assert_eq!(remedy(name, &context), expected);
        }
        assert_eq!(first_name("contact.name | upper"), "contact.name");
        assert_eq!(first_name("'x' ~ y"), "'x' ~ y");
    }
}
