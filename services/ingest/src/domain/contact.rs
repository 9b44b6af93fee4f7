//! Whose act it was, beyond the ids: the address, the number and the words in an event, and its traits in our names.

use std::borrow::Cow;

use super::context;
use super::engagement::{self, Engagement};
use super::flatten::Fields;
use super::rules::{FieldPath, NameRule, SourceRules};

/// Moves the person's address, number and words from where the source's mapping says they are, else from the traits and,
/// for acts of giving one's contact data, from the properties. What is no address or number stays where it was.
pub fn take(event: &mut Engagement<'_>, rule: &NameRule, rules: &SourceRules) {
    let gives = rule.kind.gives_contact();
    let usual = |name: &str| {
        let mut paths = vec![FieldPath::Trait(name.into())];
        if gives {
            paths.push(FieldPath::Property(name.into()));
        }
        paths
    };
    let asked = |path: &Option<FieldPath>, name: &str| path.clone().map_or_else(|| usual(name), |path| vec![path]);
    if has_contact(event, "email") || rule.email.is_some() {
        for path in asked(&rule.email, "email") {
            take_from(event, &path, |who, value| engagement::email(value, "").map(|email| who.email = email).is_ok());
        }
    }
    if has_contact(event, "phone") || rule.phone.is_some() {
        for path in asked(&rule.phone, "phone") {
            let region = rules.region.as_deref();
            take_from(event, &path, |who, value| {
                engagement::phone(value, region, "").map(|phone| who.phone = phone).is_ok()
            });
        }
    }
    let words = rule.text.clone().or(gives.then(|| FieldPath::Property("message".into())));
    if let Some(words) = words
        && let Some(at) = position(event, &words)
    {
        event.text = fields_of(event, &words).remove(at).1;
    }
}

/// Looked for before any path is made: most events have neither.
fn has_contact(event: &Engagement<'_>, name: &str) -> bool {
    event.traits.iter().chain(&event.properties).any(|(key, _)| key == name)
}

fn take_from(
    event: &mut Engagement<'_>,
    path: &FieldPath,
    set: impl FnOnce(&mut engagement::Identifiers, &str) -> bool,
) {
    if let Some(at) = position(event, path) {
        let (key, value) = fields_of(event, path).remove(at);
        if !set(&mut event.identifiers, &value) {
            fields_of(event, path).insert(at, (key, value));
        }
    }
}

fn position(event: &mut Engagement<'_>, path: &FieldPath) -> Option<usize> {
    let (FieldPath::Property(name) | FieldPath::Trait(name)) = path;
    fields_of(event, path).iter().rposition(|(key, _)| *key == **name)
}

fn fields_of<'e, 'a>(event: &'e mut Engagement<'a>, path: &FieldPath) -> &'e mut Fields<'a> {
    match path {
        FieldPath::Property(_) => &mut event.properties,
        FieldPath::Trait(_) => &mut event.traits,
    }
}

/// The traits of a group call are the company's.
pub fn prefix_company(traits: &mut [(Cow<'_, str>, Cow<'_, str>)]) {
    for (key, _) in traits {
        *key = Cow::Owned(format!("company.{key}"));
    }
}

/// The sender's names of traits become ours.
pub fn rename_traits<'a>(traits: &mut Fields<'a>, rules: &'a SourceRules) {
    for (key, _) in traits {
        let ours = rules.trait_name(key);
        if ours != key.as_ref() {
            *key = Cow::Owned(ours.to_owned());
        }
    }
}

/// Where it came from: the domain of the address, else the network of the person's machine.
#[must_use]
pub fn origin<'a>(event: &Engagement<'_>, ip: &str) -> Cow<'a, str> {
    match event.identifiers.email.rsplit_once('@') {
        Some((_, domain)) => Cow::Owned(domain.to_owned()),
        None if ip.is_empty() => Cow::Borrowed(""),
        None => Cow::Owned(context::network(ip)),
    }
}
