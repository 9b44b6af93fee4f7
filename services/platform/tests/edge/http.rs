//! Every error is a problem document, a panic too, and none of them tells what it should not.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::response::IntoResponse;
use axum::routing::{get as on_get, post as on_post};
use leadflow_platform::error::{ApiError, Code, FieldError};
use leadflow_platform::http::{self, JsonBody, QueryParams, RequestLimits};
use leadflow_platform::server::Limits;
use serde_json::json;

use crate::support::{Answer, Running, get, post};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    events: Vec<Event>,
}

#[derive(serde::Deserialize)]
struct Event {
    #[serde(rename = "e/mail")]
    _email: u32,
}

#[derive(serde::Deserialize)]
struct Page {
    after: Option<u32>,
}

async fn start() -> Running {
    let short = RequestLimits { body_bytes: 1 << 10, timeout: Duration::from_millis(200) };
    let quick = Router::new()
        .route("/never", on_post(|_: Bytes| std::future::pending::<String>()))
        .route("/orders", on_post(|JsonBody(order): JsonBody<Order>| async move { order.events.len().to_string() }));
    let others = Router::new()
        .route("/page", on_get(|QueryParams(page): QueryParams<Page>| async move { format!("{:?}", page.after) }))
        .route("/id", on_get(|| async { http::current_request_id().unwrap_or_default() }))
        .route("/panic", on_get(panics))
        .route("/text", on_get(|| async { (axum::http::StatusCode::IM_A_TEAPOT, "jane@example.com") }))
        .route(
            "/own",
            on_get(|| async { (axum::http::StatusCode::BAD_REQUEST, axum::Json(json!({"success": false}))) }),
        )
        .route("/error/{code}", on_get(fails));
    let router = http::layers(http::limited(quick, short).merge(http::limited(others, RequestLimits::SINGLE)));
    Running::start(router, Limits::default()).await
}

async fn panics() -> String {
    panic!("jane@example.com")
}

async fn fails(axum::extract::Path(code): axum::extract::Path<usize>) -> ApiError {
    let mut error = ApiError::new(Code::ALL[code], "what it is").with_metadata("oldest_cursor", "c1");
    error.retry_after = Some(Duration::from_millis(1500));
    error.fields.push(FieldError { pointer: "/a".to_owned(), message: "is missing".to_owned() });
    error
}

fn code(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status());
    assert_eq!(problem["request_id"].as_str(), answer.header("x-request-id"));
    problem["code"].as_str().expect("a code").to_owned()
}

#[tokio::test]
async fn every_code_has_its_status_and_its_document() {
    let server = start().await;
    for (index, kind) in Code::ALL.into_iter().enumerate() {
        let answer = server.ask(&get(&format!("/error/{index}"))).await;
        let carriers = kind.carriers();
        assert_eq!((answer.status(), code(&answer).as_str()), (carriers.http.as_u16(), carriers.reason));
        assert_eq!(answer.header("retry-after"), Some("2"), "rounded up");
        let problem = answer.json();
        assert_eq!(problem["errors"], json!([{ "pointer": "/a", "detail": "is missing" }]));
        assert_eq!((&problem["detail"], &problem["title"]), (&json!("what it is"), &json!(carriers.title)));
        assert_eq!(problem["metadata"]["oldest_cursor"], "c1");
        assert_eq!(answer.header("www-authenticate").is_some(), answer.status() == 401);
    }
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn what_the_layers_refuse_is_a_problem_too() {
    let server = start().await;
    let cases = [
        (get("/nowhere"), 404, "ROUTE_NOT_FOUND"),
        (get("/orders"), 405, "METHOD_NOT_ALLOWED"),
        (post("/orders", "text/csv", "{}"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (post("/orders", "application/json", &" ".repeat(2000)), 413, "PAYLOAD_TOO_LARGE"),
        (post("/never", "text/plain", &" ".repeat(2000)), 413, "PAYLOAD_TOO_LARGE"),
        (get("/error/notanumber"), 400, "INVALID_ARGUMENT"),
        (get("/text"), 400, "INVALID_ARGUMENT"),
    ];
    for (request, status, expected) in cases {
        let answer = server.ask(&request).await;
        assert_eq!((answer.status(), code(&answer).as_str()), (status, expected), "{answer:?}");
        assert!(!answer.0.contains("jane"), "{answer:?}");
    }
    assert_eq!(server.ask(&get("/orders")).await.header("allow"), Some("POST"));
    let own = server.ask(&get("/own")).await;
    assert_eq!((own.status(), own.json()), (400, json!({"success": false})), "a door's own form stays");
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn json_errors_point_and_do_not_repeat() {
    let server = start().await;
    let ask = async |body: &str| server.ask(&post("/orders", "application/json; charset=utf-8", body)).await;
    assert_eq!(ask(r#"{"events":[{"e/mail":1}]}"#).await.body(), "1");
    for (body, pointer, detail) in [
        (r#"{"events":[{"e/mail":1},{"e/mail":"jane@example.com"}]}"#, "/events/1/e~1mail", "expected u32"),
        (r#"{"events":"jane@example.com"}"#, "/events", "expected a sequence"),
        (r#"{"jane":1}"#, "/jane", "expected `events`"),
        (r#"{"events":[{}]}"#, "/events/0", "missing field `e/mail`"),
    ] {
        let answer = ask(body).await;
        assert_eq!((answer.status(), code(&answer).as_str()), (400, "INVALID_ARGUMENT"));
        assert_eq!(answer.json()["errors"], json!([{ "pointer": pointer, "detail": detail }]));
        assert!(!answer.0.contains("jane@"), "{answer:?}");
    }
    for (body, expected) in [
        ("", "JSON_SYNTAX"),
        ("{", "JSON_SYNTAX"),
        (r#"{"events":[]} jane@example.com"#, "JSON_SYNTAX"),
        ("\u{feff}{}", "JSON_SYNTAX"),
        (r#"{"events":["#, "JSON_SYNTAX"),
        (&format!(r#"{{"events":{}"#, "[".repeat(64)), "JSON_TOO_DEEP"),
    ] {
        let answer = ask(body).await;
        assert_eq!((answer.status(), code(&answer).as_str()), (400, expected), "{body}");
        assert!(!answer.0.contains("jane"), "{answer:?}");
    }
    server.stop().await.expect("a clean end");
}

#[test]
fn depth_is_counted_outside_of_texts_only() {
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    for (json, ok) in [
        (deep(64), true),
        (deep(65), false),
        (format!("[\"{}\"]", "[".repeat(1000)), true),
        (format!("[\"\\\"{}\"]", "[".repeat(1000)), true),
        (format!("[\"\\\\\",{}]", deep(64)), false),
        (format!("[{}]", vec!["[]"; 1000].join(",")), true),
        ("]]]]".to_owned() + &deep(64), true),
    ] {
        assert_eq!(http::check_json_depth(json.as_bytes(), 64).is_ok(), ok, "{json:.40}");
    }
}

#[tokio::test]
async fn query_errors_name_the_parameter() {
    let server = start().await;
    assert_eq!(server.ask(&get("/page")).await.body(), "None");
    assert_eq!(server.ask(&get("/page?after=7&other=x")).await.body(), "Some(7)");
    let answer = server.ask(&get("/page?after=jane")).await;
    assert_eq!((answer.status(), code(&answer).as_str()), (400, "INVALID_ARGUMENT"));
    assert_eq!(answer.json()["errors"][0]["pointer"], "after");
    assert!(!answer.0.contains("jane"), "{answer:?}");
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_panic_is_an_internal_error_without_details() {
    let server = start().await;
    let answer = server.ask(&get("/panic")).await;
    assert_eq!((answer.status(), code(&answer).as_str()), (500, "INTERNAL"));
    assert!(!answer.0.contains("jane") && !answer.0.contains(".rs"), "{answer:?}");
    assert_eq!(server.ask(&get("/id")).await.status(), 200, "the server goes on");
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn who_was_too_slow_is_told_apart() {
    let server = start().await;
    let answer = server.ask(&post("/never", "text/plain", "all of it")).await;
    assert_eq!((answer.status(), code(&answer).as_str()), (504, "DEADLINE_EXCEEDED"));
    let answer =
        server.ask("POST /never HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9\r\n\r\nhalf").await;
    assert_eq!((answer.status(), code(&answer).as_str()), (408, "REQUEST_TIMEOUT"));
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_request_has_one_id_everywhere() {
    let server = start().await;
    let answer = server.ask(&get("/id")).await;
    assert_eq!(Some(answer.body()), answer.header("x-request-id"));
    assert_eq!(answer.body().len(), 36);
    let with = |id: &str| get("/id").replace("host: x", &format!("host: x\r\nx-request-id: {id}"));
    assert_eq!(server.ask(&with("client-id.42_x")).await.body(), "client-id.42_x");
    for bad in ["short", "with space", "new\tline", "<script>alert</script>", &"x".repeat(65)] {
        assert_eq!(server.ask(&with(bad)).await.body().len(), 36, "{bad:?}");
    }
    server.stop().await.expect("a clean end");
}

#[test]
fn an_error_outside_of_a_request_has_no_id() {
    let problem = ApiError::invalid("/email", "is missing").problem();
    assert_eq!((problem.request_id.as_deref(), problem.errors[0].pointer.as_str()), (None, "/email"));
    assert_eq!(ApiError::not_found("order").into_response().status(), 404);
}
