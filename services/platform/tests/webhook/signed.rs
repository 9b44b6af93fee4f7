//! What arrives: the bytes that were given, and headers by which others know the sender.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use leadflow_platform::clock;
use leadflow_platform::webhook::{Delivery, Endpoint, Refusal, Secret};
use secrecy::ExposeSecret as _;
use sha2::Sha256;
use standardwebhooks::Webhook;

use crate::support::{Receiver, SECRET, Script, client, deliver, endpoint};

fn ok() -> Script {
    Script::Answer("HTTP/1.1 204 No Content\r\n\r\n".to_owned())
}

#[tokio::test]
async fn a_receiver_knows_the_sender_by_either_secret_while_they_are_changed() {
    let mut receiver = Receiver::start(ok()).await;
    let (new, old, foreign) = (Secret::generate(), Secret::generate(), Secret::generate());
    let endpoint = Endpoint::parse(&receiver.url("/hook"), vec![new.clone(), old.clone()]).expect("an endpoint");
    let body = Bytes::from("{\"name\":\"Zoë\",\"emoji\":\"🦀\"}\n");
    let delivery = client().deliver(&endpoint, "msg_1", clock::wall_now(), body.clone(), "application/json").await;
    assert_eq!(delivery, Delivery::Delivered { status: 204 });

    let received = receiver.received().await;
    assert_eq!(received.body, body);
    let verify = |secret: &Secret, body: &[u8]| {
        let judge = Webhook::new(secret.text().expose_secret()).expect("a secret");
        judge.verify(body, &received.headers)
    };
    verify(&new, &body).expect("signed with the new secret");
    verify(&old, &body).expect("signed with the old secret");
    verify(&foreign, &body).expect_err("not signed with a secret of somebody else");
    verify(&new, &body[1..]).expect_err("not signed for another body");
}

#[tokio::test]
async fn the_signature_is_the_hmac_of_id_time_and_body() {
    let mut receiver = Receiver::start(ok()).await;
    let endpoint = endpoint(&receiver.url("/hook"));
    let at = "2026-11-03T20:26:10.999Z".parse().expect("a time");
    let delivery = client().deliver(&endpoint, "msg_2KWP", at, Bytes::from("{}"), "application/json").await;
    assert_eq!(delivery, Delivery::Delivered { status: 204 });

    let headers = receiver.received().await.headers;
    assert_eq!(headers["webhook-id"], "msg_2KWP");
    assert_eq!(headers["webhook-timestamp"], "1793737570", "whole seconds, cut");
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
    mac.update(b"msg_2KWP.1793737570.{}");
    assert_eq!(headers["webhook-signature"], format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));
}

#[tokio::test]
async fn the_request_says_no_more_than_it_must() {
    let mut receiver = Receiver::start(ok()).await;
    assert_eq!(
        deliver(&client(), &receiver.url("/hook/T0?token=x#fragment")).await,
        Delivery::Delivered { status: 204 }
    );
    let received = receiver.received().await;
    assert_eq!(received.request_line, "POST /hook/T0?token=x HTTP/1.1");
    let mut names: Vec<_> = received.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    ];
    assert_eq!(names, expected);
    assert_eq!(received.headers["content-type"], "application/json");
    let user_agent = received.headers["user-agent"].to_str().expect("text");
    assert!(user_agent.strip_prefix("leadflow/").is_some_and(|version| version.contains('.')), "{user_agent}");
}

#[tokio::test]
async fn an_empty_body_is_sent_and_signed() {
    let mut receiver = Receiver::start(ok()).await;
    let endpoint = endpoint(&receiver.url("/"));
    let delivery = client().deliver(&endpoint, "msg_1", clock::wall_now(), Bytes::new(), "text/plain").await;
    assert_eq!(delivery, Delivery::Delivered { status: 204 });
    let received = receiver.received().await;
    Webhook::new(SECRET).expect("a secret").verify(b"", &received.headers).expect("signed");
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_clearly_is_not_sent() {
    let receiver = Receiver::start(ok()).await;
    let (client, endpoint) = (client(), endpoint(&receiver.url("/")));
    for (id, body, content_type, expected) in [
        ("msg.1", &b"{}"[..], "application/json", Refusal::Id),
        ("", b"{}", "application/json", Refusal::Id),
        ("msg\r\nx-injected: 1", b"{}", "application/json", Refusal::Id),
        ("msg_1", b"{}", "text/plain\r\nx-injected: 1", Refusal::ContentType),
        ("msg_1", b"\xff\xfe", "application/octet-stream", Refusal::Body),
    ] {
        let body = Bytes::copy_from_slice(body);
        let delivery = client.deliver(&endpoint, id, clock::wall_now(), body, content_type).await;
        assert_eq!(delivery, Delivery::Refused { reason: expected });
    }
    assert_eq!(receiver.connections(), 0);
}
