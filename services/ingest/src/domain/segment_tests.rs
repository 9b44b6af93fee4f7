//! Tables and properties of Segment-compatible calls: what is taken, as what, and what is refused with which code.

use jiff::Timestamp;
use serde_json::json;

use super::kind::{Kind, Sender};
use super::message::Call;
use super::reject::Reject;
use super::rules::{FieldPath, NameRule, SourceRules};
use super::segment::{Request, engagement};
use super::time;

const CHROME: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

fn now() -> Timestamp {
    time::parse("2026-11-23T12:00:00Z").unwrap()
}

fn request(sender: Sender) -> Request<'static> {
    Request { received_at: now(), sent_at: None, sender, user_agent: "curl/8.5.0", historical: false }
}

fn rules() -> SourceRules {
    let mut rules = SourceRules::new("website");
    rules.names.insert("Demo Requested".into(), NameRule::plain(Kind::DemoRequest));
    let invited = NameRule { email: Some(FieldPath::Property("inviter".into())), ..NameRule::plain(Kind::Product) };
    rules.names.insert("Colleague Invited".into(), invited);
    rules.consent.insert("C0004".into(), "marketing_email".into());
    rules.consent.insert("C0005".into(), "marketing_email".into());
    rules.traits.insert("firma".into(), "company".into());
    rules.region = Some("DE".into());
    rules
}

/// Takes `value` as a track or whatever its `type` says, and shows the result to `look`.
fn take<R>(value: serde_json::Value, look: impl FnOnce(&super::engagement::Engagement<'_>) -> R) -> Result<R, Reject> {
    take_text(&value.to_string(), look)
}

fn take_text<R>(raw: &str, look: impl FnOnce(&super::engagement::Engagement<'_>) -> R) -> Result<R, Reject> {
    let rules = rules();
    engagement(raw, None, &request(Sender::Server), &rules).map(|event| look(&event))
}

#[test]
fn a_track_call_becomes_the_kind_its_source_means() {
    let value = json!({"type": "track", "event": "Demo Requested", "userId": " u-1 ", "messageId": "m-1",
        "properties": {"email": " Ada@Example.TEST ", "phone": "030 901820", "message": "Please call", "plan": {"seats": 20, "trial": false, "none": null}},
        "timestamp": "2026-11-23T11:59:00Z"});
    take(value, |event| {
        assert_eq!((event.kind, event.name.as_ref()), (Kind::DemoRequest, "Demo Requested"));
        let who = &event.identifiers;
        assert_eq!(
            (who.user_id.as_str(), who.email.as_str(), who.phone.as_str()),
            ("u-1", "ada@example.test", "+4930901820")
        );
        assert_eq!(event.text, "Please call");
        let properties: Vec<_> = event.properties.iter().map(|(key, value)| (key.as_ref(), value.as_ref())).collect();
        assert_eq!(properties, [("plan.seats", "20"), ("plan.trial", "false")]);
        assert_eq!(event.origin, "example.test");
    })
    .unwrap();
}

#[test]
fn an_address_in_the_properties_is_the_persons_own_only_where_one_gives_it() {
    let invited = |name: &str| json!({"type": "track", "event": name, "userId": "u", "properties": {"email": "friend@example.test", "inviter": "me@example.test"}});
    take(invited("Friend Told"), |event| {
        assert_eq!((event.kind, event.identifiers.email.as_str()), (Kind::Custom, ""));
        assert_eq!(event.properties.len(), 2);
    })
    .unwrap();
    take(invited("Colleague Invited"), |event| assert_eq!(event.identifiers.email, "me@example.test")).unwrap();
}

#[test]
fn traits_are_renamed_and_the_events_own_win() {
    let value = json!({"type": "identify", "userId": "u", "context": {"traits": {"firstName": "Old", "firma": "Acme", "email": "old@example.test"}},
        "traits": {"firstName": "New", "address": {"country": "DE"}, "email": "new@example.test", "tags": ["a", 1]}});
    take(value, |event| {
        let traits: Vec<_> = event.traits.iter().map(|(key, value)| (key.as_ref(), value.as_ref())).collect();
        assert_eq!(traits[0..2], [("company", "Acme"), ("country", "DE")]);
        assert_eq!(traits[3..], [("given_name", "New"), ("tags", "[\"a\",1]")]);
        assert_eq!(event.identifiers.email, "new@example.test");
    })
    .unwrap();
}

#[test]
fn a_group_call_says_something_about_the_company_not_the_person() {
    let value = json!({"type": "group", "anonymousId": "a", "groupId": "g-1", "traits": {"name": "Acme", "employees": 300, "email": "info@acme.test"}});
    take(value, |event| {
        assert_eq!(
            (event.kind, event.identifiers.group_id.as_str(), event.identifiers.email.as_str()),
            (Kind::Group, "g-1", "")
        );
        let traits: Vec<_> = event.traits.iter().map(|(key, value)| (key.as_ref(), value.as_ref())).collect();
        assert_eq!(traits, [("company", "Acme"), ("company.email", "info@acme.test"), ("employees", "300")]);
    })
    .unwrap();
}

#[test]
fn page_context_campaign_and_click_id_are_kept() {
    let value = json!({"type": "page", "name": "Pricing", "anonymousId": "a", "context": {"userAgent": CHROME, "locale": "de-DE",
        "timezone": "Europe/Berlin", "location": {"country": "DE"}, "page": {"title": "Old", "referrer": "https://search.example/"}, "ip": "192.0.2.77"},
        "properties": {"url": "https://www.acme.test/pricing?utm_source=news&utm_campaign=Fall%20Sale&gclid=abc#x", "title": "Pricing"}});
    take(value, |event| {
        let context = &event.context;
        assert_eq!(event.kind, Kind::PageView);
        assert_eq!((context.page_title.as_ref(), context.referrer.as_ref()), ("Pricing", "https://search.example/"));
        assert_eq!((context.campaign_source.as_ref(), context.campaign_name.as_ref()), ("news", "Fall Sale"));
        assert_eq!(
            (context.click_id.as_ref(), context.time_zone.as_ref(), context.country.as_ref()),
            ("gclid:abc", "Europe/Berlin", "DE")
        );
        assert_eq!((event.bot_reason, event.origin.as_ref()), ("", "192.0.2.0/24"));
    })
    .unwrap();
}

#[test]
fn consent_is_given_when_all_categories_of_a_purpose_are() {
    let value = |four: bool, five: bool| {
        json!({"type": "track", "event": "x", "userId": "u",
        "context": {"consent": {"categoryPreferences": {"C0004": four, "C0005": five, "C0001": true}}}})
    };
    for (four, five) in [(true, true), (true, false), (false, true)] {
        take(value(four, five), |event| assert_eq!(event.consent, [("marketing_email".into(), four && five)])).unwrap();
    }
}

#[test]
fn the_bot_mark_comes_from_the_events_own_user_agent() {
    let rules = rules();
    let of = |agent: &str, sender| {
        let raw = json!({"event": "x", "userId": "u", "context": {"userAgent": agent}}).to_string();
        engagement(&raw, Some(Call::Track), &request(sender), &rules).unwrap().bot_reason
    };
    assert_eq!(of("Mozilla/5.0 (compatible; Googlebot/2.1)", Sender::Server), "crawler");
    assert_eq!(of(CHROME, Sender::Browser), "");
    // The header of the request is curl's: of a server it says nothing, of a browser everything.
    assert_eq!(of("", Sender::Server), "");
    assert_eq!(of("", Sender::Browser), "crawler");
}

#[test]
fn the_event_id_is_the_senders_or_that_of_the_content() {
    let id = |value: serde_json::Value| take(value, |event| event.event_id).unwrap();
    let plain = json!({"type": "track", "event": "x", "userId": "u", "messageId": "m-1"});
    assert_eq!(
        id(plain.clone()),
        id(json!({"type": "track", "event": "other", "anonymousId": "b", "messageId": "m-1"}))
    );
    let content = |event: &str, sent: &str| json!({"type": "track", "event": event, "userId": "u", "timestamp": "2026-11-23T11:00:00Z", "sentAt": sent});
    assert_eq!(id(content("x", "2026-11-23T11:00:05Z")), id(content("x", "2026-11-23T11:30:00Z")));
    assert_ne!(id(content("x", "2026-11-23T11:00:05Z")), id(content("y", "2026-11-23T11:00:05Z")));
    assert_eq!(id(json!({"type": "track", "event": "x", "userId": "u"})), None);
    let other = SourceRules::new("app");
    let raw = plain.to_string();
    assert_ne!(engagement(&raw, None, &request(Sender::Server), &other).unwrap().event_id, id(plain));
}

#[test]
fn what_clients_really_send_is_taken() {
    let table = [
        // Numbers as ids; null for what is not known (analytics-next before identify).
        json!({"type": "track", "event": "x", "userId": 42}),
        json!({"type": "track", "event": "x", "userId": null, "anonymousId": "a", "properties": null, "traits": null, "context": null}),
        // Nonsense in the circumstances does not cost the event.
        json!({"type": "track", "event": "x", "userId": "u", "context": {"page": "p", "campaign": 7, "consent": [], "locale": {}, "location": {"country": "Germany"}}}),
        json!({"type": "track", "event": "x", "userId": "u", "sentAt": "whenever"}),
        // Text that only looks like a NUL.
        json!({"type": "track", "event": "x", "userId": "u", "properties": {"a": ["\\u0000"]}}),
        // Not an address: kept as a trait.
        json!({"type": "identify", "userId": "u", "traits": {"email": "unknown"}}),
    ];
    for value in table {
        take(value.clone(), |_| ()).unwrap_or_else(|reject| panic!("{value}: {reject:?}"));
    }
}

#[test]
fn a_message_id_without_a_time_has_no_week_of_its_own() {
    // The receiving time would put a copy that comes after Monday's midnight into another week, and count it twice.
    take(json!({"type": "track", "event": "x", "userId": "u", "messageId": "m"}), |event| {
        assert_eq!(event.times.week, time::UNDATED);
    })
    .unwrap();
}
