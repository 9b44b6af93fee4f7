//! Every class of bad input gets its documented code and field; what a known sender sent is kept, what a stranger sent is
//! not; nothing of it answers 5xx.

use serde_json::json;

use crate::door::{Door, answer, shared};

#[tokio::test]
async fn each_class_of_bad_event_has_its_code_and_is_kept() {
    let door = Door::open().await;
    let deep =
        format!("{{\"event\":\"x\",\"userId\":\"u\",\"properties\":{}1{}}}", "{\"a\":".repeat(1000), "}".repeat(1000));
    let large = json!({"event": "x", "userId": "u", "properties": {"a": "b".repeat(40_000)}}).to_string();
    let name = json!({"event": "x".repeat(30_000), "userId": "u"}).to_string();
    let table = [
        ("", 400, "INVALID_JSON", ""),
        ("not json", 400, "INVALID_JSON", ""),
        ("[1,2]", 400, "NOT_AN_OBJECT", ""),
        (r#"{"event":"x"}"#, 400, "MISSING_IDENTIFIER", "/userId"),
        (r#"{"userId":"u"}"#, 400, "MISSING_FIELD", "/event"),
        (r#"{"event":"x","userId":["u"]}"#, 400, "WRONG_TYPE", "/userId"),
        (r#"{"event":"x\u0000","userId":"u"}"#, 400, "NUL_CHARACTER", "/event"),
        (r#"{"event":"\udc00","userId":"u"}"#, 400, "INVALID_JSON", "/event"),
        (r#"{"event":"x","userId":"u","timestamp":"2099-01-01T00:00:00Z"}"#, 400, "TIMESTAMP_IN_FUTURE", "/timestamp"),
        (r#"{"event":"x","userId":"u","timestamp":"now"}"#, 400, "INVALID_TIMESTAMP", "/timestamp"),
        (deep.as_str(), 400, "JSON_TOO_DEEP", ""),
        (name.as_str(), 400, "TOO_LONG", "/event"),
        (large.as_str(), 413, "EVENT_TOO_LARGE", ""),
    ];
    let number = table.len();
    for (body, status, code, pointer) in table {
        let (got, problem) = door.send("/v1/track", body).await;
        let shown = &body[..body.len().min(80)];
        assert_eq!((got, problem["code"].as_str().unwrap_or_default()), (status, code), "{shown}: {problem}");
        let field = problem["errors"][0]["pointer"].as_str().unwrap_or_default();
        assert_eq!(field, pointer, "{shown}");
        assert!(problem["request_id"].as_str().is_some() && problem["detail"].as_str().is_some(), "{problem}");
    }
    let rejected = door.rejected(number).await;
    let kept = rejected.iter().find(|one| one.code == "EVENT_TOO_LARGE").unwrap();
    assert_eq!((kept.raw.len(), kept.length), (large.len(), large.len() as i64));
    assert!(rejected.iter().all(|one| one.raw.len() <= 65_536 && one.source == "web" && one.door == "http.track"));
}

#[tokio::test]
async fn bytes_that_are_no_text_are_kept_as_they_came() {
    let door = Door::open().await;
    let request = door.post("/v1/track").header("content-type", "application/json").body(vec![b'{', 0xff, 0xfe, b'}']);
    let (status, problem) = answer(request.send().await.unwrap()).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("INVALID_JSON")));
    assert_eq!(door.rejected(1).await[0].raw.as_slice(), [b'{', 0xff, 0xfe, b'}']);
}

#[tokio::test]
async fn what_a_stranger_sends_is_counted_and_not_kept() {
    let door = Door::open().await;
    let post = |path: &str, body: &'static str| door.client.post(format!("{}{path}", door.url)).body(body);
    let table = [
        (post("/v1/track", r#"{"event":"x","userId":"u"}"#), 401, "API_KEY_MISSING"),
        (post("/v1/track", "not json"), 401, "API_KEY_MISSING"),
        (post("/v1/track", r#"{"writeKey":"lf_guess","event":"x","userId":"u"}"#), 401, "API_KEY_INVALID"),
        (post("/v1/batch", r#"{"batch":[]}"#).basic_auth("lf_guess", Some("")), 401, "API_KEY_INVALID"),
        (post("/v1/track", "{}").header("authorization", "Digest x"), 401, "API_KEY_INVALID"),
        (
            post("/v1/email/sales", "From: a@b.test\n\nx").header("content-type", "message/rfc822"),
            401,
            "API_KEY_MISSING",
        ),
    ];
    for (request, status, code) in table {
        let (got, problem) = answer(request.send().await.unwrap()).await;
        assert_eq!((got, problem["code"].as_str().unwrap_or_default()), (status, code), "{problem}");
    }
    door.rejected(0).await;
}

#[tokio::test]
async fn the_wrong_type_method_or_path_is_said() {
    let door = Door::open().await;
    let typed = |media: &str| door.post("/v1/track").header("content-type", media).body("<x/>");
    assert_eq!(answer(typed("application/xml").send().await.unwrap()).await.0, 415);
    let packed = door.post("/v1/track").header("content-encoding", "br").body("x");
    assert_eq!(answer(packed.send().await.unwrap()).await.0, 415);
    let broken = door.post("/v1/track").header("content-encoding", "gzip").body("no gzip");
    let (status, problem) = answer(broken.send().await.unwrap()).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("INVALID_GZIP")));
    let get = door.client.get(format!("{}/v1/track", door.url)).send().await.unwrap();
    assert_eq!(answer(get).await.0, 405);
    assert_eq!(door.send("/v1/nothing", "{}").await.0, 404);
    assert_eq!(door.send("/v1/forms/nothing", "{}").await.0, 404);
}

/// Injections of every kind are data: taken as text, or refused, and answered in a problem document that never repeats them.
#[tokio::test]
async fn nothing_that_is_sent_comes_back_or_breaks_anything() {
    let door = shared().await;
    let texts = [
        "'; drop table person; --",
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "a\r\nBcc: all@x.test",
        "\u{202e}gnp.exe",
        "{{7*7}}",
        "../../etc/passwd",
        "%00",
        "\u{feff}",
        "𝕊𝕒𝕝𝕖𝕤",
    ];
    for text in texts {
        for body in [
            json!({"event": text, "userId": text, "properties": {text: text}, "context": {"page": {"url": text}, text: {}}}),
            json!({"event": text, "userId": {text: text}, "timestamp": text}),
        ] {
            let (status, answer) = door.send("/v1/track", body.to_string()).await;
            assert!(status < 500, "{text}: {status} {answer}");
            assert!(!answer.to_string().contains("drop table") && !answer.to_string().contains("script"), "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_in_a_body_that_is_wrong_is_known_and_not_kept() {
    let door = Door::open().await;
    let post = async |path: &str, body: String| {
        let request = door.client.post(format!("{}{path}", door.url)).header("content-type", "application/json");
        answer(request.body(body).send().await.unwrap()).await
    };
    let key = door.keys.server.clone();
    let (status, problem) =
        post("/v1/track", format!(r#"{{"writeKey":"{key}","userId":"u","event":{{}},"messageId":"m"}}"#)).await;
    assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (400, Some("/event")), "{problem}");
    let (status, problem) = post("/v1/batch", format!(r#"{{"writeKey":"{key}","batch":7}}"#)).await;
    assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (400, Some("/batch")), "{problem}");
    for rejected in door.rejected(2).await {
        let kept = String::from_utf8_lossy(&rejected.raw).into_owned();
        assert!(kept.contains("writeKey") && !kept.contains(&key), "{kept}");
    }
    // Nobody knows whose this is.
    assert_eq!(post("/v1/track", "{".to_owned()).await.0, 401);
    assert_eq!(door.rejected(2).await.len(), 2);
}

/// The key of the header authenticates; what else is called a key, or looks like one, is kept by nobody.
#[tokio::test]
async fn a_live_key_is_not_kept_wherever_it_stands() {
    let door = Door::open().await;
    let (own, other) = (door.keys.server.as_str(), door.keys.app.as_str());
    let json_bodies = [
        ("/v1/track", format!(r#"{{"writeKey":"{own}","userId":"u","event":{{}}}}"#)),
        ("/v1/track", format!(r#"{{"userId":"u","event":{{}},"writeKey": "{other}"}}"#)),
        ("/v1/track", format!(r#"{{"userId":"u","event":{{}},"properties":{{"note":"key is {other}."}}}}"#)),
        ("/v1/track", format!(r#"{{"writeKey":"{own}","userId":"#)),
        ("/v1/batch", format!(r#"{{"writeKey":"{own}","batch":7}}"#)),
        (
            "/v1/batch",
            format!(r#"{{"batch":[{{"type":"track","writeKey":"{other}"}},{{"type":"page","userId":"u"}}]}}"#),
        ),
    ];
    for (path, body) in &json_bodies {
        let (status, answer) = door.send(path, body.clone()).await;
        assert!(status == 400 || answer["rejected"] == 1, "{body}: {status} {answer}");
    }
    let form = door.post("/v1/forms/booth").header("content-type", "application/x-www-form-urlencoded");
    let form = form.body(format!("name=x&writeKey={own}&note={other}"));
    assert_eq!(answer(form.send().await.unwrap()).await.0, 400);
    let mail = format!("From: MAILER-DAEMON@mx.test\r\nSubject: failed\r\n\r\nhttps://x.test/?writeKey={own}\r\n");
    let mail = door.post("/v1/email/sales").header("content-type", "message/rfc822").body(mail);
    assert_eq!(answer(mail.send().await.unwrap()).await.0, 400);
    // Across the end of what is kept.
    let long = format!(r#"{{"event":"x","userId":"u","properties":{{"a":"{}{own}"}}}}"#, "b".repeat(65_500 - 47));
    assert_eq!(door.send("/v1/track", long).await.0, 413);
    for rejected in door.rejected(json_bodies.len() + 3).await {
        let kept = String::from_utf8_lossy(&rejected.raw).into_owned();
        let secret = |key: &str| kept.contains(&key[..12]);
        assert!(!secret(own) && !secret(other), "{kept}");
        assert!(kept.contains("***") && !rejected.message.contains("lf_"), "{kept}");
    }
}
