//! Mails over HTTP: what stands on the topic, and who may hand one over.

use leadflow_platform::topics::Topic;
use leadflow_proto::engagement::v1::EngagementKind;

use crate::door::{Door, PAGE, answer};

const MAIL: &str = "From: Ada <ada@example.test>\r\nTo: sales@acme.test\r\nSubject: Re: Offer\r\nMessage-ID: <m1@example.test>\r\nIn-Reply-To: <o1@mail.acme.test>\r\n\r\nYes, please call.\r\n\r\nOn Monday, Sales <sales@acme.test> wrote:\r\n> Shall we?\r\n";

async fn hand_over(door: &Door, key: &str, mailbox: &str, mail: impl Into<Vec<u8>>) -> (u16, serde_json::Value) {
    let request = door.client.post(format!("{}/v1/email/{mailbox}", door.url)).basic_auth(key, Some(""));
    answer(request.header("content-type", "message/rfc822").body(mail.into()).send().await.unwrap()).await
}

#[tokio::test]
async fn an_answer_to_our_mail_is_on_the_topic_without_the_quotation() {
    let door = Door::open().await;
    let (status, body) = hand_over(&door, &door.keys.server, "sales", MAIL).await;
    let (_, again) = hand_over(&door, &door.keys.server, "sales", MAIL).await;
    assert_eq!((status, &body["event_id"]), (200, &again["event_id"]));
    let event = door.events(Topic::Engagement, 2).await.remove(0);
    assert_eq!(body["event_id"], event.event_id);
    assert_eq!(
        (event.kind, event.email.as_str(), event.text.as_str()),
        (EngagementKind::EmailReplied as i32, "ada@example.test", "Yes, please call.")
    );
    assert_eq!(event.email_facts.unwrap().in_reply_to, "o1@mail.acme.test");
}

#[tokio::test]
async fn a_bounce_is_about_its_recipient_and_a_mute_one_is_kept() {
    let door = Door::open().await;
    let bounce = "From: MAILER-DAEMON@mx.test\r\nX-Failed-Recipients: bob@customer.test\r\nSubject: failed\r\n\r\n550 5.1.1 unknown\r\n";
    assert_eq!(hand_over(&door, &door.keys.server, "sales", bounce).await.0, 200);
    let event = door.events(Topic::Engagement, 1).await.remove(0);
    assert_eq!(
        (event.kind, event.email.as_str(), event.bot_reason.as_str()),
        (EngagementKind::EmailBounced as i32, "bob@customer.test", "bounce")
    );
    let mute = "From: MAILER-DAEMON@mx.test\r\nSubject: failed\r\n\r\nSome mail failed.\r\n";
    let (status, problem) = hand_over(&door, &door.keys.server, "sales", mute).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("UNKNOWN_RECIPIENT")));
    assert_eq!(door.rejected(1).await[0].door, "email.sales");
}

#[tokio::test]
async fn who_may_and_what_is_too_much() {
    let door = Door::open().await;
    let mail = |key: &str, mailbox: &str| (key.to_owned(), mailbox.to_owned());
    let table = [
        (mail(&door.keys.reader, "sales"), 403, "SCOPE_MISSING"),
        (mail(&door.keys.server, "app-only"), 403, "SOURCE_NOT_ALLOWED"),
        (mail(&door.keys.app, "app-only"), 200, ""),
        (mail(&door.keys.server, "none"), 404, "NOT_FOUND"),
        // Of a page, where no origin comes along.
        (mail(&door.keys.browser, "sales"), 403, "ORIGIN_NOT_ALLOWED"),
    ];
    for ((key, mailbox), status, code) in table {
        let (got, body) = hand_over(&door, &key, &mailbox, MAIL).await;
        assert_eq!((got, body["code"].as_str().unwrap_or_default()), (status, code), "{mailbox}: {body}");
    }
    let typed = door.post("/v1/email/sales").header("content-type", "text/plain").body(MAIL);
    assert_eq!(answer(typed.send().await.unwrap()).await.0, 415);
    let parts = format!(
        "{}Content-Type: multipart/mixed; boundary=b\r\n\r\n{}",
        &MAIL[..MAIL.find("\r\n\r\n").unwrap() + 2],
        "--b\r\n\r\nx\r\n".repeat(600)
    );
    let (status, problem) = hand_over(&door, &door.keys.server, "sales", parts).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("MIME_TOO_COMPLEX")));
    let huge = [MAIL.as_bytes(), &vec![b'x'; 26 * 1024 * 1024]].concat();
    assert_eq!(hand_over(&door, &door.keys.server, "sales", huge).await.0, 413);
}

#[tokio::test]
async fn twenty_mebibytes_are_taken_and_little_of_them_kept() {
    let door = Door::open().await;
    let line = "U29tZSBiaW5hcnkgdGhhdCBub2JvZHkgaGVyZSByZWFkcywgbGluZSBieSBsaW5lIG9mIGl0Lg==\r\n";
    let head = "From: ada@example.test\r\nMessage-ID: <big@example.test>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee the plan.\r\n--b\r\nContent-Type: application/pdf; name=plan.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    let mail = format!("{head}{}--b--\r\n", line.repeat(20 * 1024 * 1024 / line.len()));
    assert_eq!(hand_over(&door, &door.keys.server, "sales", mail).await.0, 200);
    let event = door.events(Topic::Engagement, 1).await.remove(0);
    assert_eq!(event.text, "See the plan.");
    let attachments = event.email_facts.unwrap().attachments;
    assert_eq!((attachments.len(), attachments[0].name.as_str()), (1, "plan.pdf"));
    assert!(attachments[0].size > 14_000_000, "{}", attachments[0].size);
}

/// Its key stands in the page for all to read: whoever copies it could write as anybody.
#[tokio::test]
async fn a_page_writes_no_mails() {
    let door = Door::open().await;
    let request = door.client.post(format!("{}/v1/email/sales", door.url)).basic_auth(&door.keys.browser, Some(""));
    let request = request.header("origin", PAGE).header("content-type", "message/rfc822").body(MAIL);
    let (status, problem) = answer(request.send().await.unwrap()).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("BROWSER_KEY_NOT_ALLOWED")), "{problem}");
    door.events(Topic::Engagement, 0).await;
    door.rejected(0).await;
}
