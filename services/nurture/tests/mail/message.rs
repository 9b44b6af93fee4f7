//! The message: read again by a parser that is not ours, and refused where a value would write headers of its own.

use jiff::Timestamp;
use leadflow_nurture::mail::{ComposeError, Composed, MailKind, Mailbox, Outgoing, Unsubscribe, compose};
use mail_parser::{HeaderValue, Message, MessageParser, MimeHeaders as _};
use proptest::prelude::*;
use uuid::Uuid;

use crate::support::{context, template, welcome};

fn mailbox(name: &str, email: &str) -> Mailbox {
    Mailbox { name: Some(name.to_owned()).filter(|name| !name.is_empty()), email: email.to_owned() }
}

fn mail() -> Outgoing {
    Outgoing {
        message_id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001),
        message_id_domain: "example.com".to_owned(),
        from: mailbox("Example", "hello@example.com"),
        envelope_from: None,
        reply_to: None,
        to: mailbox("Jane Doe", "jane.doe@example.com"),
        subject: "Hello".to_owned(),
        html: "<p>Hello</p>".to_owned(),
        text: "Hello\n".to_owned(),
        kind: MailKind::Marketing,
        unsubscribe: Some(Unsubscribe {
            one_click: format!("https://mail.example.com/u/{}", "x".repeat(46)),
            mailto: Some("mailto:unsubscribe+abc@example.com?subject=unsubscribe".to_owned()),
        }),
        feedback_id: Some("warm-up:3:example".to_owned()),
        date: "2026-08-01T10:00:00Z".parse().expect("a time"),
    }
}

fn parse(composed: &Composed) -> Message<'_> {
    MessageParser::default().parse(&composed.bytes).expect("a message")
}

fn raw_header<'a>(composed: &'a Composed, name: &str) -> Vec<&'a str> {
    let text = std::str::from_utf8(&composed.bytes).expect("ASCII");
    let head = &text[..text.find("\r\n\r\n").expect("an end of the headers")];
    head.split("\r\n").filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

#[test]
fn a_marketing_mail_is_read_as_it_was_meant() {
    let rendered = template(&welcome()).render(&context(), MailKind::Marketing).unwrap();
    let mail =
        Outgoing { html: rendered.html.clone(), text: rendered.text.clone(), subject: rendered.subject, ..mail() };
    let composed = compose(&mail).unwrap();
    let message = parse(&composed);
    assert_eq!(message.message_id(), Some("01900000-0000-7000-8000-000000000001@example.com"));
    assert_eq!(composed.message_id_header, "<01900000-0000-7000-8000-000000000001@example.com>");
    assert_eq!(message.subject(), Some("Welcome, Jane"));
    assert_eq!(message.date().unwrap().to_rfc3339(), "2026-08-01T10:00:00Z");
    assert_eq!(message.from().unwrap().first().unwrap().address(), Some("hello@example.com"));
    assert_eq!(message.from().unwrap().first().unwrap().name(), Some("Example"));
    assert_eq!(message.to().unwrap().first().unwrap().name(), Some("Jane Doe"));
    assert_eq!(message.body_html(0).unwrap().replace("\r\n", "\n"), rendered.html);
    assert_eq!(message.body_text(0).unwrap().replace("\r\n", "\n").trim_end(), rendered.text.trim_end());
    let content_type = message.content_type().unwrap();
    assert_eq!((content_type.ctype(), content_type.subtype()), ("multipart", Some("alternative")));
    assert_eq!(message.parts.len(), 3);
    assert_eq!(
        (composed.envelope_from.as_str(), composed.envelope_to.as_str()),
        ("hello@example.com", "jane.doe@example.com")
    );
}

#[test]
fn mail_programs_unsubscribe_with_one_click_from_marketing_only() {
    let composed = compose(&mail()).unwrap();
    let url = format!("<https://mail.example.com/u/{}>,", "x".repeat(46));
    let text = String::from_utf8(composed.bytes.clone()).unwrap();
    assert!(
        text.contains(&format!(
            "List-Unsubscribe: {url}\r\n <mailto:unsubscribe+abc@example.com?subject=unsubscribe>\r\n"
        )),
        "{text}"
    );
    assert_eq!(raw_header(&composed, "List-Unsubscribe-Post"), ["List-Unsubscribe=One-Click"]);
    assert_eq!(raw_header(&composed, "Auto-Submitted"), ["auto-generated"]);
    assert_eq!(raw_header(&composed, "Feedback-ID"), ["warm-up:3:example"]);
    let HeaderValue::Address(list) = parse(&composed).list_unsubscribe().clone() else { panic!("no addresses") };
    let found: Vec<&str> = list.iter().filter_map(|address| address.address()).collect();
    assert_eq!(found, [&url[1..url.len() - 2], "mailto:unsubscribe+abc@example.com?subject=unsubscribe"]);

    let answer =
        compose(&Outgoing { kind: MailKind::Transactional, unsubscribe: None, feedback_id: None, ..mail() }).unwrap();
    for name in ["List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID", "Precedence"] {
        assert!(raw_header(&answer, name).is_empty(), "{name}");
    }
    assert_eq!(compose(&Outgoing { unsubscribe: None, ..mail() }), Err(ComposeError::MissingUnsubscribe));
    let kind = MailKind::Transactional;
    assert_eq!(compose(&Outgoing { kind, ..mail() }), Err(ComposeError::UnexpectedUnsubscribe));
    for one_click in [
        "http://mail.example.com/u",
        "https://a.example/>,<https://evil.example/",
        "mailto:x@a.example",
        "",
        "https://a b",
    ] {
        let unsubscribe = Some(Unsubscribe { one_click: one_click.to_owned(), mailto: None });
        let field = "unsubscribe.one_click";
        assert_eq!(compose(&Outgoing { unsubscribe, ..mail() }), Err(ComposeError::Link { field }), "{one_click}");
    }
}

#[test]
fn the_same_mail_gives_the_same_bytes() {
    let first = compose(&mail()).unwrap();
    assert_eq!(compose(&mail()).unwrap(), first);
    assert!(String::from_utf8_lossy(&first.bytes).contains("boundary=\"=_leadflow_01900000000070008000000000000001\""));
}

#[test]
fn no_value_writes_a_header() {
    let breaks = ["a\r\nBcc: x@evil.example", "a\nX: y", "a\rX: y", "a\0b", "a\u{b}b", "a\u{85}b"];
    for value in breaks {
        let name = || Some(value.to_owned());
        let table = [
            ("subject", Outgoing { subject: value.to_owned(), ..mail() }),
            ("from", Outgoing { from: Mailbox { name: name(), ..mail().from }, ..mail() }),
            ("to", Outgoing { to: Mailbox { name: name(), ..mail().to }, ..mail() }),
            ("reply_to", Outgoing { reply_to: Some(Mailbox { name: name(), ..mail().to }), ..mail() }),
            ("feedback_id", Outgoing { feedback_id: name(), ..mail() }),
        ];
        for (field, mail) in table {
            assert_eq!(compose(&mail), Err(ComposeError::ControlCharacter { field }), "{value:?}");
        }
        for email in [format!("{value}@example.com"), format!("jane@{value}"), format!("\"{value}\"@example.com")] {
            let outgoing = Outgoing { to: mailbox("", &email), ..mail() };
            assert!(compose(&outgoing).is_err(), "{email:?}");
        }
        assert!(compose(&Outgoing { message_id_domain: value.to_owned(), ..mail() }).is_err());
    }
}

#[test]
fn addresses_are_international_as_far_as_relays_are() {
    let to = |email: &str| compose(&Outgoing { to: mailbox("Jörg Müller", email), ..mail() });
    let composed = to("joerg@müller.example").unwrap();
    assert_eq!(composed.envelope_to, "joerg@xn--mller-kva.example");
    assert!(composed.bytes.is_ascii());
    let first = parse(&composed).to().unwrap().first().unwrap().clone();
    assert_eq!((first.name(), first.address()), (Some("Jörg Müller"), Some("joerg@xn--mller-kva.example")));
    assert_eq!(to("jörg@example.com"), Err(ComposeError::NonAsciiLocalPart { field: "to" }));
    for email in [
        "",
        "jane",
        "@example.com",
        "jane@",
        "jane@@example.com",
        "a b@example.com",
        "jane@exa mple.com",
        "<jane@example.com>",
        "jane@example.com>",
        "jane,joe@example.com",
        "jane@[1.2.3.4]",
    ] {
        assert_eq!(to(email), Err(ComposeError::Address { field: "to" }), "{email}");
    }
    for email in ["o'brien+x/y=z@example.com", "a.b-c_d@sub.example.co.uk"] {
        assert_eq!(to(email).unwrap().envelope_to, email);
    }
    let bounce = Outgoing { envelope_from: Some("bounce+x@example.com".to_owned()), ..mail() };
    assert_eq!(compose(&bounce).unwrap().envelope_from, "bounce+x@example.com");
}

#[test]
fn what_is_missing_or_too_long_is_told() {
    assert_eq!(compose(&Outgoing { text: "\n ".to_owned(), ..mail() }), Err(ComposeError::Empty { field: "text" }));
    assert_eq!(compose(&Outgoing { html: String::new(), ..mail() }), Err(ComposeError::Empty { field: "html" }));
    assert_eq!(compose(&Outgoing { subject: " ".to_owned(), ..mail() }), Err(ComposeError::Empty { field: "subject" }));
    assert_eq!(
        compose(&Outgoing { subject: "x".repeat(901), ..mail() }),
        Err(ComposeError::TooLong { field: "subject" })
    );
    assert!(compose(&Outgoing { subject: "x".repeat(900), ..mail() }).is_ok());
    let date = Timestamp::from_second(-1).unwrap();
    assert_eq!(compose(&Outgoing { date, ..mail() }), Err(ComposeError::Date));
}

#[test]
fn bodies_cannot_end_early_or_smuggle() {
    let boundary = "--=_leadflow_01900000000070008000000000000001--";
    let text = format!("a\r\n.\r\nb\n.\n{boundary}\nFrom x\nbare\rreturn\0 {}\n \t\nend", "y".repeat(2_000));
    let composed =
        compose(&Outgoing {
            text: text.clone(), html: format!("<p>{boundary}\n日本語日本語日本語</p>"), ..mail()
        })
        .unwrap();
    let message = parse(&composed);
    let expected = text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "");
    assert_eq!(message.body_text(0).unwrap().replace("\r\n", "\n"), expected);
    assert_eq!(message.parts.len(), 3);
    assert!(message.body_html(0).unwrap().contains("日本語日本語日本語"));
    let bytes = String::from_utf8(composed.bytes.clone()).unwrap();
    assert_eq!(bytes.matches(boundary).count(), 1);
    assert!(bytes.ends_with(&format!("{boundary}\r\n")));
    assert!(!bytes.replace("\r\n", "").contains(['\r', '\n', '\0']));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_goes_in_comes_out(
        subject in "[^\\p{C}\\p{Z}]([^\\p{C}\\p{Z}]| ){0,150}",
        name in "[^\\p{C}\\p{Z}]([^\\p{C}\\p{Z}]| ){0,60}",
        text in "[^\\p{C}]([^\\p{C}]|\n){0,300}",
    ) {
        let squeeze = |text: &str| text.replace("=?", "= ?").split_whitespace().collect::<Vec<_>>().join(" ");
        let outgoing = Outgoing { subject: subject.clone(), to: mailbox(&name, "jane@example.com"), text: format!("x{text}"), ..mail() };
        let composed = compose(&outgoing).unwrap();
        prop_assert!(composed.bytes.is_ascii());
        prop_assert!(composed.bytes.split(|b| *b == b'\n').all(|line| line.len() <= 999));
        let message = parse(&composed);
        prop_assert_eq!(message.subject().map(squeeze), Some(squeeze(&subject)));
        prop_assert_eq!(message.to().unwrap().first().unwrap().name().map(squeeze), Some(squeeze(&name)));
        prop_assert_eq!(message.body_text(0).unwrap().replace("\r\n", "\n"), format!("x{text}"));
        prop_assert_eq!(message.headers().len(), 11);
    }
}
