//! The whole path over real sockets: a request at the door, an offer on the stream, the reasons, and the way back.

use std::time::Duration;

use leadflow_e2e::Line;
use leadflow_platform::topics::Topic;
use leadflow_proto::assignment::v1::assignment_stream_service_client::AssignmentStreamServiceClient;
use leadflow_proto::assignment::v1::rep_service_client::RepServiceClient;
use leadflow_proto::assignment::v1::{AcceptLeadRequest, AssignmentEvent, Guard, WatchAssignmentsRequest};
use leadflow_proto::qualification::v1::lead_service_client::LeadServiceClient;
use leadflow_proto::qualification::v1::{GetLeadRequest, get_lead_request};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(60);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// The next event of this type on the stream.
async fn next(
    stream: &mut tonic::Streaming<leadflow_proto::assignment::v1::WatchAssignmentsResponse>,
    kind: &str,
) -> AssignmentEvent {
    let wanted = async {
        loop {
            let answer = stream.message().await.expect("a stream").expect("no end");
            let events = answer.items.into_iter().filter_map(|item| item.event);
            if let Some(event) = { events }.find(|event| event.r#type == kind) {
                return event;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wanted).await.unwrap_or_else(|_| panic!("no {kind} after a minute"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_raised_hand_at_the_door_is_an_offer_with_reasons_and_comes_back_as_the_leads_owner() {
    let line = Line::open().await.expect("a line");
    let mut watch = AssignmentStreamServiceClient::new(line.channel(&line.assignment).await.expect("a channel"));
    let mut stream = watch.watch_assignments(WatchAssignmentsRequest::default()).await.expect("a stream").into_inner();

    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let post = async |method: &str, body: serde_json::Value| {
        let request = client.post(format!("{}/v1/{method}", line.ingest)).basic_auth(&line.write_key, Some(""));
        let request = request.header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01")).json(&body);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap_or_default());
    };
    // Read before anybody knew who it was, then a name, then a raised hand. All three name the browser, as a page's
    // own client does: order is kept per browser, and not between a browser and a user id.
    post("page", json!({ "anonymousId": "b-1", "messageId": "m-1", "properties": { "path": "/pricing" } })).await;
    post(
        "identify",
        json!({ "anonymousId": "b-1", "userId": "u-1", "messageId": "m-2",
        "traits": { "email": "kim@acme.example", "title": "Head of Sales" } }),
    )
    .await;
    post(
        "track",
        json!({ "anonymousId": "b-1", "userId": "u-1", "messageId": "m-3", "event": "Demo Requested",
        "properties": { "message": "Please call me" } }),
    )
    .await;

    let offered = next(&mut stream, "leadflow.assignment.offered.v1").await;
    let lead = offered.lead.as_ref().expect("a snapshot");
    let assignment = offered.assignment.as_ref().expect("an assignment");
    assert_eq!((lead.email.as_str(), lead.hand_raise, lead.stage.as_str()), ("kim@acme.example", true, "mql"));
    assert_eq!(lead.reasons.iter().map(|reason| reason.milli_points).sum::<i32>(), lead.engagement_milli_points);
    assert!(lead.reasons.iter().any(|reason| reason.event_ids.len() == 1), "{:?}", lead.reasons);
    assert!(!assignment.rep_id.is_empty() && !assignment.reasons.is_empty());

    // The rep takes it; qualification hears of it and the lead has an owner.
    let mut reps = RepServiceClient::new(line.channel(&line.assignment).await.expect("a channel"));
    let (lead_id, rep_id) = (offered.lead_id.clone(), assignment.rep_id.clone());
    let guard = Guard { request_id: "accept-1".to_owned(), rep_id: rep_id.clone(), ..Default::default() };
    reps.accept_lead(AcceptLeadRequest { lead_id: lead_id.clone(), guard: Some(guard) }).await.expect("accepted");
    assert_eq!(next(&mut stream, "leadflow.assignment.accepted.v1").await.lead_id, lead_id);
    let mut leads = LeadServiceClient::new(line.channel(&line.qualification).await.expect("a channel"));
    let key = Some(get_lead_request::Key::LeadId(lead_id.clone()));
    let mut owner = String::new();
    for _ in 0..600 {
        let answer = leads.get_lead(GetLeadRequest { key: key.clone() }).await.expect("the lead");
        let found = answer.into_inner().lead.and_then(|lead| lead.snapshot).and_then(|snapshot| snapshot.owner);
        owner = found.map(|owner| owner.rep_id).unwrap_or_default();
        if owner == rep_id {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(owner, rep_id, "the owner comes back to qualification");

    // One trace from the request to the offer, through both services.
    for topic in [Topic::Engagement, Topic::Lead, Topic::Assignment] {
        let records = line.kafka.records(topic).await;
        let traced = records.iter().filter(|record| {
            let header = record.headers.get("traceparent");
            header.is_some_and(|value| value.windows(TRACE.len()).any(|part| part == TRACE.as_bytes()))
        });
        assert!(traced.count() > 0, "the trace is not on {topic:?}");
    }
    line.close().await.expect("a clean end");
}
