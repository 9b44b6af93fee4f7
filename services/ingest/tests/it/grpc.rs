//! The gRPC door by a real client: results in order, validation only, the bulk topic, keys.

use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::topics::Topic;
use leadflow_proto::ingest::v1::ingest_service_client::IngestServiceClient;
use leadflow_proto::ingest::v1::{Event, PublishEventsRequest, PublishEventsResponse, PublishStatus};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::door::Door;

async fn client(door: &Door) -> IngestServiceClient<Channel> {
    IngestServiceClient::connect(door.url.clone()).await.unwrap()
}

async fn publish(
    door: &Door,
    key: &str,
    events: Vec<Event>,
    validate_only: bool,
) -> Result<PublishEventsResponse, Status> {
    let mut request = Request::new(PublishEventsRequest { events, validate_only });
    if !key.is_empty() {
        request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    }
    client(door).await.publish_events(request).await.map(tonic::Response::into_inner)
}

fn event(id: &str, kind: &str) -> Event {
    Event { message_id: id.to_owned(), r#type: kind.to_owned(), user_id: "u".to_owned(), ..Event::default() }
}

#[tokio::test]
async fn one_result_each_in_order() {
    let door = Door::open().await;
    let mut events: Vec<_> = (0..500).map(|n| event(&format!("m-{n}"), "chat")).collect();
    events[3].user_id.clear();
    events[7].email = "nobody".to_owned();
    let results = publish(&door, &door.keys.server, events, false).await.unwrap().results;
    assert_eq!(results.len(), 500);
    for (n, result) in results.iter().enumerate() {
        assert_eq!(result.message_id, format!("m-{n}"));
        let (status, reason, field) = match n {
            3 => (PublishStatus::Rejected, "MISSING_IDENTIFIER", "user_id"),
            7 => (PublishStatus::Rejected, "INVALID_IDENTIFIER", "email"),
            _ => (PublishStatus::Accepted, "", ""),
        };
        assert_eq!((result.status(), result.reason.as_str(), result.field.as_str()), (status, reason, field), "{n}");
        assert_eq!(result.event_id.is_empty(), status == PublishStatus::Rejected);
    }
    let on_topic = door.events(Topic::Engagement, 498).await;
    assert!(
        results
            .iter()
            .filter(|result| !result.event_id.is_empty())
            .all(|result| on_topic.iter().any(|event| event.event_id == result.event_id))
    );
    assert_eq!(door.rejected(2).await[0].door, "grpc.publish_events");
}

#[tokio::test]
async fn validation_publishes_nothing_and_history_takes_the_bulk_topic() {
    let door = Door::open().await;
    let checked = publish(&door, &door.keys.server, vec![event("m", "chat"), Event::default()], true).await.unwrap();
    let statuses: Vec<_> = checked.results.iter().map(|result| result.status()).collect();
    assert_eq!(statuses, [PublishStatus::Accepted, PublishStatus::Rejected]);
    let old = Event { historical: true, ..event("m", "chat") };
    let sent = publish(&door, &door.keys.server, vec![old], false).await.unwrap();
    let bulk = door.events(Topic::EngagementBulk, 1).await.remove(0);
    assert_eq!((bulk.event_id.as_str(), bulk.historical), (sent.results[0].event_id.as_str(), true));
    assert_eq!(checked.results[0].event_id, sent.results[0].event_id);
    door.events(Topic::Engagement, 0).await;
    door.rejected(0).await;
}

#[tokio::test]
async fn keys_and_numbers_are_checked_for_the_whole_call() {
    let door = Door::open().await;
    let code = |result: Result<PublishEventsResponse, Status>| result.unwrap_err().code();
    assert_eq!(code(publish(&door, "", vec![event("m", "chat")], false).await), Code::Unauthenticated);
    assert_eq!(code(publish(&door, "lf_guess", vec![event("m", "chat")], false).await), Code::Unauthenticated);
    assert_eq!(code(publish(&door, &door.keys.reader, vec![event("m", "chat")], false).await), Code::PermissionDenied);
    assert_eq!(code(publish(&door, &door.keys.browser, vec![event("m", "chat")], false).await), Code::PermissionDenied);
    let many = (0..501).map(|n| event(&n.to_string(), "chat")).collect();
    assert_eq!(code(publish(&door, &door.keys.server, many, false).await), Code::InvalidArgument);
    assert!(publish(&door, &door.keys.server, Vec::new(), false).await.unwrap().results.is_empty());
    door.events(Topic::Engagement, 0).await;
}

#[tokio::test]
async fn without_a_broker_each_event_is_to_be_sent_again() {
    let kafka = KafkaConfig::new("127.0.0.1:9", "away.");
    let door = Door::open_on(kafka, None, |_| ()).await;
    let results =
        publish(&door, &door.keys.server, vec![event("a", "chat"), event("b", "chat")], false).await.unwrap().results;
    assert!(results.iter().all(|result| result.status() == PublishStatus::Retry), "{results:?}");
}
