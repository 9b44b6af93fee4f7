//! `IngestService.PublishEvents`: up to 500 events, one result each, in order. An event that is wrong is a result, not an
//! error of the call; the call fails only for what concerns all of it.

use std::sync::Arc;

use http::HeaderMap;
use leadflow_platform::access::Grant;
use leadflow_platform::clock::wall_now;
use leadflow_platform::error::ApiError;
use leadflow_platform::grpc::grant;
use leadflow_proto::ingest::v1::ingest_service_server::IngestService;
use leadflow_proto::ingest::v1::{Event, PublishEventsRequest, PublishEventsResponse, PublishResult, PublishStatus};
use prost::Message as _;
use tonic::{Request, Response, Status};

use super::{Doors, sender};
use crate::domain::reject::Reject;
use crate::domain::rules::SourceRules;
use crate::domain::{limits, published};
use crate::publish::Outbound;
use crate::wire;
use crate::wire::rejected::Refused;

/// The gRPC door.
#[derive(Clone, Debug)]
pub(crate) struct Ingest {
    doors: Arc<Doors>,
}

impl Ingest {
    pub(crate) fn new(doors: Arc<Doors>) -> Self {
        Self { doors }
    }
}

#[tonic::async_trait]
impl IngestService for Ingest {
    async fn publish_events(
        &self,
        request: Request<PublishEventsRequest>,
    ) -> Result<Response<PublishEventsResponse>, Status> {
        let grant = grant(&request)?;
        // A page cannot speak gRPC: a browser's key is refused here, because no Origin comes along.
        sender::may_publish(&grant, &HeaderMap::new())?;
        let request = request.into_inner();
        if request.events.len() > limits::PUBLISH_EVENTS {
            return Err(ApiError::invalid("events", "at most 500 events a call: send several").into());
        }
        self.doors.rate_limits.take_events(&grant, request.events.len())?;
        let results = self.publish(&grant, &request).await;
        Ok(Response::new(PublishEventsResponse { results }))
    }
}

impl Ingest {
    async fn publish(&self, grant: &Grant, request: &PublishEventsRequest) -> Vec<PublishResult> {
        let publisher = &self.doors.publisher;
        let rules = self.doors.sources.current().source(grant.source());
        let received_at = wall_now();
        let mut out = Outbound::with_capacity(request.events.len());
        let mut results: Vec<PublishResult> = Vec::with_capacity(request.events.len());
        for event in &request.events {
            let mapped = wire::published::read(event)
                .and_then(|read| published::engagement(read, received_at, sender::kind_of(grant), &rules));
            results.push(match mapped {
                Ok(mapped) if request.validate_only => {
                    accepted(event, mapped.event_id.map(|id| id.to_string()).unwrap_or_default())
                }
                Ok(mapped) => accepted(event, publisher.accept(&mut out, &mapped, &rules.id).to_string()),
                Err(reject) => {
                    if !request.validate_only {
                        self.keep(&mut out, event, &rules, received_at, &reject);
                    }
                    rejected(event, reject)
                }
            });
        }
        if !request.validate_only {
            let acknowledged = publisher.send_each(out, "grpc", &rules.id).await;
            for (result, _) in results.iter_mut().zip(acknowledged).filter(|(_, acknowledged)| !acknowledged) {
                ask_again(result);
            }
        }
        results
    }

    fn keep(
        &self,
        out: &mut Outbound,
        event: &Event,
        rules: &SourceRules,
        received_at: jiff::Timestamp,
        reject: &Reject,
    ) {
        let raw = event.encode_to_vec();
        let refused = Refused {
            source: &rules.id,
            door: "grpc.publish_events",
            raw: &raw,
            content_type: "application/protobuf; messageType=leadflow.ingest.v1.Event",
            received_at,
        };
        self.doors.publisher.reject(out, &refused, reject);
    }
}

fn accepted(event: &Event, event_id: String) -> PublishResult {
    PublishResult {
        message_id: event.message_id.clone(),
        status: PublishStatus::Accepted.into(),
        event_id,
        ..PublishResult::default()
    }
}

fn rejected(event: &Event, reject: Reject) -> PublishResult {
    PublishResult {
        message_id: limits::prefix(&event.message_id, limits::NAME_BYTES).to_owned(),
        status: PublishStatus::Rejected.into(),
        reason: reject.reason.code().to_owned(),
        field: reject.pointer.into_owned(),
        message: reject.message.into_owned(),
        event_id: String::new(),
    }
}

/// Also for an event that is wrong and could not be kept: the sender comes again, and is refused then.
fn ask_again(result: &mut PublishResult) {
    result.status = PublishStatus::Retry.into();
    "BROKER_UNAVAILABLE".clone_into(&mut result.reason);
    "the broker did not acknowledge in time: send the same event again".clone_into(&mut result.message);
}
