//! Mails of people and of machines: whose they are, what they are, and that hostile ones cost little.

use jiff::Timestamp;
use proptest::prelude::*;

use super::super::engagement::Engagement;
use super::super::kind::Kind;
use super::super::reject::{Reason, Reject};
use super::super::rules::SourceRules;
use super::super::time;
use super::{MailboxRules, engagement};

fn now() -> Timestamp {
    time::parse("2026-11-23T12:00:00Z").unwrap()
}

fn read(raw: &str) -> Result<Engagement<'static>, Reject> {
    read_bytes(raw.replace('\n', "\r\n").as_bytes())
}

fn read_bytes(raw: &[u8]) -> Result<Engagement<'static>, Reject> {
    let mailbox = MailboxRules {
        name: "sales".into(),
        kind: Kind::EmailIn,
        our_message_ids: vec!["mail.acme.test".into()],
        reply_domains: vec!["reply.acme.test".into()],
    };
    engagement(raw, &mailbox, &SourceRules::new("web"), now())
}

const HEAD: &str = "From: Ada L <Ada@Example.TEST>\nTo: sales@acme.test\nDate: Mon, 23 Nov 2026 11:00:00 +0000\nMessage-ID: <m1@example.test>\n";

#[test]
fn a_mail_of_a_person() {
    let event =
        read(&format!("{HEAD}Subject: =?utf-8?Q?Angebot_f=C3=BCr_40?=\n\nWe need 40 seats.\n\n-- \nAda\n")).unwrap();
    assert_eq!((event.kind, event.bot_reason, event.text.as_ref()), (Kind::EmailIn, "", "We need 40 seats."));
    assert_eq!((event.identifiers.email.as_str(), event.origin.as_ref()), ("ada@example.test", "example.test"));
    assert_eq!(event.traits, [("name".into(), "Ada L".into())]);
    assert_eq!(event.times.occurred_at, time::parse("2026-11-23T11:00:00Z").unwrap());
    assert_ne!(event.times.week, time::UNDATED);
    let facts = event.mail.unwrap();
    assert_eq!((facts.subject.as_str(), facts.message_id.as_str()), ("Angebot für 40", "m1@example.test"));
    assert_eq!(facts.to, ["sales@acme.test"]);
}

#[test]
fn an_answer_is_one_only_to_a_mail_of_ours() {
    let of = |more: &str| read(&format!("{HEAD}Subject: Re: x\n{more}\nYes.\n")).unwrap();
    let reply = of("In-Reply-To: <abc@mail.acme.test>\nReferences: <zero@other.test> <abc@mail.acme.test>\n");
    assert_eq!(reply.kind, Kind::EmailReplied);
    let facts = reply.mail.unwrap();
    assert_eq!((facts.in_reply_to.as_str(), facts.references.len()), ("abc@mail.acme.test", 2));
    assert_eq!(of("In-Reply-To: <abc@other.test>\n").kind, Kind::EmailIn);
    // A machine's answer to ours is no reply.
    let auto = of("In-Reply-To: <abc@mail.acme.test>\nAuto-Submitted: auto-replied (vacation)\n");
    assert_eq!((auto.kind, auto.bot_reason), (Kind::EmailIn, "auto_reply"));
}

#[test]
fn machines_are_marked_by_what_they_say() {
    let table = [
        ("Auto-Submitted: no\n", ""),
        ("Auto-Submitted: Auto-Generated\n", "auto_reply"),
        ("X-Autoreply: yes\n", "auto_reply"),
        ("X-Autorespond: vacation\n", "auto_reply"),
        ("Precedence: auto_reply\n", "auto_reply"),
        ("Precedence: bulk\n", "bulk"),
        ("List-Unsubscribe: <https://news.test/u>\n", "bulk"),
        ("List-Id: News <news.example.test>\n", "bulk"),
        ("Subject: Automatische Antwort: Angebot\n", "auto_reply"),
        ("Subject: Out of Office\n", "auto_reply"),
        ("Subject: Automatic gates, please quote\n", ""),
        ("X-Auto-Response-Suppress: All\n", "auto_reply"),
        ("X-MS-Exchange-Inbox-Rules-Loop: ada@example.test\n", "auto_reply"),
        ("Return-Path: <>\nPrecedence: bulk\n", "auto_reply"),
        ("Return-Path: <ada@example.test>\n", ""),
        ("Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n", "auto_reply"),
    ];
    for (more, expected) in table {
        let event = read(&format!("{HEAD}{more}\nText\n")).unwrap();
        assert_eq!((event.bot_reason, event.kind), (expected, Kind::EmailIn), "{more}");
    }
}

fn dsn(fields: &str, original: &str) -> String {
    format!(
        "From: Mail Delivery System <MAILER-DAEMON@mx.test>\nTo: bounces@acme.test\nDate: Mon, 23 Nov 2026 11:00:00 +0000\nMessage-ID: <dsn1@mx.test>\nSubject: Undelivered Mail\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status;\n boundary=\"b\"\n\n--b\nContent-Type: text/plain\n\nSorry.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.test\n\n{fields}\n--b\nContent-Type: message/rfc822\n\n{original}\n--b--\n"
    )
}

const OURS: &str =
    "From: sales@acme.test\nTo: Bob <bob@customer.test>\nMessage-ID: <abc@mail.acme.test>\nSubject: Hi\n\nHello";

#[test]
fn a_bounce_belongs_to_the_one_who_did_not_get_the_mail() {
    let raw = dsn(
        "Original-Recipient: rfc822;Bob@Customer.test\nFinal-Recipient: rfc822; bob.b@intern.customer.test\nAction: failed\nStatus: 5.1.1\n",
        OURS,
    );
    let event = read(&raw).unwrap();
    assert_eq!((event.kind, event.bot_reason), (Kind::EmailBounced, "bounce"));
    assert_eq!((event.identifiers.email.as_str(), event.text.as_ref()), ("bob@customer.test", ""));
    let facts = event.mail.unwrap();
    assert_eq!((facts.original_recipient.as_str(), facts.status_code.as_str()), ("bob@customer.test", "5.1.1"));
    assert_eq!(facts.in_reply_to, "abc@mail.acme.test");

    let delayed =
        read(&dsn("Final-Recipient: rfc822; bob@customer.test\nAction: delayed\nStatus: 4.4.1\n", OURS)).unwrap();
    assert_eq!((delayed.kind, delayed.name.as_ref(), delayed.bot_reason), (Kind::Custom, "email_delayed", "bounce"));
    let delivered =
        read(&dsn("Final-Recipient: rfc822; bob@customer.test\nAction: delivered\nStatus: 2.0.0\n", OURS)).unwrap();
    assert_eq!((delivered.kind, delivered.bot_reason), (Kind::EmailDelivered, "delivery_report"));
    // The report names nobody, the mail that came along does.
    assert_eq!(read(&dsn("Action: failed\n", OURS)).unwrap().identifiers.email, "bob@customer.test");
    let nobody = read(&dsn("Action: failed\n", "Subject: Hi\n\nHello")).unwrap_err();
    assert_eq!((nobody.reason, nobody.pointer.as_ref()), (Reason::UnknownRecipient, "Original-Recipient"));
}

#[test]
fn a_complaint_belongs_to_the_one_who_complained() {
    let arf = |fields: &str| {
        format!(
            "From: feedback@isp.test\nTo: abuse@acme.test\nDate: Mon, 23 Nov 2026 11:00:00 +0000\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\nContent-Type: text/plain\n\nA complaint.\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: {fields}\n--b\nContent-Type: message/rfc822\n\n{OURS}\n--b--\n"
        )
    };
    let event = read(&arf("abuse\nUser-Agent: x\nOriginal-Rcpt-To: <eve@isp.test>\n")).unwrap();
    assert_eq!(
        (event.kind, event.bot_reason, event.identifiers.email.as_str()),
        (Kind::EmailComplained, "complaint", "eve@isp.test")
    );
    let event = read(&arf("abuse\n")).unwrap();
    assert_eq!(event.identifiers.email, "bob@customer.test");
    let taken_back = read(&arf("not-spam\n")).unwrap();
    assert_eq!(taken_back.kind, Kind::EmailIn);
}

#[test]
fn bounces_of_old_programs_are_known_too() {
    let exim = "From: Mail Delivery System <Mailer-Daemon@mx.test>\nX-Failed-Recipients: bob@customer.test\nSubject: Mail delivery failed\n\n550 5.1.1 no such user\n";
    let event = read(exim).unwrap();
    assert_eq!((event.kind, event.identifiers.email.as_str()), (Kind::EmailBounced, "bob@customer.test"));
    assert_eq!(event.mail.unwrap().status_code, "5.1.1");
    let qmail = "Return-Path: <>\nFrom: MAILER-DAEMON@mx.test\nSubject: failure notice\n\nHi. This is the qmail-send program at mx.test.\n\n<bob@customer.test>:\nuser unknown (#5.1.1)\n";
    assert_eq!(read(qmail).unwrap().identifiers.email, "bob@customer.test");
    let mute = read("From: postmaster@mx.test\nSubject: Undeliverable\n\nSome mail failed.\n").unwrap_err();
    assert_eq!(mute.reason, Reason::UnknownRecipient);
}

#[test]
fn text_is_found_in_every_wrapping_and_attachments_are_only_named() {
    let raw = format!(
        "{HEAD}Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=out\n\n--out\nContent-Type: multipart/alternative; boundary=in\n\n--in\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n--in\nContent-Type: text/html\n\n<p>Gr&uuml;&szlig;e</p>\n--in--\n--out\nContent-Type: application/pdf; name=\"plan.pdf\"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"plan.pdf\"\n\nSGVsbG8h\n--out--\n"
    );
    let event = read(&raw).unwrap();
    assert_eq!(event.text, "Grüße");
    let facts = event.mail.unwrap();
    assert_eq!(facts.attachments.len(), 1);
    let file = &facts.attachments[0];
    assert_eq!((file.name.as_str(), file.media_type.as_str(), file.size), ("plan.pdf", "application/pdf", 6));
    let html = read(&format!(
        "{HEAD}Content-Type: text/html\nMIME-Version: 1.0\n\n<html><body><p>Hello <b>there</b></p></body></html>\n"
    ))
    .unwrap();
    assert_eq!(html.text.trim(), "Hello there");
}

#[test]
fn what_is_wrong_has_its_code() {
    let of = |raw: &str| read(raw).unwrap_err().reason;
    assert_eq!(of(""), Reason::InvalidMime);
    assert_eq!(of("\nonly a body\n"), Reason::InvalidMime);
    assert_eq!(of("Subject: x\n\nno sender\n"), Reason::MissingIdentifier);
    assert_eq!(of("From: nobody\n\nno address\n"), Reason::MissingIdentifier);
}

#[test]
fn a_wrong_date_is_not_believed() {
    let head = "From: ada@example.test\nMessage-ID: <m@example.test>\n";
    for date in [
        "Mon, 23 Nov 2099 11:00:00 +0000",
        "Mon, 1 Jan 1990 00:00:00 +0000",
        "no date",
        "Mon, 99 Foo 2026 99:99:99 +9999",
    ] {
        let event = read(&format!("{head}Date: {date}\n\nText\n")).unwrap();
        assert_eq!((event.times.occurred_at, event.times.week), (now(), time::UNDATED), "{date}");
    }
}

#[test]
fn depth_parts_and_headers_are_limited_before_anything_is_built() {
    let complex = |raw: &[u8]| read_bytes(raw).unwrap_err().reason == Reason::MimeTooComplex;
    let head = HEAD.replace('\n', "\r\n");
    let mut deep = head.clone();
    for level in 0..40 {
        deep.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"));
    }
    assert!(complex(deep.as_bytes()));
    let many = format!("{head}Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", "--b\r\n\r\nx\r\n".repeat(501));
    assert!(complex(many.as_bytes()));
    let headers = format!("{head}{}\r\ntext", "X-A: b\r\n".repeat(40_000));
    assert!(complex(headers.as_bytes()));
    // Mails inside mails without end: one leaf, no recursion.
    let nested = format!("{head}{}", "Content-Type: message/rfc822\r\n\r\n".repeat(100_000));
    let event = read_bytes(nested.as_bytes()).unwrap();
    assert_eq!(event.mail.unwrap().attachments[0].media_type, "message/rfc822");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_and_never_twice_differently(raw in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert_eq!(read_bytes(&raw), read_bytes(&raw));
    }

    #[test]
    fn any_lines_in_a_mail_are_read_or_refused(lines in proptest::collection::vec(prop_oneof![
        Just("--b".to_owned()), Just("--b--".to_owned()), Just(String::new()), Just("> quoted".to_owned()),
        Just("Content-Type: message/rfc822".to_owned()), Just("Content-Type: multipart/mixed; boundary=b".to_owned()),
        Just("Content-Type: message/delivery-status".to_owned()), Just("Content-Transfer-Encoding: base64".to_owned()),
        Just("Action: failed".to_owned()), "\\PC{0,40}"], 0..40)) {
        let raw = format!("{HEAD}Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n{}", lines.join("\n"));
        if let Ok(event) = read(&raw) {
            prop_assert!(!event.identifiers.email.contains("mailer-daemon"));
            prop_assert!(!event.text.contains('\0'));
        }
    }
}
