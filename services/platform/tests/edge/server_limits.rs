//! What a client cannot hold on to. Time limits are made short, so that no test waits; none measures a duration.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get as on_get, post as on_post};
use leadflow_platform::http;
use leadflow_platform::server::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Answer, PATIENCE, Running, get, post};

fn router() -> Router {
    let routes = Router::new()
        .route("/", on_get(|| async { "hello" }))
        .route("/length", on_post(|body: Bytes| async move { body.len().to_string() }))
        .route(
            "/read",
            on_post(|request: axum::extract::Request| async move {
                http::read_body(request.into_body(), 1 << 20).await.map(|body| body.len().to_string())
            }),
        );
    http::layers(http::limited(routes, http::RequestLimits::SINGLE))
}

/// A limit that runs out soon, while no other does.
fn short(change: impl FnOnce(&mut Limits, Duration)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits, Duration::from_millis(200));
    limits
}

/// True if the server closed; false if it was still open after five times the limit.
async fn is_closed_soon(stream: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    tokio::time::timeout(Duration::from_secs(1), stream.read_to_end(&mut bytes)).await.is_ok()
}

#[tokio::test]
async fn a_silent_socket_is_closed() {
    let server = Running::start(router(), short(|limits, soon| limits.first_request = soon)).await;
    let mut stream = server.connect().await;
    assert_eq!(Answer::read_to_end(&mut stream).await.0, "");
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_socket_that_sent_one_byte_is_closed() {
    let server = Running::start(router(), short(|limits, soon| limits.first_request = soon)).await;
    // "P" may begin POST or the preface of HTTP/2; the others have decided, and never end.
    for start in ["P", "G", "GET / HTTP/1.1\r\nhost: x\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = server.connect().await;
        stream.write_all(start.as_bytes()).await.expect("sent");
        Answer::read_to_end(&mut stream).await;
    }
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn without_the_race_silent_sockets_stay() {
    let limits = short(|limits, soon| limits.first_request = soon).without_first_request_race();
    let server = Running::start(router(), limits).await;
    for start in ["", "P", "G"] {
        let mut stream = server.connect().await;
        stream.write_all(start.as_bytes()).await.expect("sent");
        assert!(!is_closed_soon(&mut stream).await, "{start:?} was closed by something else than the race");
    }
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn headers_of_a_later_request_have_a_limit_too() {
    let server = Running::start(router(), short(|limits, soon| limits.header = soon)).await;
    let mut stream = server.connect().await;
    for _ in 0..2 {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
        assert_eq!(Answer::read_one(&mut stream).await.body(), "hello");
        // Silence between requests is allowed.
        assert!(!is_closed_soon(&mut stream).await);
    }
    stream.write_all(b"GET / HTTP/1.1\r\nho").await.expect("sent");
    assert_eq!(Answer::read_to_end(&mut stream).await.0, "");
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_connection_without_requests_ends() {
    let server = Running::start(router(), short(|limits, soon| limits.idle = soon)).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    assert_eq!(Answer::read_one(&mut stream).await.body(), "hello");
    assert_eq!(Answer::read_to_end(&mut stream).await.0, "");
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_body_that_stops_is_a_client_error() {
    let server = Running::start(router(), short(|limits, soon| limits.body_idle = soon)).await;
    let half = "POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf";
    let answer = server.ask(half).await;
    assert_eq!((answer.status(), answer.json()["code"].as_str()), (408, Some("REQUEST_TIMEOUT")));
    let answer = server.ask(&half.replace("/read", "/length")).await;
    assert!((400..500).contains(&answer.status()), "{answer:?}");
    let chunked = "POST /read HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    assert_eq!(server.ask(chunked).await.status(), 408);
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let endless = Router::new().route(
        "/",
        on_get(|| async {
            let chunk = || Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b'x'; 65_536]));
            axum::body::Body::from_stream(futures::stream::repeat_with(chunk))
        }),
    );
    let server = Running::start(endless, short(|limits, soon| limits.write_stall = soon)).await;
    let mut stream = server.connect().await;
    stream.write_all(get("/").as_bytes()).await.expect("sent");
    // Nothing is read until the buffers between us are full and the server has waited its time.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let drain = async {
        let mut buffer = vec![0; 1 << 20];
        while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    };
    tokio::time::timeout(PATIENCE, drain).await.expect("an end of an endless answer");
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_the_place_is_used_again() {
    let server = Running::start(router(), Limits { max_connections: 2, ..Limits::default() }).await;
    let mut held = [server.connect().await, server.connect().await];
    for stream in &mut held {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
        assert_eq!(Answer::read_one(stream).await.status(), 200);
    }
    let mut third = server.connect().await;
    assert_eq!(Answer::read_to_end(&mut third).await.0, "");
    drop(held);
    let again = async {
        while server.ask(&get("/")).await.status() != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("a free place");
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn large_headers_and_bodies_have_their_codes() {
    let server = Running::start(router(), Limits::default()).await;
    let large = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    assert_eq!(server.ask(&large).await.status(), 431);
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(200));
    assert_eq!(server.ask(&many).await.status(), 431);
    let fits = "z".repeat(1 << 20);
    assert_eq!(server.ask(&post("/length", "text/plain", &fits)).await.body(), "1048576");
    for path in ["/length", "/read"] {
        let answer = server.ask(&post(path, "text/plain", &format!("{fits}z"))).await;
        assert_eq!((answer.status(), answer.json()["code"].as_str()), (413, Some("PAYLOAD_TOO_LARGE")));
    }
    let garbage = server.ask("\u{0}\u{1}\r\n\r\n").await;
    assert!(garbage.0.is_empty() || garbage.status() == 400, "{garbage:?}");
    server.stop().await.expect("a clean end");
}
