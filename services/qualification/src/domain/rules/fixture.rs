//! Events and models for tests of the domain.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::domain::event::{Context, EngagementEvent, EventKind, Identifiers};

use super::{Hits, Model, PersonFacts, compile};

/// An event of a browser, with nothing but what every event has.
pub(crate) fn event(kind: EventKind) -> EngagementEvent {
    EngagementEvent {
        event_id: Uuid::from_u128(1),
        kind,
        name: String::new(),
        source: "web".to_owned(),
        identifiers: Identifiers { anonymous_id: Some("browser-1".to_owned()), ..Identifiers::default() },
        occurred_at: "2026-03-02T10:00:00Z".parse().expect("a timestamp"),
        received_at: "2026-03-02T10:00:01Z".parse().expect("a timestamp"),
        week: 20_514,
        properties: BTreeMap::new(),
        traits: BTreeMap::new(),
        consent: BTreeMap::new(),
        context: Context::default(),
        bot_reason: None,
        historical: false,
        test: false,
        text: String::new(),
        email_facts: None,
        origin_hash: 0,
    }
}

/// The model of that YAML; the findings if it has faults.
pub(crate) fn model(yaml: &str) -> Model {
    compile(yaml.as_bytes()).unwrap_or_else(|findings| {
        panic!("{}", findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

/// A model with these rules, a threshold and nothing else.
pub(crate) fn model_of_rules(rules: &str) -> Model {
    model(&format!("name: test\nthresholds: {{ mql: 50 }}\nrules:\n{rules}"))
}

/// Ids of the scoring rules that an event meets, and that of the raised hand.
pub(crate) fn hits<'a>(model: &'a Model, event: &EngagementEvent) -> (Vec<&'a str>, Option<&'a str>) {
    let mut hits = Hits::default();
    model.evaluate(event, &mut hits);
    let id = |no| model.rule(no).id.as_str();
    (hits.scoring.into_iter().map(id).collect(), hits.hand_raise.map(id))
}

/// A map of texts.
pub(crate) fn texts<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// A person with these addresses and traits, and no account.
pub(crate) fn person<'a>(
    emails: &'a [&'a str],
    traits: &'a BTreeMap<String, String>,
    nothing: &'a BTreeMap<String, String>,
) -> PersonFacts<'a> {
    PersonFacts { emails, traits, account_domain: None, account_traits: nothing }
}
