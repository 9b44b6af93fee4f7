//! Tables of the gRPC door: what an event becomes and what is refused, with the field's name.

use jiff::Timestamp;
use leadflow_proto::ingest::v1::Event;

use super::engagement::Engagement;
use super::kind::{Kind, Sender};
use super::published::engagement;
use super::reject::{Reason, Reject};
use super::rules::SourceRules;
use super::time;
use crate::wire;

fn now() -> Timestamp {
    time::parse("2026-11-23T12:00:00Z").unwrap()
}

fn take<R>(json: serde_json::Value, look: impl FnOnce(&Engagement<'_>) -> R) -> Result<R, Reject> {
    let event: Event = serde_json::from_value(json).unwrap();
    let rules = SourceRules::new("app");
    engagement(wire::published::read(&event)?, now(), Sender::Server, &rules).map(|event| look(&event))
}

#[test]
fn an_event_becomes_what_its_type_says() {
    let json = serde_json::json!({
        "messageId": "m", "type": "demo_request", "email": "Ada@Example.test", "occurredAt": "2026-11-23T11:00:00Z",
        "properties": {"seats": 20, "price": 1.5, "trial": true, "nested": {"a": "b"}, "list": [1, "x"], "none": null, "message": "Hello"},
        "traits": {"firstName": "Ada"}, "context": {"page.url": "https://x.test/?utm_source=ad", "country": "DE", "ip": "2001:db8::1"},
        "consent": {"marketing_email": true}, "historical": true, "test": true
    });
    take(json, |event| {
        assert_eq!(
            (event.kind, event.identifiers.email.as_str(), event.text.as_ref()),
            (Kind::DemoRequest, "ada@example.test", "Hello")
        );
        let properties: Vec<_> = event.properties.iter().map(|(key, value)| (key.as_ref(), value.as_ref())).collect();
        assert_eq!(
            properties,
            [("list", "[1.0,\"x\"]"), ("nested.a", "b"), ("price", "1.5"), ("seats", "20"), ("trial", "true")]
        );
        assert_eq!(event.traits, [("given_name".into(), "Ada".into())]);
        assert_eq!((event.context.campaign_source.as_ref(), event.context.country.as_ref()), ("ad", "DE"));
        assert!(event.historical && event.test && event.event_id.is_some());
        assert_eq!(event.consent, [("marketing_email".into(), true)]);
    })
    .unwrap();
}

#[test]
fn the_fields_win_over_the_properties() {
    let json = serde_json::json!({"messageId": "m", "type": "chat", "email": "own@x.test", "text": "own words",
        "properties": {"email": "other@x.test", "message": "other"}});
    take(json, |event| {
        assert_eq!((event.identifiers.email.as_str(), event.text.as_ref()), ("own@x.test", "own words"));
    })
    .unwrap();
}

#[test]
fn every_kind_of_bad_event_has_its_code_and_field() {
    let table = [
        (serde_json::json!({"type": "chat", "userId": "u"}), Reason::MissingField, "message_id"),
        (serde_json::json!({"messageId": "m", "userId": "u"}), Reason::MissingField, "type"),
        (serde_json::json!({"messageId": "m", "type": "chat"}), Reason::MissingIdentifier, "user_id"),
        (serde_json::json!({"messageId": "m", "type": "chat", "email": "nobody"}), Reason::InvalidIdentifier, "email"),
        (serde_json::json!({"messageId": "m", "type": "chat", "phone": "1"}), Reason::InvalidIdentifier, "phone"),
        (serde_json::json!({"messageId": "m", "type": "alias", "userId": "u"}), Reason::MissingField, "previous_id"),
        (serde_json::json!({"messageId": "m", "type": "group", "userId": "u"}), Reason::MissingField, "group_id"),
        (serde_json::json!({"messageId": "m".repeat(257), "type": "x", "userId": "u"}), Reason::TooLong, "message_id"),
        (
            serde_json::json!({"messageId": "m", "type": "x", "userId": "u", "text": "a".repeat(65537)}),
            Reason::TooLong,
            "text",
        ),
        (
            serde_json::json!({"messageId": "m", "type": "x", "userId": "u", "properties": {"a": "b".repeat(33000)}}),
            Reason::EventTooLarge,
            "",
        ),
        (
            serde_json::json!({"messageId": "m", "type": "x", "userId": "u", "properties": {"a": "\0"}}),
            Reason::NulCharacter,
            "properties",
        ),
        (serde_json::json!({"messageId": "m", "type": "x\0", "userId": "u"}), Reason::NulCharacter, "type"),
        (
            serde_json::json!({"messageId": "m", "type": "x", "userId": "u", "occurredAt": "2026-11-25T12:00:00Z"}),
            Reason::TimestampInFuture,
            "occurred_at",
        ),
    ];
    for (json, reason, field) in table {
        let shown = json.to_string();
        let reject = take(json, |event| panic!("taken: {event:?}")).unwrap_err();
        assert_eq!((reject.reason, reject.pointer.as_ref()), (reason, field), "{}", &shown[..shown.len().min(120)]);
    }
}
