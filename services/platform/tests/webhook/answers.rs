//! What an endpoint does with a request, and the verdict.

use std::net::TcpListener;
use std::time::Duration;

use leadflow_platform::webhook::{Delivery, Failure, LONGEST_RETRY_AFTER, Limits, PerEndpoint};

use crate::support::{PATIENCE, Receiver, Script, client, deliver, impatient_client, patient_client};

fn retry(reason: Failure) -> Delivery {
    Delivery::Retry { reason, after: None }
}

fn answer(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: 2\r\n\r\nok")
}

#[tokio::test]
async fn every_kind_of_answer_has_its_verdict() {
    let asked = |status, after| Delivery::Retry { reason: Failure::Status(status), after: Some(after) };
    let client = client();
    for (status, headers, expected) in [
        ("200 OK", "", Delivery::Delivered { status: 200 }),
        ("202 Accepted", "", Delivery::Delivered { status: 202 }),
        ("400 Bad Request", "", retry(Failure::Status(400))),
        ("401 Unauthorized", "www-authenticate: Basic\r\n", retry(Failure::Status(401))),
        ("404 Not Found", "retry-after: 7\r\n", retry(Failure::Status(404))),
        ("408 Request Timeout", "", retry(Failure::Status(408))),
        ("410 Gone", "", Delivery::Disabled),
        ("425 Too Early", "", retry(Failure::Status(425))),
        ("429 Too Many Requests", "", retry(Failure::Status(429))),
        ("429 Too Many Requests", "Retry-After: 7\r\n", asked(429, Duration::from_secs(7))),
        ("429 Too Many Requests", "Retry-After: soon\r\n", retry(Failure::Status(429))),
        ("429 Too Many Requests", "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\n", asked(429, LONGEST_RETRY_AFTER)),
        ("503 Unavailable", "retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n", asked(503, Duration::ZERO)),
        ("503 Unavailable", "retry-after: 99999999999\r\n", asked(503, LONGEST_RETRY_AFTER)),
        ("500 Internal Server Error", "", retry(Failure::Status(500))),
        ("502 Bad Gateway", "", retry(Failure::Status(502))),
        ("599 Whatever", "", retry(Failure::Status(599))),
        ("999 Beyond", "", retry(Failure::Status(999))),
        ("101 Switching Protocols", "connection: upgrade\r\nupgrade: x\r\n", retry(Failure::Status(101))),
    ] {
        let receiver = Receiver::start(Script::AnswerAndClose(answer(status, headers))).await;
        assert_eq!(deliver(&client, &receiver.url("/hook")).await, expected, "{status} {headers:?}");
        assert_eq!(receiver.connections(), 1, "{status}: one attempt is one request");
    }
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_nobody_goes_there() {
    let target = Receiver::start(Script::Answer(answer("200 OK", ""))).await;
    for status in ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let code = status[..3].parse().expect("a status");
        let location = format!("location: {}\r\n", target.url("/elsewhere"));
        let receiver = Receiver::start(Script::Answer(answer(status, &location))).await;
        assert_eq!(deliver(&client(), &receiver.url("/hook")).await, retry(Failure::Redirect(code)));
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn who_never_answers_is_given_up() {
    for start in ["", "HTTP/1.1 ", "HTTP/1.1 200 OK\r\nx: y\r\n"] {
        let mut receiver = Receiver::start(Script::AnswerAndHang(start.to_owned())).await;
        assert_eq!(deliver(&impatient_client(), &receiver.url("/")).await, retry(Failure::Timeout), "{start:?}");
        receiver.closed().await;
    }
    let mut receiver = Receiver::start(Script::Endless("", "HTTP/1.1 100 Continue\r\n\r\n")).await;
    assert_eq!(deliver(&impatient_client(), &receiver.url("/")).await, retry(Failure::Timeout));
    receiver.closed().await;
}

#[tokio::test]
async fn an_endless_answer_is_dropped_after_its_status() {
    let patient = patient_client(Limits { drain: 10 * PATIENCE, ..Limits::default() });
    for (head, expected) in [
        ("HTTP/1.1 200 OK\r\n\r\n", Delivery::Delivered { status: 200 }),
        ("HTTP/1.1 500 No\r\n\r\n", retry(Failure::Status(500))),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", Delivery::Delivered { status: 200 }),
        ("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n", Delivery::Delivered { status: 200 }),
    ] {
        let mut receiver = Receiver::start(Script::Endless(head, "more and more and more ")).await;
        assert_eq!(deliver(&patient, &receiver.url("/")).await, expected, "{head:?}");
        receiver.closed().await;
    }
    let mut receiver = Receiver::start(Script::Endless("HTTP/1.1 200 OK\r\n", "x: and one header more\r\n")).await;
    assert_eq!(deliver(&patient, &receiver.url("/")).await, retry(Failure::Cut), "a head without an end is no answer");
    receiver.closed().await;
}

#[tokio::test]
async fn a_body_that_stops_in_the_middle_is_not_waited_for() {
    let start = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nten bytes.".to_owned();
    let mut hanging = Receiver::start(Script::AnswerAndHang(start.clone())).await;
    let patient = patient_client(Limits { drain: Duration::from_millis(100), ..Limits::default() });
    assert_eq!(deliver(&patient, &hanging.url("/")).await, Delivery::Delivered { status: 200 });
    hanging.closed().await;
    let cut = Receiver::start(Script::AnswerAndClose(start)).await;
    assert_eq!(deliver(&client(), &cut.url("/")).await, Delivery::Delivered { status: 200 });
}

#[tokio::test]
async fn a_cut_before_the_answer_leaves_it_open() {
    for start in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\ncontent-", "SSH-2.0-OpenSSH_9.6\r\n", "<html>\r\n\r\n"] {
        let receiver = Receiver::start(Script::AnswerAndClose(start.to_owned())).await;
        assert_eq!(deliver(&client(), &receiver.url("/")).await, retry(Failure::Cut), "{start:?}");
    }
}

#[tokio::test]
async fn nobody_there_and_nobody_who_speaks_tls() {
    let freed = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let refused = deliver(&client(), &format!("http://{freed}/")).await;
    assert_eq!(refused, retry(Failure::Connect(std::io::ErrorKind::ConnectionRefused)));
    // The kernel connects, nobody ever takes the connection.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("https://{}/", silent.local_addr().expect("an address"));
    assert_eq!(deliver(&impatient_client(), &url).await, retry(Failure::ConnectTimeout));
}

#[tokio::test]
async fn connections_are_used_again_when_the_answer_is_short() {
    let mut receiver = Receiver::start(Script::Answer(answer("200 OK", ""))).await;
    let client = client();
    for _ in 0..3 {
        assert_eq!(deliver(&client, &receiver.url("/")).await, Delivery::Delivered { status: 200 });
        receiver.received().await;
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_slow_endpoint_holds_up_itself_alone() {
    let (client, turns) = (client(), PerEndpoint::new(1));
    let mut slow = Receiver::start(Script::AnswerAndHang(String::new())).await;
    let quick = Receiver::start(Script::Answer(answer("200 OK", ""))).await;
    let mut attempts = tokio::task::JoinSet::new();
    let turn = turns.try_take("slow").expect("free");
    let (sender, url) = (client.clone(), slow.url("/"));
    attempts.spawn(async move {
        let _turn = turn;
        deliver(&sender, &url).await
    });
    slow.received().await;
    assert!(turns.try_take("slow").is_none());
    let turn = turns.try_take("quick").expect("free");
    assert_eq!(deliver(&client, &quick.url("/")).await, Delivery::Delivered { status: 200 });
    drop(turn);
    attempts.shutdown().await;
    assert!(turns.try_take("slow").is_some(), "an attempt that is given up gives its turn back");
}
