//! gRPC by hand, byte for byte: what no client library sends, and deadlines that it would hold by itself.

use leadflow_platform::grpc::MAX_MESSAGE_BYTES;
use leadflow_proto::ingest::v1::{Event, PublishEventsRequest};
use prost::Message as _;
use tonic::{Code, Status};

use crate::grpc::{Role, reason};

/// Calls with these bytes as the one message; `claimed`: as how long it is announced. `headers` are added.
async fn call(role: &Role, message: &[u8], claimed: usize, headers: &[(&str, &str)]) -> Status {
    let stream = tokio::net::TcpStream::connect(role.address).await.expect("a connection");
    let (mut client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    let path = format!("http://{}/leadflow.ingest.v1.IngestService/PublishEvents", role.address);
    let mut request = http::Request::post(path)
        .header("content-type", "application/grpc")
        .header("authorization", format!("Bearer {}", role.key));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let frame = [&[0][..], &u32::try_from(claimed).expect("short").to_be_bytes(), message].concat();
    let call = async {
        let (response, mut body) = client.send_request(request.body(()).expect("a request"), false).expect("sent");
        body.send_data(frame.into(), true).expect("sent");
        response.await.expect("an answer")
    };
    let response = tokio::select! {
        response = call => response,
        ended = connection => panic!("{ended:?}"),
    };
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &"application/grpc".parse().expect("text"))
    );
    assert!(response.headers().contains_key("x-request-id"));
    Status::from_header_map(response.headers()).expect("a status without a body")
}

#[tokio::test]
async fn bytes_that_are_no_message_are_the_callers_fault() {
    let role = Role::start().await;
    let mut no_text = PublishEventsRequest {
        events: vec![Event { user_id: "jane-17".to_owned(), ..Event::default() }],
        ..PublishEventsRequest::default()
    }
    .encode_to_vec();
    let place = no_text.windows(4).position(|window| window == b"jane").expect("the id");
    no_text[place] = 0xff;
    for message in [vec![0xff; 50], vec![0x0a; 100], no_text] {
        let status = call(&role, &message, message.len(), &[]).await;
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "INVALID_PROTOBUF"),
            "{status:?}"
        );
        assert!(status.message().starts_with("the request is not the protobuf message of this method: "), "{status:?}");
        assert!(!format!("{status:?}").contains("ane-17"), "{status:?}");
    }
    assert_eq!(role.ask(role.request("")).await.expect("the server goes on"), "sender");
    role.stop().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_is_no_cursor() {
    let role = Role::start().await;
    // Refused by its announced length: nothing of it was sent.
    let status = call(&role, b"", MAX_MESSAGE_BYTES + 1, &[]).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "PAYLOAD_TOO_LARGE"), "{status:?}");
    assert_eq!(status.message(), "the message is too large: found 4194305 bytes, the limit is: 4194304 bytes");
    role.stop().await;
}

#[tokio::test]
async fn what_is_our_fault_stays_ours() {
    let role = Role::start().await;
    for kind in ["defect", "panic"] {
        let message = role.request(kind).into_inner().encode_to_vec();
        let status = call(&role, &message, message.len(), &[]).await;
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Internal, "INTERNAL"), "{kind}: {status:?}");
    }
    let message = role.request("expired").into_inner().encode_to_vec();
    let status = call(&role, &message, message.len(), &[]).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::OutOfRange, "CURSOR_EXPIRED"), "{status:?}");
    role.stop().await;
}

#[tokio::test]
async fn the_callers_deadline_ends_the_call() {
    let role = Role::start().await;
    // By hand: tonic's client would end the call by itself.
    let message = role.request("wait").into_inner().encode_to_vec();
    let status = call(&role, &message, message.len(), &[("grpc-timeout", "100m")]).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    role.stop().await;
}
