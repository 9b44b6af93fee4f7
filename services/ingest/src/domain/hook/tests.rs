//! What providers tell, as their documents show it, and what becomes of it.

use jiff::Timestamp;
use proptest::prelude::*;

use super::super::engagement::Engagement;
use super::super::kind::Kind;
use super::super::mail::MailboxRules;
use super::super::reject::{Reason, Reject};
use super::super::rules::SourceRules;
use super::super::time;
use super::{HookRules, Recipe, Told, read_json};

pub(super) fn now() -> Timestamp {
    time::parse("2026-11-23T12:00:00Z").unwrap()
}

pub(super) fn mailbox() -> MailboxRules {
    MailboxRules {
        name: "sales".into(),
        kind: Kind::EmailIn,
        our_message_ids: vec!["mail.acme.test".into()],
        reply_domains: vec!["reply.acme.test".into()],
    }
}

pub(super) fn hook(recipe: Recipe) -> HookRules {
    HookRules { name: "back".into(), recipe, mailbox: Some(mailbox()) }
}

pub(super) fn items(recipe: Recipe, text: &str) -> Result<Vec<Result<Told, Reject>>, Reject> {
    let items = read_json(text, &hook(recipe), &SourceRules::new("web"), now())?;
    Ok(items.into_iter().map(|item| item.told).collect())
}

fn event(recipe: Recipe, text: &str) -> Engagement<'static> {
    match items(recipe, text).unwrap().remove(0).unwrap() {
        Told::Event(event) => *event,
        other => panic!("{other:?}"),
    }
}

pub(super) fn property<'e>(event: &'e Engagement<'_>, name: &str) -> &'e str {
    event.properties.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

/// Kind or name, bot reason, bounce class, code.
fn essence(event: &Engagement<'_>) -> (String, &'static str, String, String) {
    let code = event.mail.as_ref().unwrap().status_code.clone();
    (event.name.to_string(), event.bot_reason, property(event, "bounce_class").to_owned(), code)
}

fn row(name: &str, bot: &'static str, class: &str, code: &str) -> (String, &'static str, String, String) {
    (name.to_owned(), bot, class.to_owned(), code.to_owned())
}

fn postmark(record: &str, more: &str) -> String {
    format!(
        r#"{{"RecordType":"{record}","MessageID":"883953f4-6105-42a2-a16a-77a8eac79483","Metadata":{{"leadflow_message_id":"m1@mail.acme.test"}},{more}}}"#
    )
}

fn bounce(kind: &str) -> String {
    postmark(
        "Bounce",
        &format!(
            r#""ID":4323372036854775807,"Type":"{kind}","TypeCode":1,"Email":"Bob@Customer.test","From":"a@acme.test","BouncedAt":"2026-11-23T11:00:00.3963933Z","Details":"smtp;550 5.1.1 no such user","Inactive":true,"Subject":"Hi","Content":null"#
        ),
    )
}

#[test]
fn postmark_tells_everything_by_its_record_type() {
    let to = r#""Recipient":"Bob@Customer.test","#;
    let table = [
        (bounce("HardBounce"), row("email_bounced", "bounce", "hard", "5.1.1")),
        (bounce("SoftBounce"), row("email_bounced", "bounce", "soft", "5.1.1")),
        (bounce("Blocked"), row("email_bounced", "bounce", "soft", "5.1.1")),
        (bounce("BadEmailAddress"), row("email_bounced", "bounce", "hard", "5.1.1")),
        (bounce("Transient"), row("email_delayed", "bounce", "", "5.1.1")),
        (bounce("AutoResponder"), row("email_in", "auto_reply", "", "5.1.1")),
        (bounce("SpamComplaint"), row("email_complained", "complaint", "", "5.1.1")),
        (bounce("Unsubscribe"), row("unsubscribed", "", "", "5.1.1")),
        (
            postmark("SpamComplaint", r#""ID":7,"Type":"SpamComplaint","Email":"bob@customer.test""#),
            row("email_complained", "complaint", "", ""),
        ),
        (
            postmark("Delivery", &format!(r#"{to}"DeliveredAt":"2026-11-23T11:00:00Z","Details":"250 ok""#)),
            row("email_delivered", "delivery_report", "", ""),
        ),
        (
            postmark("Open", &format!(r#"{to}"UserAgent":"Mozilla/5.0","ReceivedAt":"2026-11-23T11:00:00Z""#)),
            row("email_opened", "machine_open", "", ""),
        ),
        (
            postmark(
                "Click",
                &format!(r#"{to}"OriginalLink":"https://acme.test/a","ReceivedAt":"2026-11-23T11:00:00Z""#),
            ),
            row("email_clicked", "", "", ""),
        ),
        (
            postmark(
                "SubscriptionChange",
                &format!(r#"{to}"SuppressSending":true,"SuppressionReason":"ManualSuppression""#),
            ),
            row("unsubscribed", "", "", ""),
        ),
        (
            postmark("SubscriptionChange", &format!(r#"{to}"SuppressSending":true,"SuppressionReason":"HardBounce""#)),
            row("email_bounced", "bounce", "hard", ""),
        ),
        (
            postmark("SubscriptionChange", &format!(r#"{to}"SuppressSending":false,"SuppressionReason":null"#)),
            row("email_resubscribed", "", "", ""),
        ),
    ];
    for (text, expected) in table {
        let event = event(Recipe::Postmark, &text);
        assert_eq!(essence(&event), expected, "{text}");
        assert_eq!(event.identifiers.email, "bob@customer.test");
        assert_eq!(event.mail.as_ref().unwrap().in_reply_to, "m1@mail.acme.test");
        assert_eq!((property(&event, "provider"), property(&event, "hook")), ("postmark", "back"));
    }
    let without = bounce("HardBounce").replace("leadflow_message_id", "other");
    let facts = event(Recipe::Postmark, &without).mail.unwrap();
    assert_eq!(facts.in_reply_to, "883953f4-6105-42a2-a16a-77a8eac79483@mtasv.net");
}

#[test]
fn a_repeat_is_the_same_event_and_another_act_is_another() {
    let click = |at: &str, link: &str| {
        let more = format!(r#""Recipient":"b@c.test","OriginalLink":"{link}","ReceivedAt":"{at}""#);
        event(Recipe::Postmark, &postmark("Click", &more)).event_id.unwrap()
    };
    let first = click("2026-11-23T11:00:00Z", "https://acme.test/a");
    assert_eq!(first, click("2026-11-23T11:00:00Z", "https://acme.test/a"));
    assert_ne!(first, click("2026-11-23T11:00:01Z", "https://acme.test/a"));
    assert_ne!(first, click("2026-11-23T11:00:00Z", "https://acme.test/b"));
    let bounced = event(Recipe::Postmark, &bounce("HardBounce"));
    assert_eq!(bounced.event_id, event(Recipe::Postmark, &bounce("HardBounce")).event_id);
    assert_eq!(bounced.times.occurred_at, time::parse("2026-11-23T11:00:00.3963933Z").unwrap());
    assert_ne!(bounced.times.week, time::UNDATED);
}

fn sendgrid(more: &str) -> String {
    format!(
        r#"[{{"email":"Bob@Customer.test","timestamp":1795428000,"smtp-id":"<m1@mail.acme.test>","sg_event_id":"abc","sg_message_id":"14c5d75ce93.dfd.64b469.filter",{more}}}]"#
    )
}

#[test]
fn sendgrid_tells_many_things_at_a_time() {
    let table = [
        (r#""event":"delivered","response":"250 OK""#, row("email_delivered", "delivery_report", "", "")),
        (
            r#""event":"bounce","type":"bounce","status":"5.1.1","reason":"550 5.1.1 unknown""#,
            row("email_bounced", "bounce", "hard", "5.1.1"),
        ),
        (
            r#""event":"bounce","type":"blocked","status":"5.7.1","reason":"550 blocked""#,
            row("email_bounced", "bounce", "soft", "5.7.1"),
        ),
        (
            r#""event":"bounce","type":"bounce","status":"4.4.7","reason":"expired""#,
            row("email_bounced", "bounce", "soft", "4.4.7"),
        ),
        (
            r#""event":"bounce","type":"bounce","status":"5.0.0","bounce_classification":"Reputation""#,
            row("email_bounced", "bounce", "soft", "5.0.0"),
        ),
        (r#""event":"deferred","response":"450 later","attempt":"5""#, row("email_delayed", "bounce", "", "")),
        (r#""event":"dropped","reason":"Bounced Address""#, row("email_bounced", "bounce", "hard", "")),
        (r#""event":"dropped","reason":"Unsubscribed Address""#, row("unsubscribed", "", "", "")),
        (
            r#""event":"dropped","reason":"Spam Content (if Spam Checker app enabled)""#,
            row("email_bounced", "bounce", "soft", ""),
        ),
        (r#""event":"spamreport""#, row("email_complained", "complaint", "", "")),
        (r#""event":"unsubscribe""#, row("unsubscribed", "", "", "")),
        (r#""event":"group_unsubscribe","asm_group_id":10"#, row("unsubscribed", "", "", "")),
        (r#""event":"group_resubscribe","asm_group_id":10"#, row("email_resubscribed", "", "", "")),
        (
            r#""event":"open","useragent":"Mozilla/4.0","sg_machine_open":true"#,
            row("email_opened", "machine_open", "", ""),
        ),
        (
            r#""event":"open","useragent":"Mozilla/4.0 (compatible; MSIE 6.1)","sg_machine_open":false"#,
            row("email_opened", "", "", ""),
        ),
        (
            r#""event":"click","url":"https://acme.test/a","useragent":"curl/8.5.0""#,
            row("email_clicked", "crawler", "", ""),
        ),
    ];
    for (more, expected) in table {
        let event = event(Recipe::Sendgrid, &sendgrid(more));
        assert_eq!(essence(&event), expected, "{more}");
        assert_eq!(event.identifiers.email, "bob@customer.test");
        assert_eq!(event.mail.as_ref().unwrap().in_reply_to, "m1@mail.acme.test");
        assert_eq!(event.times.occurred_at, time::parse("2026-11-23T10:00:00Z").unwrap());
    }
    let mixed = r#"[{"event":"processed","email":"a@b.test"},{"event":"x","email":"a@b.test"},{"event":"open"},7,{"event":"open","email":"a@b.test"}]"#;
    let told = items(Recipe::Sendgrid, mixed).unwrap();
    assert_eq!(told[0], Ok(Told::Nothing));
    let refused = |at: usize| told[at].as_ref().map(|_| ()).unwrap_err();
    assert_eq!((refused(1).reason, refused(1).pointer.as_ref()), (Reason::UnknownType, "/1/event"));
    assert_eq!((refused(2).reason, refused(2).pointer.as_ref()), (Reason::UnknownRecipient, "/2/email"));
    assert_eq!((refused(3).reason, refused(3).pointer.as_ref()), (Reason::NotAnObject, "/3"));
    assert!(matches!(told[4], Ok(Told::Event(_))));
    assert_eq!(items(Recipe::Sendgrid, r#"{"event":"open"}"#).unwrap_err().reason, Reason::WrongType);
    let many = format!("[{}]", vec!["{}"; 10_001].join(","));
    assert_eq!(items(Recipe::Sendgrid, &many).unwrap_err().reason, Reason::TooManyEvents);
}

fn mailgun(more: &str) -> String {
    format!(
        r#"{{"signature":{{"timestamp":"1","token":"t","signature":"s"}},"event-data":{{"id":"hTWCTD81RtiDN-","timestamp":1795428000.153125,"recipient":"bob@customer.test","message":{{"headers":{{"message-id":"m1@mail.acme.test","subject":"Hi"}}}},{more}}}}}"#
    )
}

#[test]
fn mailgun_tells_one_thing_at_a_time() {
    let table = [
        (
            r#""event":"delivered","delivery-status":{"code":250,"message":"OK"}"#,
            row("email_delivered", "delivery_report", "", ""),
        ),
        (
            r#""event":"failed","severity":"permanent","reason":"bounce","delivery-status":{"code":550,"message":"5.1.1 no such account"}"#,
            row("email_bounced", "bounce", "hard", "5.1.1"),
        ),
        (
            r#""event":"failed","severity":"permanent","reason":"generic","delivery-status":{"code":550,"message":"go away"}"#,
            row("email_bounced", "bounce", "hard", ""),
        ),
        (
            r#""event":"failed","severity":"permanent","reason":"old","delivery-status":{"code":602,"message":"Too old"}"#,
            row("email_bounced", "bounce", "soft", ""),
        ),
        (
            r#""event":"failed","severity":"temporary","reason":"generic","delivery-status":{"code":498,"message":"No MX"}"#,
            row("email_delayed", "bounce", "", ""),
        ),
        (
            r#""event":"failed","severity":"permanent","reason":"suppress-bounce""#,
            row("email_bounced", "bounce", "hard", ""),
        ),
        (r#""event":"failed","severity":"permanent","reason":"suppress-unsubscribe""#, row("unsubscribed", "", "", "")),
        (
            r#""event":"failed","severity":"permanent","reason":"suppress-complaint""#,
            row("email_complained", "complaint", "", ""),
        ),
        (r#""event":"complained""#, row("email_complained", "complaint", "", "")),
        (r#""event":"unsubscribed""#, row("unsubscribed", "", "", "")),
        (
            r#""event":"opened","client-info":{"user-agent":"Mozilla/5.0 (X11) Firefox/140.0","bot":"apple"}"#,
            row("email_opened", "machine_open", "", ""),
        ),
        (
            r#""event":"opened","client-info":{"user-agent":"Mozilla/5.0 (X11) Firefox/140.0","bot":""}"#,
            row("email_opened", "", "", ""),
        ),
        (
            r#""event":"clicked","url":"https://acme.test/a","client-info":{"bot":"microsoft"}"#,
            row("email_clicked", "machine_click", "", ""),
        ),
    ];
    for (more, expected) in table {
        let event = event(Recipe::Mailgun, &mailgun(more));
        assert_eq!(essence(&event), expected, "{more}");
        assert_eq!(event.mail.as_ref().unwrap().in_reply_to, "m1@mail.acme.test");
        assert_eq!(event.times.occurred_at, time::parse("2026-11-23T10:00:00.153Z").unwrap());
    }
    assert_eq!(items(Recipe::Mailgun, &mailgun(r#""event":"accepted""#)).unwrap()[0], Ok(Told::Nothing));
    let refused = items(Recipe::Mailgun, "{}").unwrap().remove(0).unwrap_err();
    assert_eq!((refused.reason, refused.pointer.as_ref()), (Reason::MissingField, "/event-data"));
    let refused = items(Recipe::Mailgun, &mailgun(r#""event":"accepted""#).replace("accepted", "x")).unwrap().remove(0);
    assert_eq!(refused.unwrap_err().pointer, "/event-data/event");
}

#[test]
fn what_is_no_delivery_has_its_code() {
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    for recipe in [Recipe::Postmark, Recipe::Sendgrid, Recipe::Mailgun] {
        for (text, reasons) in [
            ("", vec![Reason::InvalidJson, Reason::WrongType]),
            ("{", vec![Reason::InvalidJson, Reason::WrongType]),
            ("7", vec![Reason::NotAnObject, Reason::WrongType]),
            (deep.as_str(), vec![Reason::JsonTooDeep]),
        ] {
            let reject = match items(recipe, text) {
                Ok(mut told) => told.remove(0).unwrap_err(),
                Err(reject) => reject,
            };
            assert!(reasons.contains(&reject.reason), "{recipe:?} {text}: {reject:?}");
        }
    }
    let large = format!(r#"{{"RecordType":"Open","pad":"{}"}}"#, "x".repeat(1024 * 1024));
    assert_eq!(items(Recipe::Postmark, &large).unwrap_err().reason, Reason::EventTooLarge);
    let unknown = items(Recipe::Postmark, r#"{"RecordType":"New"}"#).unwrap().remove(0).unwrap_err();
    assert_eq!((unknown.reason, unknown.pointer.as_ref()), (Reason::UnknownType, "/RecordType"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        for recipe in [Recipe::Postmark, Recipe::Sendgrid, Recipe::Mailgun] {
            let _ = items(recipe, &text);
        }
    }

    #[test]
    fn any_values_of_known_fields_are_read_or_refused(values in proptest::collection::vec(prop_oneof![
        Just("null".to_owned()), Just("7".to_owned()), Just("true".to_owned()), Just("[1,{}]".to_owned()),
        Just("{\"a\":{\"b\":1}}".to_owned()), Just("\"\\u0000\"".to_owned()), Just("\"a@b.test\"".to_owned()),
        Just("\"bounce\"".to_owned()), Just("\"Bounce\"".to_owned()), Just("\"failed\"".to_owned()), Just("1e300".to_owned())], 12)) {
        let names = ["RecordType", "FromFull", "Recipient", "event", "email", "timestamp", "reason", "Headers", "TextBody",
            "recipient", "Attachments", "Type"];
        let fields: Vec<String> = names.iter().zip(&values).map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let object = format!("{{{}}}", fields.join(","));
        let _ = items(Recipe::Postmark, &object);
        let _ = items(Recipe::Sendgrid, &format!("[{object}]"));
        let _ = items(Recipe::Mailgun, &format!("{{\"event-data\":{object}}}"));
    }
}
