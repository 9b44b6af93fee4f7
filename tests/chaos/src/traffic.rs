//! The senders: an open loop over two replicas of ingest, half by Segment batches over HTTP, half by gRPC. An event that
//! was not acknowledged is sent again with the same id until it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use leadflow_proto::ingest::v1::{Event, PublishEventsRequest, PublishStatus};
use leadflow_simulator::call::Call;
use leadflow_simulator::load::{Load, Shape, Touch};
use leadflow_stand::Replica;
use serde_json::{Value, json};

use crate::acks::{Ack, AckLog};

/// How many events were acknowledged, and of how many.
#[derive(Clone, Default)]
pub(crate) struct Progress(Arc<(AtomicU64, AtomicU64)>);

impl Progress {
    /// Share acknowledged, per mille.
    pub(crate) fn per_mille(&self) -> u32 {
        let (done, all) = (self.0.0.load(Ordering::Relaxed), self.0.1.load(Ordering::Relaxed));
        u32::try_from((done * 1000).checked_div(all).unwrap_or(0)).unwrap_or(1000)
    }
}

/// Persons of the load: few enough that every one of them is asked for at the end.
pub(crate) const PERSONS: u32 = 2000;
const BATCH: u64 = 20;
/// Requests in flight at most: a broker that is away must not make the sender's memory grow.
const IN_FLIGHT: usize = 32;

/// Sends `events` at `rate` a second and returns when all are acknowledged.
pub(crate) async fn send(
    replicas: Vec<Replica>,
    seed: u64,
    events: u64,
    rate: u32,
    acks: AckLog,
    progress: Progress,
) -> anyhow::Result<()> {
    progress.0.1.store(events, Ordering::Relaxed);
    let shape = Shape { persons: PERSONS, skew: 0.8, hand_raises_per_10k: 100, identifies_per_10k: 600 };
    let mut load = Load::new(seed, shape, now());
    let pause = Duration::from_secs_f64(BATCH as f64 / f64::from(rate.max(1)));
    let start = tokio::time::Instant::now();
    let batches = (0..events.div_ceil(BATCH)).map(|number| {
        let size = BATCH.min(events - number * BATCH);
        (number, (0..size).map(|_| load.touch()).collect::<Vec<_>>())
    });
    let sends = futures::stream::iter(batches).map(|(number, touches)| {
        let (replicas, acks, progress) = (&replicas, acks.clone(), progress.clone());
        async move {
            tokio::time::sleep_until(start + pause * u32::try_from(number).unwrap_or(u32::MAX)).await;
            let acked = deliver(replicas, number, touches).await;
            progress.0.0.fetch_add(acked.len() as u64, Ordering::Relaxed);
            acks.append(&acked)
        }
    });
    let mut sends = std::pin::pin!(sends.buffer_unordered(IN_FLIGHT));
    while let Some(sent) = sends.next().await {
        sent?;
    }
    Ok(())
}

/// Tries replica after replica until the whole batch is acknowledged.
async fn deliver(replicas: &[Replica], number: u64, touches: Vec<Touch>) -> Vec<Ack> {
    let mut open = touches;
    let mut acked = Vec::new();
    for attempt in 0u64.. {
        let replica = &replicas[usize::try_from(number + attempt).unwrap_or(0) % replicas.len()];
        if number.is_multiple_of(2) {
            if send_http(replica, &open).await {
                acked.extend(open.drain(..).map(|touch| ack(touch, "http", None)));
            }
        } else {
            open = send_grpc(replica, open, &mut acked).await;
        }
        if open.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100 + 50 * attempt.min(20))).await;
    }
    acked
}

fn ack(touch: Touch, door: &str, event_id: Option<String>) -> Ack {
    Ack {
        message_id: touch.message_id,
        person: touch.person,
        hand_raise: touch.hand_raise,
        door: door.to_owned(),
        event_id,
    }
}

async fn send_http(replica: &Replica, touches: &[Touch]) -> bool {
    let batch: Vec<&Value> = touches.iter().map(|touch| &touch.body).collect();
    let call = Call::Segment { method: "batch", body: json!({ "batch": batch }) };
    let answer = tokio::time::timeout(Duration::from_secs(10), replica.http.send(&call)).await;
    matches!(answer, Ok(Ok(answer)) if answer.accepted())
}

/// Returns what was not acknowledged.
async fn send_grpc(replica: &Replica, touches: Vec<Touch>, acked: &mut Vec<Ack>) -> Vec<Touch> {
    let request = PublishEventsRequest { events: touches.iter().map(grpc_event).collect(), validate_only: false };
    let mut client = replica.grpc.clone();
    let Ok(Ok(response)) = tokio::time::timeout(Duration::from_secs(10), client.publish_events(request)).await else {
        return touches;
    };
    let mut open = Vec::new();
    for (touch, result) in touches.into_iter().zip(response.into_inner().results) {
        match result.status() {
            PublishStatus::Accepted => acked.push(ack(touch, "grpc", Some(result.event_id))),
            _ => open.push(touch),
        }
    }
    open
}

/// The same touch in the words of the gRPC door.
fn grpc_event(touch: &Touch) -> Event {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let body = &touch.body;
    let at: Option<Timestamp> = text(&body["timestamp"]).parse().ok();
    let email = text(&body["traits"]["email"]);
    Event {
        message_id: touch.message_id.clone(),
        r#type: match touch.method {
            "track" => text(&body["event"]),
            other => other.to_owned(),
        },
        anonymous_id: text(&body["anonymousId"]),
        email,
        occurred_at: at.map(|at| pbjson_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }),
        properties: serde_json::from_value(body["properties"].clone()).ok(),
        traits: serde_json::from_value(body["traits"].clone()).ok(),
        ..Default::default()
    }
}

#[expect(clippy::disallowed_methods, reason = "the senders live outside: their wall clock is the visitors' clock")]
fn now() -> Timestamp {
    Timestamp::now()
}
