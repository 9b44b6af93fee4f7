//! HTTP/2 in plain text: what one connection may ask of us.

use std::time::Duration;

use axum::Router;
use axum::routing::get as on_get;
use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use http::Request;
use leadflow_platform::server::Limits;
use tokio::net::TcpStream;

use crate::support::{PATIENCE, Running};

fn router() -> Router {
    Router::new().route("/", on_get(|| async { "hello" })).route("/never", on_get(std::future::pending::<String>))
}

async fn client(server: &Running) -> (SendRequest<Bytes>, Connection<TcpStream, Bytes>) {
    h2::client::handshake(server.connect().await).await.expect("HTTP/2")
}

fn request(path: &str) -> Request<()> {
    Request::get(format!("http://x{path}")).body(()).expect("a request")
}

#[tokio::test]
async fn headers_that_are_too_large_are_refused_and_the_connection_goes_on() {
    let server = Running::start(router(), Limits::default()).await;
    let (mut client, connection) = client(&server).await;
    let asked = async {
        let mut large = request("/");
        large.headers_mut().insert("x", "y".repeat(40_000).parse().expect("a header"));
        let (answer, _) = client.send_request(large, true).expect("sent");
        let refused = match answer.await {
            Ok(response) => response.status().as_u16() == 431,
            Err(error) => error.is_reset(),
        };
        let (answer, _) = client.send_request(request("/"), true).expect("sent");
        (refused, answer.await.expect("an answer").status().as_u16())
    };
    tokio::select! {
        asked = asked => assert_eq!(asked, (true, 200)),
        ended = connection => panic!("{ended:?}"),
    }
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_flood_of_resets_ends_the_connection() {
    let server = Running::start(router(), Limits::default()).await;
    let (client, connection) = client(&server).await;
    let flood = async {
        let mut client = client;
        for number in 1..=4000 {
            client = client.ready().await?;
            let (_, mut stream) = client.send_request(request("/never"), true)?;
            stream.send_reset(h2::Reason::CANCEL);
            // Two hundred at once on the wire, then the answer is heard.
            if number % 200 == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok::<_, h2::Error>(())
    };
    let (connection, flood) =
        tokio::time::timeout(PATIENCE, async { tokio::join!(connection, flood) }).await.expect("an end");
    let error = connection.err().or(flood.err()).expect("the flood did not get through");
    assert!(error.is_go_away() || error.is_io(), "{error:?}");
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn streams_at_a_time_are_limited() {
    let server = Running::start(router(), Limits { http2_streams: 4, ..Limits::default() }).await;
    let (client, connection) = client(&server).await;
    let asked = async {
        let mut client = client.ready().await.expect("ready");
        let (first, _) = client.send_request(request("/"), true).expect("sent");
        first.await.expect("an answer");
        client.current_max_send_streams()
    };
    tokio::select! {
        streams = asked => assert_eq!(streams, 4),
        ended = connection => panic!("{ended:?}"),
    }
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_connection_without_requests_is_said_goodbye() {
    let server = Running::start(router(), Limits { idle: Duration::from_millis(200), ..Limits::default() }).await;
    let (client, connection) = client(&server).await;
    let asked = async {
        let mut client = client.ready().await.expect("ready");
        let (answer, _) = client.send_request(request("/"), true).expect("sent");
        answer.await.expect("an answer");
        client
    };
    let both = async { tokio::join!(connection, asked) };
    let (ended, _client) = tokio::time::timeout(PATIENCE, both).await.expect("an end");
    ended.expect("GOAWAY without an error");
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_stream_that_never_ends_is_cut_by_the_drain() {
    let server = Running::start(router(), Limits { drain: Duration::from_millis(200), ..Limits::default() }).await;
    let (client, connection) = client(&server).await;
    let asked = async {
        let mut client = client.ready().await.expect("ready");
        let (answer, _) = client.send_request(request("/never"), true).expect("sent");
        let (first, _) = client.send_request(request("/"), true).expect("sent");
        first.await.expect("an answer");
        server.stop().await.expect("a clean end");
        answer.await.expect_err("cut");
    };
    let both = async { tokio::join!(connection, asked) };
    let _ = tokio::time::timeout(PATIENCE, both).await.expect("an end");
}
