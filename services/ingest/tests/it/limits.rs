//! The limits of the doors: size before and after unpacking, ratio, number, rate.

use serde_json::json;

use crate::door::{Door, answer, gzip};

#[tokio::test]
async fn a_gzip_bomb_is_refused_without_being_unpacked() {
    let door = Door::open().await;
    let bomb = gzip(&vec![b' '; 200 * 1024 * 1024]);
    assert!(bomb.len() < 400 * 1024);
    for path in ["/v1/track", "/v1/batch", "/v1/forms/booth"] {
        let media = if path.contains("forms") { "application/x-www-form-urlencoded" } else { "application/json" };
        let request =
            door.post(path).header("content-type", media).header("content-encoding", "gzip").body(bomb.clone());
        let (status, problem) = answer(request.send().await.unwrap()).await;
        assert!(matches!(status, 400 | 413), "{path}: {status} {problem}");
    }
    let small = gzip(&vec![b' '; 100 * 1024]);
    assert!(small.len() < 500);
    let request = door
        .post("/v1/batch")
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(small);
    let (status, problem) = answer(request.send().await.unwrap()).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("COMPRESSION_RATIO")));
}

#[tokio::test]
async fn size_is_limited_before_the_body_is_read() {
    let door = Door::open().await;
    let large = vec![b' '; 5 * 1024 * 1024];
    for path in ["/v1/track", "/v1/batch", "/v1/import"] {
        let request = door.post(path).header("content-type", "application/json").body(large.clone());
        let (status, problem) = answer(request.send().await.unwrap()).await;
        assert_eq!((status, problem["code"].as_str()), (413, Some("PAYLOAD_TOO_LARGE")), "{path}");
    }
    // Chunked: nobody said how long it would be.
    let chunks = futures::stream::iter((0..80).map(|_| Ok::<_, std::io::Error>(vec![b' '; 64 * 1024])));
    let request =
        door.post("/v1/batch").header("content-type", "application/json").body(reqwest::Body::wrap_stream(chunks));
    let status = request.send().await.map(|response| response.status().as_u16());
    // The door may answer and close while the client still writes, which some clients see as a cut connection.
    assert!(status.is_err() || status.is_ok_and(|status| status == 413));
    door.rejected(0).await;
}

#[tokio::test]
async fn an_array_of_a_million_is_one_refusal() {
    let door = Door::open().await;
    let body = format!("{{\"batch\":[{}0]}}", "0,".repeat(249_000));
    let (status, problem) = door.send("/v1/batch", body).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("TOO_MANY_EVENTS")));
    assert_eq!(door.rejected(1).await[0].raw.len(), 65_536);
}

#[tokio::test]
async fn a_key_that_sends_too_much_is_told_when_to_come_again() {
    let door = Door::open_with(|config| config.events_per_second = 2_500).await;
    let events: Vec<_> =
        (0..2_500).map(|n| json!({"type": "page", "userId": "u", "messageId": n.to_string()})).collect();
    let batch = json!({"batch": events}).to_string();
    let mut limited = None;
    for _ in 0..6 {
        let response =
            door.post("/v1/batch").header("content-type", "application/json").body(batch.clone()).send().await.unwrap();
        if response.status() == 429 {
            limited = Some(response);
            break;
        }
    }
    let response = limited.expect("four batches at once are over the burst of 5000");
    let after: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=2).contains(&after), "{after}");
    assert_eq!(answer(response).await.1["code"], "RATE_LIMITED");
    // Another key has its own.
    let other = door
        .client
        .post(format!("{}/v1/page", door.url))
        .basic_auth(&door.keys.app, Some(""))
        .body(r#"{"userId":"u"}"#);
    assert_eq!(other.send().await.unwrap().status(), 200);
}
