//! Properties of Segment-compatible calls: any text is taken or refused, the same way each time, and what is taken keeps the
//! promises of an engagement.

use proptest::prelude::*;
use serde_json::json;

use super::kind::Sender;
use super::message::Call;
use super::rules::SourceRules;
use super::segment::{Request, engagement};
use super::time;

fn request() -> Request<'static> {
    let received_at = time::parse("2026-11-23T12:00:00Z").unwrap();
    Request { received_at, sent_at: None, sender: Sender::Server, user_agent: "", historical: false }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<String>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::from("2026-11-23T11:00:00Z")),
    ];
    let key = prop_oneof!["[a-z]{1,3}", Just("traits".to_owned()), Just("page".to_owned()), Just("email".to_owned())];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            proptest::collection::hash_map(key.clone(), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_taken_or_refused_and_never_changes_its_mind(mut members in proptest::collection::hash_map(
        proptest::sample::select(vec!["type", "event", "userId", "anonymousId", "traits", "properties", "context", "timestamp", "sentAt", "messageId", "previousId", "groupId", "name"]),
        any_json(), 0..13), call in proptest::sample::select(vec!["identify", "track", "page", "screen", "group", "alias"])) {
        members.entry("userId").or_insert_with(|| json!("u"));
        let raw = serde_json::Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()).to_string();
        let rules = SourceRules::new("web");
        let once = engagement(&raw, Call::from_name(call), &request(), &rules);
        prop_assert_eq!(&once, &engagement(&raw, Call::from_name(call), &request(), &rules));
        if let Ok(event) = once {
            prop_assert!(event.identifiers.name_somebody());
            prop_assert!(event.properties.is_sorted_by(|left, right| left.0 < right.0));
            prop_assert!(event.traits.is_sorted_by(|left, right| left.0 < right.0));
            let texts = event.properties.iter().chain(&event.traits).flat_map(|(key, value)| [key, value]);
            prop_assert!(texts.chain([&event.name, &event.text]).all(|text| !text.contains('\0')));
            prop_assert!(event.times.occurred_at.duration_since(request().received_at) <= jiff::SignedDuration::from_hours(24));
        }
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(raw in "\\PC{0,300}") {
        let rules = SourceRules::new("web");
        let _ = engagement(&raw, Some(Call::Track), &request(), &rules);
    }
}
