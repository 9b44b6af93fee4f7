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
    // Below what a configuration file may say: one a second, two at once.
    let door = Door::open_with(|config| config.events_per_second = 1).await;
    let one = || door.post("/v1/page").header("content-type", "application/json").body(r#"{"userId":"u"}"#).send();
    let responses = futures::future::join_all((0..40).map(|_| one())).await;
    let limited: Vec<_> =
        responses.into_iter().map(Result::unwrap).filter(|response| response.status() == 429).collect();
    assert!(!limited.is_empty(), "forty at once, two are allowed");
    for response in limited {
        let after: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&after), "{after}");
        assert_eq!(answer(response).await.1["code"], "RATE_LIMITED");
    }
    // More in one batch than the key may ever send at once; and another key has its own measure.
    let batch = json!({"batch": [{"type": "page", "userId": "u"}, {"type": "page", "userId": "u"}, {"type": "page", "userId": "u"}]});
    assert_eq!(door.send("/v1/batch", batch.to_string()).await.0, 429);
    let other = door.client.post(format!("{}/v1/page", door.url)).basic_auth(&door.keys.app, Some(""));
    assert_eq!(other.body(r#"{"userId":"u"}"#).send().await.unwrap().status(), 200);
}
