//! Bounces, delays and complaints in the forms that mail systems give them, and mails of people that look like them.

use proptest::prelude::*;

use super::super::engagement::Engagement;
use super::super::kind::Kind;
use super::super::reject::{Reason, Reject};
use super::super::rules::SourceRules;
use super::super::time;
use super::{MailboxRules, engagement};

fn read(raw: &str) -> Result<Engagement<'static>, Reject> {
    let mailbox = MailboxRules {
        name: "sales".into(),
        kind: Kind::EmailIn,
        our_message_ids: vec!["mail.acme.test".into()],
        reply_domains: vec!["reply.acme.test".into()],
    };
    let now = time::parse("2026-11-23T12:00:00Z").unwrap();
    engagement(raw.replace('\n', "\r\n").as_bytes(), &mailbox, &SourceRules::new("web"), now)
}

fn bounce_class(event: &Engagement<'_>) -> String {
    event
        .properties
        .iter()
        .find(|(key, _)| key == "bounce_class")
        .map(|(_, value)| value.to_string())
        .unwrap_or_default()
}

const COPY: &str =
    "From: sales@acme.test\nTo: Bob <bob@customer.test>\nMessage-ID: <abc@mail.acme.test>\nSubject: Hi\n\nHello";

/// From, subject, text, class.
const WILD: [(&str, &str, &str, &str); 14] = [
    (
        "Mail Delivery System <Mailer-Daemon@mx.test>",
        "Mail delivery failed: returning message to sender",
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered.\nThis is a permanent error. The following address(es) failed:\n\n  bob@customer.test\n    SMTP error from remote mail server after RCPT TO:<bob@customer.test>:\n    550 5.1.1 User unknown\n\n------ This is a copy of the message, including all the headers. ------\n\n",
        "hard",
    ),
    (
        "MAILER-DAEMON@mx.test",
        "failure notice",
        "Hi. This is the qmail-send program at mx.test.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n<bob@customer.test>:\n192.0.2.1 does not like recipient.\nRemote host said: 552 mailbox full\n\n--- Below this line is a copy of the message.\n\n",
        "soft",
    ),
    (
        "System Administrator <postmaster@customer.test>",
        "Undeliverable: Hi",
        "Your message\n\n  To:      sales@acme.test\n  Subject: Hi\n\ndid not reach the following recipient(s):\n\nbob@customer.test on Mon, 23 Nov 2026 11:08:59 -0700\n    The recipient name is not recognized\n",
        "hard",
    ),
    (
        "MAILER-DAEMON@yahoo.test",
        "Delivery failure",
        "Message from yahoo.test.\nUnable to deliver message to the following address(es).\n\n<bob@customer.test>:\nThis user doesn't have an account (bob@customer.test)\n\n--- Original message follows.\n\n",
        "hard",
    ),
    (
        "Mail Delivery Subsystem <mailer-daemon@googlemail.test>",
        "Delivery Status Notification (Failure)",
        "Delivery to the following recipient failed permanently:\n\n     bob@customer.test\n\nTechnical details of permanent failure:\nGoogle tried to deliver your message, the error was: 550 550 No such user here (state 14).\n\n   ----- Original message -----\n\n",
        "hard",
    ),
    (
        "Postmaster@customer.test",
        "DELIVERY FAILURE: User bob (bob@customer.test) not listed in Domino Directory",
        "Your message\n\n  Subject: Hi\n\nwas not delivered to:\n\n  bob@customer.test\n\nbecause:\n\n  User bob (bob@customer.test) not listed in Domino Directory\n",
        "hard",
    ),
    (
        "\"Postmaster\" <postmaster@mail.test>",
        "Undeliverable Mail",
        "Unknown user: bob@customer.test\n\nRCPT TO generated following response:\n550 <bob@customer.test>... User unknown\n\n\nOriginal message follows.\n\n",
        "hard",
    ),
    (
        "Mailer-Daemon@groupwise.test",
        "Message status - undeliverable",
        "The message that you sent was undeliverable to the following:\n\tbob@customer.test (mailbox full)\n",
        "soft",
    ),
    (
        "MAILENABLE <postmaster@enable.test>",
        "Message Delivery Failure",
        "Message could not be delivered to some recipients.\nThe following recipient(s) could not be reached:\n\n\tRecipient: [SMTP:bob@customer.test]\n\tReason:    Remote SMTP Server Returned: 550 No such mailbox\n\n\nMessage headers follow:\n\n",
        "hard",
    ),
    (
        "MDaemon@mail.test",
        "Permanent Delivery Failure",
        "The following data may contain sections which represent BASE64 encoded file attachments.\n\n--> Error description:\nError-for:  bob@customer.test\nError-Code: 550\nError-Text: No such user\nError-End:\n",
        "hard",
    ),
    (
        "Mail Delivery Subsystem <MAILER-DAEMON@mx.test>",
        "Returned mail: User unknown",
        "The original message was received at Mon, 23 Nov 2026\n\n   ----- The following addresses had permanent fatal errors -----\n<bob@customer.test>\n\n   ----- Transcript of session follows -----\n550 <bob@customer.test>... User unknown\n",
        "hard",
    ),
    (
        "Mail Delivery System <MAILER-DAEMON@web.test>",
        "Ihre Nachricht konnte nicht zugestellt werden: Mail delivery failed",
        "Folgende Empfänger konnten nicht erreicht werden / Die Nachricht konnte nicht zugestellt werden:\n\nbob@customer.test: Postfach voll, try again later\n",
        "soft",
    ),
    (
        "bounce@mail.test",
        "Returned Mail - Error During Delivery",
        "------ Failed Recipients ------\n  <bob@customer.test>: Requested action not taken: mailbox name not allowed.\n-------- Returned Mail --------\n\n",
        "hard",
    ),
    (
        "<>",
        "Mail could not be delivered",
        "Your mail to bob@customer.test could not be delivered: 550 5.4.4 host unknown\n",
        "hard",
    ),
];

#[test]
fn mail_systems_are_understood_whatever_they_write() {
    for (from, subject, text, class) in WILD {
        for copy in ["", COPY] {
            let raw = format!("From: {from}\nTo: sales@acme.test\nSubject: {subject}\n\n{text}{copy}\n");
            let event = read(&raw).unwrap_or_else(|reject| panic!("{reject:?}\n{raw}"));
            assert_eq!((event.kind, event.bot_reason), (Kind::EmailBounced, "bounce"), "{raw}");
            assert_eq!(
                (event.identifiers.email.as_str(), bounce_class(&event).as_str()),
                ("bob@customer.test", class),
                "{raw}"
            );
            assert_eq!(event.text, "");
            let thread = event.mail.unwrap().in_reply_to;
            // A copy below no line that says so is not looked for.
            assert!(["", "abc@mail.acme.test"].contains(&thread.as_str()), "{raw}");
        }
    }
}

#[test]
fn a_delay_is_no_bounce() {
    let table = [
        (
            "Warning: message 1a delayed 24 hours",
            "The address to which the message has not yet been delivered is:\n\n  bob@customer.test\n\nNo action is required on your part. Delivery attempts will continue.\n",
        ),
        (
            "Delivery Status Notification (Delay)",
            "Delivery to the following recipient has been delayed:\n\n     bob@customer.test\n\nMessage will be retried for 2 more day(s)\n",
        ),
        (
            "Delayed Mail (still being retried)",
            "Your message could not be delivered for 4 hours. It will be retried until it is 5 days old.\n\n<bob@customer.test>: connect to mx: timed out\n",
        ),
    ];
    for (subject, text) in table {
        let event = read(&format!("From: MAILER-DAEMON@mx.test\nSubject: {subject}\n\n{text}")).unwrap();
        assert_eq!(
            (event.kind, event.name.as_ref(), event.bot_reason),
            (Kind::Custom, "email_delayed", "bounce"),
            "{subject}"
        );
        assert_eq!((event.identifiers.email.as_str(), bounce_class(&event).as_str()), ("bob@customer.test", ""));
    }
}

#[test]
fn people_who_write_about_bounces_bounce_nothing() {
    let table = [
        (
            "Ada <ada@example.test>",
            "Fwd: Undeliverable: Hi",
            "Your mail could not be delivered, see below.\n\nbob@customer.test\n",
        ),
        ("Ada <ada@example.test>", "Re: Delivery failure", "The parcel could not be delivered to bob@customer.test.\n"),
        (
            "Ada <ada@example.test>",
            "Delivery problems with our order",
            "The parcel could not be delivered. Please call.\n",
        ),
        ("Ada <ada@example.test>", "Delivery report wanted", "Please send one.\n"),
        (
            "Postal Service <postal@example.test>",
            "Your parcel",
            "It could not be delivered to ada@example.test, user unknown.\n",
        ),
        (
            "postmaster@example.test",
            "Question about your product",
            "Hello, I run our mail servers. How does your product work?\n",
        ),
    ];
    for (from, subject, text) in table {
        let event = read(&format!("From: {from}\nTo: sales@acme.test\nSubject: {subject}\n\n{text}")).unwrap();
        assert_eq!(event.kind, Kind::EmailIn, "{subject}");
    }
}

fn report(kind: &str, media: &str, fields: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.test\nTo: bounces@acme.test\nContent-Type: multipart/report; report-type={kind}; boundary=b\n\n--b\n\nSorry.\n--b\nContent-Type: {media}\n\n{fields}\n--b\nContent-Type: text/rfc822-headers\n\n{COPY}\n--b--\n"
    )
}

#[test]
fn a_status_belongs_to_the_one_we_wrote_to_and_tells_hard_from_soft() {
    let status = |fields: &str| {
        read(&report("delivery-status", "message/delivery-status", &format!("Reporting-MTA: dns; mx.test\n\n{fields}")))
            .unwrap()
    };
    let table = [
        ("Final-Recipient: rfc822; bob@behind.test\nAction: failed\nStatus: 5.1.1\n", "hard", "5.1.1"),
        ("Final-Recipient: rfc822; bob@behind.test\nAction: failed\nStatus: 4.4.7\n", "soft", "4.4.7"),
        ("Final-Recipient: rfc822; bob@behind.test\nAction: failed\nStatus: 5.2.2 (mailbox full)\n", "soft", "5.2.2"),
        (
            "Final-Recipient: rfc822; bob@behind.test\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 5.1.1 unknown\n",
            "hard",
            "5.1.1",
        ),
        (
            "Final-Recipient: rfc822; bob@behind.test\nAction: failed\nDiagnostic-Code: smtp; 452 try again later\n",
            "soft",
            "",
        ),
        (
            "Final-Recipient: rfc822; bob@behind.test\nAction: failed (user unknown)\nDiagnostic-Code: smtp; 550 unknown user\n",
            "hard",
            "",
        ),
    ];
    for (fields, class, code) in table {
        let event = status(fields);
        assert_eq!((event.kind, bounce_class(&event).as_str()), (Kind::EmailBounced, class), "{fields}");
        // Forwarded behind the address that we wrote to: nobody we know.
        assert_eq!(event.identifiers.email, "bob@customer.test", "{fields}");
        let facts = event.mail.unwrap();
        assert_eq!((facts.status_code.as_str(), facts.in_reply_to.as_str()), (code, "abc@mail.acme.test"), "{fields}");
    }
    let written = status(
        "Original-Recipient: rfc822; eve@customer.test\nFinal-Recipient: rfc822; x@y.test\nAction: failed\nStatus: 5.1.1\n",
    );
    assert_eq!(written.identifiers.email, "eve@customer.test");
    // A status without a group about anybody: what the text and the copy say counts.
    assert_eq!(status("").identifiers.email, "bob@customer.test");
}

#[test]
fn reports_that_are_no_complaint_are_none() {
    let feedback = |kind: &str| {
        read(&report("feedback-report", "message/feedback-report", &format!("Feedback-Type: {kind}\nUser-Agent: x\n")))
    };
    for (kind, expected) in [
        ("abuse", (Kind::EmailComplained, "complaint")),
        ("fraud", (Kind::EmailComplained, "complaint")),
        ("opt-out", (Kind::Unsubscribed, "")),
        ("auth-failure", (Kind::EmailIn, "auto_reply")),
        ("not-spam", (Kind::EmailIn, "auto_reply")),
    ] {
        let event = feedback(kind).unwrap();
        assert_eq!((event.kind, event.bot_reason), expected, "{kind}");
    }
}

#[test]
fn a_report_that_names_nobody_is_refused() {
    let raw = "From: MAILER-DAEMON@mx.test\nSubject: Undelivered Mail\n\nSome mail could not be delivered.\n";
    assert_eq!(read(raw).unwrap_err().reason, Reason::UnknownRecipient);
    // Ours is not the address that failed.
    let raw =
        "From: MAILER-DAEMON@mx.test\nSubject: Undelivered Mail\n\nMail from info@acme.test could not be delivered.\n";
    assert_eq!(read(raw).unwrap_err().reason, Reason::UnknownRecipient);
}

#[test]
fn a_signed_reply_address_makes_a_reply_and_a_machine_none() {
    let of = |more: &str| read(&format!("From: ada@example.test\nSubject: Re: Hi\n{more}\nYes.\n")).unwrap();
    let token = |event: &Engagement<'_>| {
        event.properties.iter().find(|(key, _)| key == "reply_token").map(|(_, value)| value.to_string())
    };
    for field in [
        "To: Sales <reply+tok1@reply.acme.test>\n",
        "To: x@y.test\nDelivered-To: reply+tok1@reply.acme.test\n",
        "X-Original-To: reply+tok1@Reply.acme.test\n",
    ] {
        let event = of(field);
        assert_eq!((event.kind, token(&event).as_deref()), (Kind::EmailReplied, Some("tok1")), "{field}");
    }
    let elsewhere = of("To: reply+tok1@other.test\n");
    assert_eq!((elsewhere.kind, token(&elsewhere)), (Kind::EmailIn, None));
    let machine = of("To: reply+tok1@reply.acme.test\nAuto-Submitted: auto-replied\n");
    assert_eq!(
        (machine.kind, machine.bot_reason, token(&machine).as_deref()),
        (Kind::EmailIn, "auto_reply", Some("tok1"))
    );
}

proptest! {
    #[test]
    fn any_words_of_a_mail_system_are_read_or_refused_and_ours_never_bounce(lines in proptest::collection::vec(prop_oneof![
        Just("The following addresses failed:".to_owned()), Just("<bob@customer.test>:".to_owned()), Just(String::new()),
        Just("info@acme.test".to_owned()), Just("  reply+t@reply.acme.test".to_owned()), Just("----- Original message -----".to_owned()),
        Just("To: x@mail.acme.test".to_owned()), Just("Message-ID: <abc@mail.acme.test>".to_owned()), Just("550 5.1.1".to_owned()),
        "\\PC{0,40}"], 0..20)) {
        let raw = format!("From: MAILER-DAEMON@mx.test\nTo: bounces@acme.test\nSubject: failure notice\n\n{}\n", lines.join("\n"));
        let event = read(&raw);
        prop_assert_eq!(&event, &read(&raw));
        if let Ok(event) = event {
            let email = event.identifiers.email;
            prop_assert!(email != "info@acme.test" && !email.ends_with("@reply.acme.test") && !email.starts_with("bounces@"), "{}", email);
        }
    }
}
