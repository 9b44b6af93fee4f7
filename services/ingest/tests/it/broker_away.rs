//! Without a broker no door says yes: 503 with Retry-After within two seconds and some, also at the very start.

use std::time::{Duration, Instant};

use leadflow_platform::kafka::KafkaConfig;

use crate::door::{BASIC, Door, answer};

/// A port on which nobody listens.
fn nobody() -> KafkaConfig {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let brokers = socket.local_addr().unwrap().to_string();
    drop(socket);
    KafkaConfig::new(brokers, "away.")
}

#[tokio::test]
async fn every_door_says_503_and_when_to_come_again() {
    let door = Door::open_on(nobody(), None, |_| ()).await;
    let json = |path: &str, body: &'static str| door.post(path).header("content-type", "application/json").body(body);
    let hook = |body: &'static str| {
        let request = door.client.post(format!("{}/hooks/postmark", door.url)).basic_auth(BASIC.0, Some(BASIC.1));
        request.header("content-type", "application/json").body(body)
    };
    let requests = [
        json("/v1/track", r#"{"event":"x","userId":"u"}"#),
        json("/v1/batch", r#"{"batch":[{"type":"page","userId":"u"},{"type":"page","userId":"u"}]}"#),
        // Bad, and it could not be kept: the client comes again and hears the reason then.
        json("/v1/track", r#"{"event":"x"}"#),
        json("/v1/forms/booth", r#"{"email":"a@b.test"}"#),
        door.post("/v1/email/sales").header("content-type", "message/rfc822").body("From: a@b.test\r\n\r\nHello\r\n"),
        hook(r#"{"RecordType":"SpamComplaint","ID":1,"Email":"a@b.test"}"#),
        hook(r#"{"RecordType":"New"}"#),
    ];
    for request in requests {
        let started = Instant::now();
        let response = request.send().await.unwrap();
        let after: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        let (status, problem) = answer(response).await;
        assert_eq!(status, 503, "{problem}");
        assert!((1..=10).contains(&after));
        // Generous against a busy machine; the promise is two seconds.
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_full_queue_is_said_at_once_and_memory_stays_bounded() {
    let door = Door::open_on(nobody(), None, |_| ()).await;
    let event =
        serde_json::json!({"type": "track", "event": "x", "userId": "u", "properties": {"pad": "x".repeat(4000)}})
            .to_string();
    let batch = format!("{{\"batch\":[{}]}}", vec![event; 100].join(","));
    // 32 MiB of queue are some 80 such batches.
    let sent = futures::future::join_all(
        (0..160).map(|_| door.post("/v1/batch").header("content-type", "application/json").body(batch.clone()).send()),
    );
    let mut full = 0;
    for response in sent.await {
        let (status, problem) = answer(response.unwrap()).await;
        assert_eq!(status, 503, "{problem}");
        full += usize::from(problem["code"] == "QUEUE_FULL");
    }
    assert!(full > 0, "160 batches of 400 KiB did not fill a queue of 32 MiB");
}

#[tokio::test]
async fn health_says_which_broker_is_away_and_why() {
    let kafka = nobody();
    let brokers = kafka.brokers.clone();
    let door = Door::open_on(kafka, None, |_| ()).await;
    assert_eq!(door.send("/v1/track", r#"{"event":"x","userId":"u"}"#).await.0, 503);
    let parts = door.health.readiness();
    let broker = parts.iter().find(|part| part.name == "ingest-broker").unwrap();
    let said = broker.degraded.clone().unwrap_or_default();
    assert!(said.starts_with(&format!("the broker at {brokers} does not answer since 20")), "{broker:?}");
    // It was never there: nobody should be sent here yet.
    assert!(!broker.ready && !door.health.is_ready());
}
