//! From an engagement or a refusal to a record on its topic, and the wait for the broker's acknowledgement. One wait per
//! request, however many events it has; an answer of success is given only after it.

use leadflow_platform::error::ApiError;
use leadflow_platform::identity_key::{IdentityKey, Purpose, record_key};
use leadflow_platform::producer::{Outgoing, Producer, SendError};
use leadflow_platform::record::{CloudEvent, TraceParent};
use leadflow_platform::telemetry::metrics;
use leadflow_platform::telemetry::trace::current_trace_parent;
use leadflow_platform::topics::Topic;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use uuid::Uuid;

use crate::domain::engagement::Engagement;
use crate::domain::reject::Reject;
use crate::wire;
use crate::wire::engagement::Envelope;
use crate::wire::rejected::Refused;

/// The topics that must be known before the first client comes.
pub(crate) const TOPICS: [Topic; 3] = [Topic::Engagement, Topic::EngagementBulk, Topic::Rejected];

/// Makes records and sends them.
#[derive(Debug)]
pub(crate) struct Publisher {
    producer: Producer,
    identity_key: IdentityKey,
    accepted: Counter<u64>,
    rejected: Counter<u64>,
    not_deduplicable: Counter<u64>,
}

/// What one request sends.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    records: Vec<Outgoing>,
    trace: Option<TraceParent>,
    accepted: u64,
    not_deduplicable: u64,
    reasons: Vec<&'static str>,
}

impl Outbound {
    /// For at most that many records.
    pub(crate) fn with_capacity(records: usize) -> Self {
        Self { records: Vec::with_capacity(records), trace: current_trace_parent(), ..Self::default() }
    }
}

impl Publisher {
    pub(crate) fn new(producer: Producer, identity_key: IdentityKey) -> Self {
        Self {
            producer,
            identity_key,
            accepted: metrics::INGEST_ACCEPTED.counter(),
            rejected: metrics::REJECTED.counter(),
            not_deduplicable: metrics::INGEST_NOT_DEDUPLICABLE.counter(),
        }
    }

    /// Adds an engagement and returns its id on the timeline.
    pub(crate) fn accept(&self, out: &mut Outbound, event: &Engagement<'_>, source: &str) -> Uuid {
        let event_id = event.event_id.unwrap_or_else(|| {
            out.not_deduplicable += 1;
            Uuid::now_v7()
        });
        let who = &event.identifiers;
        let key = record_key(
            &self.identity_key,
            known(&who.anonymous_id),
            known(&who.email),
            known(&who.user_id),
            known(&who.phone),
        );
        let envelope = Envelope { event_id, source, origin_hash: self.origin_hash(&event.origin) };
        out.accepted += 1;
        out.records.push(Outgoing {
            topic: if event.historical { Topic::EngagementBulk } else { Topic::Engagement },
            key: key.unwrap_or_default().into_bytes(),
            event: CloudEvent {
                id: event_id.to_string(),
                source: "/leadflow/ingest",
                kind: event.kind.cloud_event_type().to_owned(),
                subject: String::new(),
                time: event.times.occurred_at,
                dataschema: "leadflow.engagement.v1.EngagementEvent",
            },
            trace: out.trace.clone(),
            payload: wire::engagement::encode(event, &envelope),
        });
        event_id
    }

    /// Adds a refusal. Only for senders that are known: before that nothing is kept.
    pub(crate) fn reject(&self, out: &mut Outbound, refused: &Refused<'_>, reject: &Reject) {
        let rejected_id = Uuid::now_v7();
        out.reasons.push(reject.reason.code());
        out.records.push(Outgoing {
            topic: Topic::Rejected,
            key: refused.source.as_bytes().to_vec(),
            event: CloudEvent {
                id: rejected_id.to_string(),
                source: "/leadflow/ingest",
                kind: "leadflow.ingest.rejected.v1".to_owned(),
                subject: refused.source.to_owned(),
                time: refused.received_at,
                dataschema: "leadflow.ingest.v1.RejectedEvent",
            },
            trace: out.trace.clone(),
            payload: wire::rejected::encode(rejected_id, refused, reject),
        });
    }

    /// Counts a refusal of a sender that nobody knows.
    pub(crate) fn count_unknown(&self, reason: &'static str) {
        self.rejected.add(1, &[KeyValue::new("reason", reason), KeyValue::new("source", "")]);
    }

    /// Sends all and waits once.
    ///
    /// # Errors
    /// 503 with Retry-After if one of them was not acknowledged: the client sends all again, the ids make that harmless.
    pub(crate) async fn send(&self, out: Outbound, door: &'static str, source: &str) -> Result<(), ApiError> {
        for result in self.producer.send_many(&out.records).await {
            result.map_err(unavailable)?;
        }
        self.count(&out, door, source);
        Ok(())
    }

    /// Sends all and waits once; whether each was acknowledged, in order.
    pub(crate) async fn send_each(&self, out: Outbound, door: &'static str, source: &str) -> Vec<bool> {
        let results = self.producer.send_many(&out.records).await;
        if results.iter().all(Result::is_ok) {
            self.count(&out, door, source);
        }
        results.iter().map(Result::is_ok).collect()
    }

    fn count(&self, out: &Outbound, door: &'static str, source: &str) {
        let source = KeyValue::new("source", source.to_owned());
        if out.accepted > 0 {
            self.accepted.add(out.accepted, &[KeyValue::new("door", door), source.clone()]);
        }
        if out.not_deduplicable > 0 {
            self.not_deduplicable.add(out.not_deduplicable, std::slice::from_ref(&source));
        }
        for reason in &out.reasons {
            self.rejected.add(1, &[KeyValue::new("reason", *reason), source.clone()]);
        }
    }

    /// 32 bits of the keyed hash: enough to find the events of one sender domain or network again, too little to tell whose.
    fn origin_hash(&self, origin: &str) -> i32 {
        if origin.is_empty() {
            return 0;
        }
        let hash = self.identity_key.hash(Purpose::Identifier, "origin", origin).0;
        i32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
    }
}

fn known(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn unavailable(error: SendError) -> ApiError {
    match error {
        // Cannot happen with the limits of the doors; if it does, the same again would fail again.
        SendError::TooLarge => ApiError::internal("a record is larger than its topic takes", error),
        SendError::QueueFull => ApiError::unavailable("too much is waiting for the broker, send the same again later")
            .with_reason("QUEUE_FULL"),
        SendError::Timeout | SendError::Broker(_) => {
            tracing::debug!("answered 503: {error}");
            ApiError::unavailable("the broker did not acknowledge in time, send the same again")
        }
    }
}
