//! Draining, and the addresses of a role.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get as on_get;
use leadflow_platform::server::{self, Limits, ServerConfig};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::support::{Answer, PATIENCE, Running, get};

struct Gate {
    arrived: Notify,
    open: Notify,
}

fn gated(gate: &Arc<Gate>) -> Router {
    let gate = Arc::clone(gate);
    let handler = move || async move {
        gate.arrived.notify_one();
        gate.open.notified().await;
        "done"
    };
    Router::new().route("/slow", on_get(handler)).route("/", on_get(|| async { "hello" }))
}

fn gate() -> Arc<Gate> {
    Arc::new(Gate { arrived: Notify::new(), open: Notify::new() })
}

#[tokio::test]
async fn a_drain_finishes_what_is_in_flight_and_takes_nothing_new() {
    let gate = gate();
    let server = Running::start(gated(&gate), Limits::default()).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    Answer::read_one(&mut idle).await;
    let mut silent = server.connect().await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    gate.arrived.notified().await;

    let (address, stop) = (server.address, server.tasks.stop_token());
    let client = async {
        stop.cancelled().await;
        // Connections without a request end at once.
        assert_eq!(Answer::read_to_end(&mut idle).await.0, "");
        assert_eq!(Answer::read_to_end(&mut silent).await.0, "");
        TcpStream::connect(address).await.expect_err("nothing listens any more");
        gate.open.notify_one();
        let answer = Answer::read_to_end(&mut busy).await;
        assert_eq!((answer.status(), answer.body()), (200, "done"));
    };
    let (ended, ()) = tokio::join!(server.stop(), client);
    ended.expect("a clean end");
}

#[tokio::test]
async fn a_drain_cuts_what_does_not_end() {
    let gate = gate();
    let server = Running::start(gated(&gate), Limits { drain: Duration::from_millis(100), ..Limits::default() }).await;
    let mut busy = server.connect().await;
    busy.write_all(get("/slow").as_bytes()).await.expect("sent");
    gate.arrived.notified().await;
    let (ended, answer) = tokio::join!(server.stop(), Answer::read_to_end(&mut busy));
    ended.expect("slow clients are no failure of ours");
    assert_eq!(answer.0, "");
}

#[tokio::test]
async fn a_handler_knows_the_peer() {
    let peer = |ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>| async move { peer.to_string() };
    let server = Running::start(Router::new().route("/", on_get(peer)), Limits::default()).await;
    let mut stream = server.connect().await;
    let own = stream.local_addr().expect("an address").to_string();
    stream.write_all(get("/").as_bytes()).await.expect("sent");
    assert_eq!(Answer::read_to_end(&mut stream).await.body(), own);
    server.stop().await.expect("a clean end");
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_that_names_it() {
    let first = server::bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
    let error = format!("{:#}", server::bind(first.local_addr()).await.expect_err("taken"));
    assert!(error.starts_with(&format!("could not listen on {}", first.local_addr())), "{error}");
}

#[test]
fn the_ops_port_is_a_thousand_above() {
    let config = ServerConfig::on_port(8080);
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.ops_address().to_string(), "127.0.0.1:9080");
    assert_eq!(ServerConfig::on_port(0).ops_address().port(), 0);
    assert_eq!(config.limits(), Limits::default());
    assert!(PATIENCE > config.limits().drain);
}
