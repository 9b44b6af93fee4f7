//! Mails that came in through a provider, raw or taken apart: one reading, whoever brings them.

use proptest::prelude::*;
use serde_json::json;

use super::super::engagement::Engagement;
use super::super::kind::Kind;
use super::super::mail;
use super::super::reject::Reason;
use super::super::rules::SourceRules;
use super::tests::{hook, items, mailbox, now, property};
use super::{HookRules, Part, Recipe, Told, read_form, read_json};

fn letter(raw: &[u8]) -> Engagement<'static> {
    mail::engagement(raw, &mailbox(), &SourceRules::new("web"), now()).unwrap()
}

const REPLY: &str = "Yes, call me.\r\n\r\nOn Monday, Sales <sales@acme.test> wrote:\r\n> Shall we?\r\n";

const TO: &str = "reply+tok.1@reply.acme.test";

fn raw_reply() -> String {
    format!(
        "From: Ada <Ada@Example.test>\r\nTo: sales@acme.test\r\nMessage-ID: <r1@example.test>\r\nIn-Reply-To: <m1@mail.acme.test>\r\nSubject: Re: Hi\r\n\r\n{REPLY}"
    )
}

fn headers() -> Vec<[&'static str; 2]> {
    vec![
        ["From", "Ada <Ada@Example.test>"],
        ["To", "sales@acme.test"],
        ["Message-Id", "<r1@example.test>"],
        ["In-Reply-To", "<m1@mail.acme.test>"],
        ["Subject", "Re: Hi"],
        ["Content-Type", "text/plain"],
    ]
}

/// Taken apart, and whole.
fn from_postmark() -> [Vec<u8>; 2] {
    let named: Vec<_> = headers().iter().map(|[name, value]| json!({"Name": name, "Value": value})).collect();
    let apart = json!({
        "FromFull": {"Email": "Ada@Example.test"}, "From": "Ada <Ada@Example.test>", "To": "sales@acme.test", "MessageID": "22c7",
        "OriginalRecipient": TO, "TextBody": REPLY, "HtmlBody": "<p>Yes</p>", "Headers": named,
        "Attachments": [{"Name": "plan.pdf", "Content": "SGVsbG8h", "ContentType": "application/pdf", "ContentLength": 6}],
    });
    let whole = json!({"FromFull": {}, "OriginalRecipient": TO, "RawEmail": raw_reply()});
    [apart, whole].map(|json| match items(Recipe::Postmark, &json.to_string()).unwrap().remove(0).unwrap() {
        Told::Mail(raw) => raw,
        other => panic!("{other:?}"),
    })
}

/// Whole and taken apart, of each.
fn from_forms() -> [Vec<u8>; 4] {
    let part = |name: &str, value: &str| Part { name: name.into(), bytes: value.to_owned().into(), ..Part::default() };
    let raw = raw_reply();
    let envelope = part("envelope", &json!({"to": [TO], "from": "ada@example.test"}).to_string());
    let block = part("headers", raw.split("\r\n\r\n").next().unwrap());
    let pairs = part("message-headers", &json!(headers()).to_string());
    let forms = [
        (Recipe::Sendgrid, vec![envelope.clone(), part("email", &raw)]),
        (Recipe::Sendgrid, vec![envelope, block, part("text", REPLY), part("charsets", r#"{"text":"UTF-8"}"#)]),
        (Recipe::Mailgun, vec![part("recipient", TO), part("body-mime", &raw)]),
        (Recipe::Mailgun, vec![part("recipient", TO), pairs, part("body-plain", REPLY)]),
    ];
    forms.map(|(recipe, parts)| read_form(&parts, &hook(recipe)).unwrap())
}

#[test]
fn a_reply_is_one_through_every_provider_raw_or_taken_apart() {
    let first = letter(&from_postmark()[0]);
    for raw in from_postmark().iter().chain(&from_forms()) {
        let (event, shown) = (letter(raw), String::from_utf8_lossy(raw));
        let said = (event.kind, event.text.as_ref(), event.bot_reason);
        assert_eq!(said, (Kind::EmailReplied, "Yes, call me.", ""), "{shown}");
        let who = (event.identifiers.email.as_str(), property(&event, "reply_token"));
        assert_eq!(who, ("ada@example.test", "tok.1"), "{shown}");
        assert_eq!(event.mail.as_ref().unwrap().in_reply_to, "m1@mail.acme.test");
        assert_eq!(event.event_id, first.event_id);
    }
    let file = &first.mail.unwrap().attachments[0];
    assert_eq!((file.name.as_str(), file.media_type.as_str(), file.size), ("plan.pdf", "application/pdf", 6));
}

#[test]
fn a_bounce_that_came_as_inbound_mail_is_one() {
    let status =
        "Reporting-MTA: dns; mx.test\n\nFinal-Recipient: rfc822; bob@customer.test\nAction: failed\nStatus: 5.1.1\n";
    let original = "From: sales@acme.test\nTo: bob@customer.test\nMessage-ID: <m1@mail.acme.test>\n\nHello";
    let file = |name: &str, kind: &str, text: &str| Part {
        name: name.into(),
        file: Some(name.into()),
        media_type: kind.into(),
        bytes: text.to_owned().into(),
    };
    let headers = "From: MAILER-DAEMON@mx.test\nTo: bounces@acme.test\nContent-Type: multipart/report;\n report-type=delivery-status; boundary=x\n";
    let parts = [
        Part { name: "headers".into(), bytes: headers.into(), ..Part::default() },
        Part { name: "text".into(), bytes: "Sorry.".into(), ..Part::default() },
        file("attachment1", "message/delivery-status", status),
        file("attachment2", "message/rfc822", original),
    ];
    let event = letter(&read_form(&parts, &hook(Recipe::Sendgrid)).unwrap());
    assert_eq!((event.kind, event.identifiers.email.as_str()), (Kind::EmailBounced, "bob@customer.test"));
    assert_eq!(
        (property(&event, "bounce_class"), event.mail.as_ref().unwrap().in_reply_to.as_str()),
        ("hard", "m1@mail.acme.test")
    );
}

#[test]
fn charsets_of_a_form_are_believed_and_headers_cannot_be_injected() {
    let part = |name: &str, bytes: &'static [u8]| Part { name: name.into(), bytes: bytes.into(), ..Part::default() };
    let parts = [
        part("headers", b"From: a@b.test\nSubject: x\n"),
        part("text", b"Gr\xfc\xdfe \x80"),
        part("charsets", br#"{"text":"windows-1252"}"#),
    ];
    assert_eq!(letter(&read_form(&parts, &hook(Recipe::Sendgrid)).unwrap()).text, "Grüße €");
    let json = json!({"FromFull": {"Email": "a@b.test"}, "Subject": "x\r\nIn-Reply-To: <m1@mail.acme.test>", "TextBody": "Hi\r\n--=_leadflow_--\r\nthere"});
    let Told::Mail(raw) = items(Recipe::Postmark, &json.to_string()).unwrap().remove(0).unwrap() else { panic!() };
    let event = letter(&raw);
    assert_eq!((event.kind, event.text.as_ref()), (Kind::EmailIn, "Hi\n--=_leadflow_--\nthere"));
}

#[test]
fn a_hook_without_a_mailbox_takes_no_mail() {
    let hook = HookRules { mailbox: None, ..hook(Recipe::Postmark) };
    let told = read_json(r#"{"FromFull":{"Email":"a@b.test"}}"#, &hook, &SourceRules::new("web"), now())
        .unwrap()
        .remove(0)
        .told;
    assert_eq!(told.unwrap_err().reason, Reason::NoMailbox);
    let hook = HookRules { recipe: Recipe::Sendgrid, ..hook };
    let parts = [Part { name: "email".into(), bytes: "From: a@b.test\n\n".into(), ..Part::default() }];
    assert_eq!(read_form(&parts, &hook).unwrap_err().reason, Reason::NoMailbox);
    assert_eq!(read_form(&[], &hook).unwrap_err().reason, Reason::MissingField);
}

proptest! {
    #[test]
    fn any_bytes_in_a_form_are_read_or_refused(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 8)) {
        let names = ["headers", "text", "html", "charsets", "envelope", "message-headers", "body-plain", "recipient"];
        let mut parts: Vec<Part> = names.iter().zip(values).map(|(name, bytes)| {
            Part { name: (*name).into(), bytes: bytes.into(), ..Part::default() }
        }).collect();
        parts.push(Part { name: "a".into(), file: Some("x\"\r\n.pdf".into()), media_type: "a/b; c=\r\n".into(), bytes: "x".into() });
        for recipe in [Recipe::Sendgrid, Recipe::Mailgun] {
            if let Ok(raw) = read_form(&parts, &hook(recipe)) {
                let _ = mail::engagement(&raw, &mailbox(), &SourceRules::new("web"), now());
            }
        }
    }
}
