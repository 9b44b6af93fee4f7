//! Addresses that are nobody's business: literal ones in every notation, and names that resolve to them, now or the next
//! time. Every refusal here has its counterpart that gets through, so that a guard that lets nothing out fails too.

use std::net::SocketAddr;
use std::sync::Arc;

use leadflow_platform::webhook::{Delivery, Failure, Limits, Refusal, SystemNames, WebhookClient};

use crate::support::{Names, Receiver, Script, client, client_with, config, deliver};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn ok() -> Script {
    Script::AnswerAndClose(OK.to_owned())
}

fn guarded(allow_networks: &[&str], names: Arc<Names>) -> WebhookClient {
    client_with(config(allow_networks), Limits::default(), names)
}

fn refused_range(delivery: &Delivery) -> &'static str {
    match delivery {
        Delivery::Refused { reason: Refusal::Address(refused) } => refused.range.name,
        other => panic!("expected a refused address, got {other:?}"),
    }
}

#[tokio::test]
async fn loopback_is_refused_in_every_notation() {
    let trap = Receiver::start(ok()).await;
    let port = trap.address.port();
    let guarded = client_with(config(&[]), Limits::default(), Arc::new(SystemNames));
    let hosts = [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "１２７.０.０.１",
        "①②⑦.⓪.⓪.①",
        "localhost",
        "LOCALHOST",
    ];
    for host in hosts {
        let url = format!("http://{host}:{port}/");
        assert_eq!(refused_range(&deliver(&guarded, &url).await), "loopback", "{url}");
        assert_eq!(trap.connections(), 0, "{url}");
    }
    for (host, name) in [("0.0.0.0", "unspecified"), ("0", "unspecified")] {
        assert_eq!(refused_range(&deliver(&guarded, &format!("http://{host}:{port}/")).await), name);
    }
    for host in ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]"] {
        let range = refused_range(&deliver(&guarded, &format!("http://{host}:{port}/")).await).to_owned();
        assert!(range.ends_with("(mapped)"), "{host}: {range}");
    }
    assert_eq!(trap.connections(), 0);
    // The same URLs lead to the trap if an operator says so.
    let allowed = client();
    for host in hosts {
        let delivery = deliver(&allowed, &format!("http://{host}:{port}/")).await;
        assert_eq!(delivery, Delivery::Delivered { status: 200 }, "{host}");
    }
    assert_eq!(trap.connections(), hosts.len());
}

#[tokio::test]
async fn loopback_of_ipv6_is_refused_too() {
    let Ok(trap) = Receiver::start_on("[::1]:0".parse().expect("an address"), ok()).await else {
        return; // This machine has no IPv6; the tables of the module hold all the same.
    };
    let port = trap.address.port();
    let guarded = guarded(&["127.0.0.0/8"], Names::new([&["::1"]]));
    for host in ["[::1]", "[0:0:0:0:0:0:0:1]", "[::0.0.0.1]", "name.test"] {
        assert_eq!(refused_range(&deliver(&guarded, &format!("http://{host}:{port}/")).await), "loopback", "{host}");
    }
    assert_eq!(trap.connections(), 0);
    let allowed = client_with(config(&["::1"]), Limits::default(), Names::new([&["::1"]]));
    let delivery = deliver(&allowed, &format!("http://name.test:{port}/")).await;
    assert_eq!(delivery, Delivery::Delivered { status: 200 });
}

/// Two receivers on one port: 127.0.0.2, which stands for a public address here, and 127.0.0.1, which must not be reached.
async fn two_on_one_port() -> (Receiver, Receiver) {
    loop {
        let public = Receiver::start_on(([127, 0, 0, 2], 0).into(), ok()).await.expect("a free port");
        let inside = SocketAddr::from(([127, 0, 0, 1], public.address.port()));
        if let Ok(trap) = Receiver::start_on(inside, ok()).await {
            return (public, trap);
        }
    }
}

#[tokio::test]
async fn a_name_that_is_rebound_between_two_attempts_gains_nothing() {
    let (public, trap) = two_on_one_port().await;
    let names = Names::new([&["127.0.0.2"], &["127.0.0.1"]]);
    let guarded = guarded(&["127.0.0.2"], Arc::clone(&names));
    let url = format!("http://hooks.customer.test:{}/", public.address.port());
    assert_eq!(deliver(&guarded, &url).await, Delivery::Delivered { status: 200 });
    assert_eq!(refused_range(&deliver(&guarded, &url).await), "loopback");
    assert_eq!((public.connections(), trap.connections()), (1, 0));
}

#[tokio::test]
async fn what_was_looked_at_is_what_is_connected_to() {
    let (public, trap) = two_on_one_port().await;
    // Every second answer points inside: whoever looks once to check and once to connect is caught.
    let names = Names::new([&["127.0.0.2"], &["127.0.0.1"], &["127.0.0.2"], &["127.0.0.1"], &["127.0.0.2"]]);
    let guarded = guarded(&["127.0.0.2"], Arc::clone(&names));
    let url = format!("http://hooks.customer.test:{}/", public.address.port());
    for attempt in 1..=5 {
        let delivery = deliver(&guarded, &url).await;
        assert_eq!(names.asked(), attempt, "one look-up an attempt");
        match attempt % 2 {
            1 => assert_eq!(delivery, Delivery::Delivered { status: 200 }),
            _ => assert_eq!(refused_range(&delivery), "loopback"),
        }
    }
    assert_eq!((public.connections(), trap.connections()), (3, 0));
}

#[tokio::test]
async fn of_mixed_answers_only_what_is_permitted_is_tried() {
    let (public, trap) = two_on_one_port().await;
    let port = public.address.port();
    let guarded = guarded(&["127.0.0.2"], Names::new([&["127.0.0.1", "::1", "127.0.0.2", "10.0.0.1"]]));
    assert_eq!(deliver(&guarded, &format!("http://mixed.test:{port}/")).await, Delivery::Delivered { status: 200 });
    // Nobody is there any more: the others are no fallback.
    public.stop().await;
    let delivery = deliver(&guarded, &format!("http://mixed.test:{port}/")).await;
    let refused = Failure::Connect(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(delivery, Delivery::Retry { reason: refused, after: None });
    assert_eq!(trap.connections(), 0);
    // Without the guard the trap is what is reached first.
    let open = client_with(config(&["127.0.0.0/8"]), Limits::default(), Names::new([&["127.0.0.1", "127.0.0.2"]]));
    assert_eq!(deliver(&open, &format!("http://mixed.test:{port}/")).await, Delivery::Delivered { status: 200 });
    assert_eq!(trap.connections(), 1);
}

#[tokio::test]
async fn a_name_without_an_address_is_tried_again() {
    let guarded = guarded(&[], Names::new([&[]]));
    let delivery = deliver(&guarded, "http://nowhere.test:8080/").await;
    assert_eq!(delivery, Delivery::Retry { reason: Failure::Name, after: None });
}

#[tokio::test]
async fn scheme_and_port_are_refused_before_anybody_is_asked() {
    let names = Names::new([&["127.0.0.1"]]);
    let mut strict = config(&["127.0.0.0/8"]);
    strict.allow_http = false;
    let strict = client_with(strict, Limits::default(), names.clone());
    for (url, code) in [
        ("http://hooks.customer.test/", "scheme"),
        ("https://hooks.customer.test:22/", "port"),
        ("https://hooks.customer.test:25/", "port"),
        ("https://127.0.0.1:1023/", "port"),
    ] {
        match deliver(&strict, url).await {
            Delivery::Refused { reason } => assert_eq!(reason.code(), code, "{url}"),
            other => panic!("{url}: {other:?}"),
        }
    }
    assert_eq!(names.asked(), 0);
}
