//! What mail providers post: who is believed, what stands on the topic, that a repeat changes nothing, and what happens
//! without a broker. Signatures are made here as the providers make them.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use leadflow_platform::clock::wall_now;
use leadflow_platform::topics::Topic;
use leadflow_proto::engagement::v1::EngagementKind;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;
use sha2::Sha256;

use crate::door::{BASIC, Door, HEADER, SIGNING_KEY, answer};

static SENDGRID: LazyLock<EcdsaKeyPair> = LazyLock::new(|| {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap()
});

/// As SendGrid shows it: base64 of the DER of the public key.
pub(crate) fn verification_key() -> String {
    let head = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let byte = |at: usize| u8::from_str_radix(&head[at..at + 2], 16).unwrap();
    let mut der: Vec<u8> = (0..head.len()).step_by(2).map(byte).collect();
    der.extend_from_slice(SENDGRID.public_key().as_ref());
    STANDARD.encode(der)
}

fn bounce(id: u64) -> serde_json::Value {
    json!({"RecordType": "Bounce", "ID": id, "Type": "HardBounce", "MessageID": "8839", "Email": "Bob@Customer.test",
        "BouncedAt": wall_now().to_string(), "Details": "smtp;550 5.1.1 unknown", "Subject": "Hi",
        "Metadata": {"leadflow_message_id": "m1@mail.acme.test"}})
}

fn postmark(door: &Door, body: &serde_json::Value) -> reqwest::RequestBuilder {
    let request = door.client.post(format!("{}/hooks/postmark", door.url)).header("content-type", "application/json");
    request.basic_auth(BASIC.0, Some(BASIC.1)).body(body.to_string())
}

fn sendgrid(door: &Door, content_type: &str, body: impl Into<Vec<u8>>, at: i64) -> reqwest::RequestBuilder {
    let body = body.into();
    let signed = [at.to_string().as_bytes(), &body].concat();
    let signature = SENDGRID.sign(&SystemRandom::new(), &signed).unwrap();
    let request = door.client.post(format!("{}/hooks/sendgrid", door.url)).header("content-type", content_type);
    request
        .header("x-twilio-email-event-webhook-signature", STANDARD.encode(signature))
        .header("x-twilio-email-event-webhook-timestamp", at.to_string())
        .body(body)
}

fn stamp(token: &str, at: i64, key: &str) -> serde_json::Value {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(format!("{at}{token}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"timestamp": at.to_string(), "token": token, "signature": hex})
}

fn mailgun(door: &Door, signature: &serde_json::Value, event: &str) -> reqwest::RequestBuilder {
    let data = json!({"event": event, "id": "id-1", "timestamp": 1_795_428_000.153_f64.min(wall_now().as_second() as f64),
        "recipient": "bob@customer.test", "severity": "permanent", "reason": "bounce",
        "delivery-status": {"code": 550, "message": "5.1.1 unknown"}, "message": {"headers": {"message-id": "m1@mail.acme.test"}}});
    let request = door.client.post(format!("{}/hooks/mailgun", door.url)).header("content-type", "application/json");
    request.body(json!({"signature": signature, "event-data": data}).to_string())
}

#[tokio::test]
async fn a_bounce_of_each_provider_is_on_the_topic_and_a_repeat_is_the_same_event() {
    let door = Door::open().await;
    let now = wall_now().as_second();
    let body = bounce(7);
    let signature = stamp("token-of-fifty", now, SIGNING_KEY);
    let batch = json!([{"event": "bounce", "type": "bounce", "email": "bob@customer.test", "timestamp": now, "sg_event_id": "e1",
        "status": "5.1.1", "smtp-id": "<m1@mail.acme.test>"}, {"event": "processed", "email": "bob@customer.test"}])
    .to_string();
    for _ in 0..2 {
        for request in [
            postmark(&door, &body),
            sendgrid(&door, "application/json", batch.clone(), now),
            mailgun(&door, &signature, "failed"),
        ] {
            assert_eq!(answer(request.send().await.unwrap()).await, (200, json!({"success": true})));
        }
    }
    let events = door.events(Topic::Engagement, 6).await;
    let mut ids: Vec<_> = events.iter().map(|event| (event.event_id.clone(), event.week)).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
    for event in events {
        assert_eq!((event.kind, event.source.as_str()), (EngagementKind::EmailBounced as i32, "web"));
        assert_eq!((event.email.as_str(), event.bot_reason.as_str()), ("bob@customer.test", "bounce"));
        assert_eq!(event.properties["bounce_class"], "hard");
        let facts = event.email_facts.unwrap();
        assert_eq!((facts.in_reply_to.as_str(), facts.status_code.as_str()), ("m1@mail.acme.test", "5.1.1"));
        assert_eq!(facts.original_recipient, "bob@customer.test");
    }
}

#[tokio::test]
async fn whoever_cannot_prove_it_is_refused_and_nothing_of_it_is_kept() {
    let door = Door::open().await;
    let now = wall_now().as_second();
    let batch = json!([{"event": "open", "email": "bob@customer.test", "timestamp": now}]).to_string();
    let hook =
        |name: &str| door.client.post(format!("{}/hooks/{name}", door.url)).header("content-type", "application/json");
    let body = bounce(7).to_string();
    let tampered = {
        let request = sendgrid(&door, "application/json", batch.clone(), now).build().unwrap();
        let headers = request.headers().clone();
        hook("sendgrid").headers(headers).body(batch.replace("bob@", "eve@"))
    };
    let table = [
        (hook("postmark").body(body.clone()), "HOOK_PROOF_MISSING"),
        (hook("postmark").basic_auth("postmark", Some("guess")).body(body.clone()), "HOOK_PROOF_INVALID"),
        (hook("postmark").basic_auth(&door.keys.server, Some("")).body(body.clone()), "HOOK_PROOF_INVALID"),
        (hook("postmark-header").body(body.clone()), "HOOK_PROOF_MISSING"),
        (hook("postmark-header").header("x-hook-secret", "guess").body(body.clone()), "HOOK_PROOF_INVALID"),
        (hook("sendgrid").body(batch.clone()), "HOOK_PROOF_MISSING"),
        (tampered, "HOOK_PROOF_INVALID"),
        (sendgrid(&door, "application/json", batch.clone(), now - 400), "HOOK_PROOF_STALE"),
        (sendgrid(&door, "application/json", batch, now + 400), "HOOK_PROOF_STALE"),
        (hook("mailgun").body("not json"), "HOOK_PROOF_MISSING"),
        (mailgun(&door, &stamp("t1", now, "key-of-somebody-else"), "failed"), "HOOK_PROOF_INVALID"),
        (mailgun(&door, &stamp("t2", now - 400, SIGNING_KEY), "failed"), "HOOK_PROOF_STALE"),
    ];
    for (request, code) in table {
        let (status, problem) = answer(request.send().await.unwrap()).await;
        assert_eq!((status, problem["code"].as_str()), (401, Some(code)), "{problem}");
    }
    // A token that was seen says nothing else afterwards.
    let signature = stamp("t3", now, SIGNING_KEY);
    assert_eq!(answer(mailgun(&door, &signature, "opened").send().await.unwrap()).await.0, 200);
    let (status, problem) = answer(mailgun(&door, &signature, "complained").send().await.unwrap()).await;
    assert_eq!((status, problem["code"].as_str()), (401, Some("HOOK_REPLAYED")));
    door.events(Topic::Engagement, 1).await;
    door.rejected(0).await;
}

#[tokio::test]
async fn what_is_wrong_is_said_and_kept() {
    let door = Door::open().await;
    let now = wall_now().as_second();
    let batch = json!([{"event": "open", "email": "bob@customer.test", "timestamp": now}, {"event": "open", "email": "nobody"}]);
    let some = sendgrid(&door, "application/json", batch.to_string(), now).send().await.unwrap();
    let (status, body) = answer(some).await;
    assert_eq!(
        (status, &body["rejected"], &body["errors"][0]["code"]),
        (200, &json!(1), &json!("UNKNOWN_RECIPIENT")),
        "{body}"
    );
    let all = sendgrid(&door, "application/json", json!([batch[1]]).to_string(), now).send().await.unwrap();
    let (status, problem) = answer(all).await;
    assert_eq!(
        (status, problem["code"].as_str(), problem["errors"][0]["pointer"].as_str()),
        (400, Some("UNKNOWN_RECIPIENT"), Some("/0/email"))
    );
    let header = door.client.post(format!("{}/hooks/postmark-header", door.url)).header("x-hook-secret", HEADER);
    let mail =
        header.header("content-type", "application/json").body(r#"{"FromFull":{"Email":"a@b.test"},"TextBody":"Hi"}"#);
    let (status, problem) = answer(mail.send().await.unwrap()).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("NO_MAILBOX")));
    let table = [
        (postmark(&door, &json!({"RecordType": "New"})), 400, "UNKNOWN_TYPE"),
        (postmark(&door, &json!({"RecordType": "Open", "pad": "x".repeat(1024 * 1024)})), 413, "EVENT_TOO_LARGE"),
        (postmark(&door, &json!({})).header("content-encoding", "gzip"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (sendgrid(&door, "text/csv", "x", now), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (sendgrid(&door, "multipart/form-data", "x", now), 400, "INVALID_FORM"),
        (sendgrid(&door, "application/json", vec![b' '; 8 * 1024 * 1024 + 1], now), 413, "PAYLOAD_TOO_LARGE"),
        (door.client.post(format!("{}/hooks/none", door.url)), 404, "NOT_FOUND"),
    ];
    for (request, status, code) in table {
        let (got, problem) = answer(request.send().await.unwrap()).await;
        assert_eq!((got, problem["code"].as_str()), (status, Some(code)), "{problem}");
    }
    let rejected = door.rejected(6).await;
    let of = |code: &str| {
        rejected
            .iter()
            .filter(|one| one.code == code)
            .map(|one| (one.door.as_str(), one.raw.as_slice()))
            .collect::<Vec<_>>()
    };
    assert_eq!(of("UNKNOWN_RECIPIENT")[0], ("hook.sendgrid", br#"{"email":"nobody","event":"open"}"#.as_slice()));
    assert_eq!(of("NO_MAILBOX")[0].0, "hook.postmark-header");
    assert_eq!((of("EVENT_TOO_LARGE").len(), of("UNKNOWN_TYPE").len(), of("INVALID_FORM").len()), (1, 1, 1));
}

#[tokio::test]
async fn a_reply_through_a_provider_is_the_reply_through_the_mail_door() {
    let door = Door::open().await;
    let now = wall_now().as_second();
    let raw = "From: Ada <ada@example.test>\r\nTo: reply+tok1@reply.acme.test\r\nMessage-ID: <r1@example.test>\r\nSubject: Re: Hi\r\n\r\nYes, call me.\r\n\r\n> Shall we?\r\n";
    let part =
        |name: &str, value: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let form = format!("{}--b--\r\n", part("email", raw));
    let sent = sendgrid(&door, "multipart/form-data; boundary=b", form, now).send().await.unwrap();
    assert_eq!(answer(sent).await, (200, json!({"success": true})));
    let signature = stamp("t-reply", now, SIGNING_KEY);
    let fields = [
        ("timestamp", signature["timestamp"].as_str().unwrap()),
        ("token", "t-reply"),
        ("signature", signature["signature"].as_str().unwrap()),
        ("recipient", "reply+tok1@reply.acme.test"),
        ("body-mime", raw),
    ];
    let encoded: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = door
        .client
        .post(format!("{}/hooks/mailgun", door.url))
        .header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(answer(request.body(encoded).send().await.unwrap()).await.0, 200);
    let inbound = json!({"FromFull": {"Email": "ada@example.test"}, "MessageID": "22c7", "RawEmail": raw});
    assert_eq!(answer(postmark(&door, &inbound).send().await.unwrap()).await.0, 200);
    let by_mail = door.post("/v1/email/sales").header("content-type", "message/rfc822").body(raw);
    assert_eq!(by_mail.send().await.unwrap().status(), 200);
    let events = door.events(Topic::Engagement, 4).await;
    for event in &events {
        assert_eq!((event.kind, event.text.as_str()), (EngagementKind::EmailReplied as i32, "Yes, call me."));
        assert_eq!((event.properties["reply_token"].as_str(), &event.event_id), ("tok1", &events[0].event_id));
    }
}

#[tokio::test]
async fn a_changed_secret_is_in_effect_within_seconds_and_an_unusable_one_changes_nothing() {
    let door = Door::open().await;
    let status = async |secret: &str| {
        let request =
            door.client.post(format!("{}/hooks/postmark", door.url)).header("content-type", "application/json");
        request.basic_auth("postmark", Some(secret)).body(bounce(1).to_string()).send().await.unwrap().status().as_u16()
    };
    assert_eq!(status(BASIC.1).await, 200);
    let file = door.folder.join("hooks/postmark");
    // The old one beside the new one, then only the new one.
    std::fs::write(&file, format!("{}:{}\npostmark:of-tomorrow-and-long\n", BASIC.0, BASIC.1)).unwrap();
    assert!(becomes(200, || status("of-tomorrow-and-long")).await);
    assert_eq!(status(BASIC.1).await, 200);
    std::fs::write(&file, "postmark:of-tomorrow-and-long\n").unwrap();
    assert!(becomes(401, || status(BASIC.1)).await);
    std::fs::write(&file, "short").unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(status("of-tomorrow-and-long").await, 200);
    // A file that is mended is taken without the sources file being touched.
    std::fs::write(&file, "postmark:of-the-day-after-it\n").unwrap();
    assert!(becomes(200, || status("of-the-day-after-it")).await);
}

async fn becomes<F: Future<Output = u16>>(expected: u16, status: impl Fn() -> F) -> bool {
    for _ in 0..100 {
        if status().await == expected {
            return true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    false
}
