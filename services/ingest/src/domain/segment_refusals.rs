//! Tables of what the Segment-compatible door refuses: each class of bad input with its code and field.

use serde_json::json;

use super::kind::Sender;
use super::reject::Reason;
use super::rules::SourceRules;
use super::segment::{Request, engagement};
use super::time;

fn refusal(raw: &str) -> (Reason, String) {
    let received_at = time::parse("2026-11-23T12:00:00Z").unwrap();
    let request = Request { received_at, sent_at: None, sender: Sender::Server, user_agent: "", historical: false };
    let rules = SourceRules::new("web");
    let reject = engagement(raw, None, &request, &rules).unwrap_err();
    (reject.reason, reject.pointer.into_owned())
}

fn check(raw: &str, reason: Reason, pointer: &str) {
    assert_eq!(refusal(raw), (reason, pointer.to_owned()), "{}", &raw[..raw.len().min(120)]);
}

#[test]
fn what_is_too_much_has_its_code() {
    let nested = format!("{}1{}", "{\"a\":".repeat(64), "}".repeat(64));
    check(
        &format!("{{\"type\":\"track\",\"event\":\"x\",\"userId\":\"u\",\"properties\":{nested}}}"),
        Reason::JsonTooDeep,
        "",
    );
    let of = |properties: serde_json::Value| {
        json!({"type": "track", "event": "x", "userId": "u", "properties": properties}).to_string()
    };
    check(&of(json!({"a": "b".repeat(33 * 1024)})), Reason::EventTooLarge, "");
    let many: serde_json::Map<_, _> = (0..513).map(|n| (format!("p{n:03}"), json!(n))).collect();
    check(&of(many.into()), Reason::TooManyFields, "/properties/p512");
    check(&of(json!({"k".repeat(257): 1})), Reason::TooManyFields, &format!("/properties/{}", "k".repeat(64)));
    let long = json!({"type": "track", "event": "x", "userId": "u", "messageId": "m".repeat(257)}).to_string();
    check(&long, Reason::TooLong, "/messageId");
    let id = json!({"type": "track", "event": "x", "userId": "u".repeat(257)}).to_string();
    check(&id, Reason::InvalidIdentifier, "/userId");
}

#[test]
fn what_is_no_call_has_its_code() {
    let table = [
        ("", Reason::InvalidJson, ""),
        ("{", Reason::InvalidJson, ""),
        ("{\"a\":1}}", Reason::InvalidJson, ""),
        ("[]", Reason::NotAnObject, ""),
        ("\"text\"", Reason::NotAnObject, ""),
        (r#"{"event":"x","userId":"u"}"#, Reason::MissingField, "/type"),
        (r#"{"type":"tack","userId":"u"}"#, Reason::UnknownType, "/type"),
        (r#"{"type":"track","userId":"u"}"#, Reason::MissingField, "/event"),
        (r#"{"type":"alias","userId":"u"}"#, Reason::MissingField, "/previousId"),
        (r#"{"type":"group","userId":"u"}"#, Reason::MissingField, "/groupId"),
    ];
    for (raw, reason, pointer) in table {
        check(raw, reason, pointer);
    }
}

#[test]
fn what_is_wrong_in_a_track_call_is_named() {
    let table = [
        (r#""event":7,"userId":{}"#, Reason::WrongType, "/userId"),
        (r#""event":"x""#, Reason::MissingIdentifier, "/userId"),
        (r#""event":"x","userId":"  ","anonymousId":null"#, Reason::MissingIdentifier, "/userId"),
        (r#""event":"x","userId":"a\u0007b""#, Reason::InvalidIdentifier, "/userId"),
        (r#""event":"x\u0000","userId":"u""#, Reason::NulCharacter, "/event"),
        (r#""event":"x","userId":"u","properties":{"a":{"b/c":"\u0000"}}"#, Reason::NulCharacter, "/properties/a/b~1c"),
        (r#""event":"x","userId":"u","properties":{"a":["\\\u0000"]}"#, Reason::NulCharacter, "/properties/a"),
        (r#""event":"x","userId":"u","properties":{"a\u0000":1}"#, Reason::NulCharacter, "/properties"),
        (r#""event":"x","userId":"u","context":{"userAgent":"\u0000"}"#, Reason::NulCharacter, "/context/userAgent"),
        (r#""event":"\ud800","userId":"u""#, Reason::InvalidJson, "/event"),
        (r#""event":"x","userId":"u","properties":[1]"#, Reason::WrongType, "/properties"),
        (r#""event":"x","userId":"u","timestamp":"soon""#, Reason::InvalidTimestamp, "/timestamp"),
        (r#""event":"x","userId":"u","timestamp":"2026-11-25T00:00:00Z""#, Reason::TimestampInFuture, "/timestamp"),
        (r#""event":"x","userId":"u","timestamp":"0001-01-01T00:00:00Z""#, Reason::InvalidTimestamp, "/timestamp"),
    ];
    for (members, reason, pointer) in table {
        check(&format!("{{\"type\":\"track\",{members}}}"), reason, pointer);
    }
}
