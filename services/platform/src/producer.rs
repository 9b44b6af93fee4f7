//! Producers. Two profiles, because a door and the outbox want opposite things of a broker that is away: a door must say no
//! within two seconds, the outbox may wait for ever but must not leave a gap.
//!
//! [`Producer`] is the door's. An `Ok` means that all in-sync replicas have the record; nothing else may be told to a client
//! as success. An error does not mean that the record will never arrive: after a timeout it may, which is harmless, because
//! the sender's id makes a second copy a duplicate.

mod delivery;
mod pace;
mod polled;
mod settings;
mod warm;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::producer::{BaseRecord, Producer as _};

use crate::health::Check;
use crate::kafka::{KafkaConfig, Reports};
use crate::outage::Outage;
use crate::outbox::headers_of;
use crate::record::{CloudEvent, TraceParent};
use crate::topics::Topic;

use delivery::{Batch, Deliveries, Delivery};
pub(crate) use pace::Pace;
pub(crate) use polled::PolledProducer;
use settings::ingest_settings;
pub(crate) use settings::outbox_settings;
pub(crate) use warm::warm_up;

/// A door waits this long for the acknowledgement, then says 503.
pub const DEADLINE: Duration = Duration::from_secs(2);
/// How long a record waits for company when many come.
const GATHER: Duration = Duration::from_millis(1);
/// Largest key + value of a record; below the topics' `max.message.bytes` with room for headers and framing.
pub const MAX_RECORD_BYTES: usize = 1000 * 1024;

/// One record to be sent.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Where to.
    pub topic: Topic,
    /// Record key; never personal data in plain text.
    pub key: Vec<u8>,
    /// CloudEvents headers.
    pub event: CloudEvent,
    /// W3C trace context.
    pub trace: Option<TraceParent>,
    /// Protobuf.
    pub payload: Vec<u8>,
}

/// Why there is no acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The queue to the broker is full: the broker is away or too slow. Said at once. 503.
    #[error("the queue to the broker is full")]
    QueueFull,
    /// No acknowledgement within [`DEADLINE`]. The record may still arrive. 503.
    #[error("the broker did not acknowledge in time")]
    Timeout,
    /// Above [`MAX_RECORD_BYTES`], or refused by the broker as too large. Never helped by trying again.
    #[error("the record is too large")]
    TooLarge,
    /// The broker refused, or the client gave up.
    #[error("the broker did not take the record: {0}")]
    Broker(String),
}

/// The producer of a door. Cheap to clone; all clones share the queues.
#[derive(Clone)]
pub struct Producer {
    shared: Arc<Shared>,
}

/// librdkafka fixes the time that a record waits for company when a producer is made. So there are two: one that sends at
/// once, for quiet times, and one that waits a moment, for busy ones. Records of one key that are sent one after the other,
/// each after the acknowledgement of the one before, keep their order; what is sent at the same time has none.
struct Shared {
    at_once: PolledProducer<Deliveries>,
    gathering: PolledProducer<Deliveries>,
    pace: Mutex<Pace>,
    made: Instant,
    outage: Outage,
    names: [String; Topic::ALL.len()],
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Producer").field("in_flight", &self.in_flight()).finish()
    }
}

/// Why there is no producer.
#[derive(Debug, thiserror::Error)]
pub enum ProducerError {
    /// A setting of section `kafka.client` is wrong.
    #[error("the Kafka client cannot be made: {0}")]
    Settings(rdkafka::error::KafkaError),
    /// The brokers did not tell where the topic is.
    #[error("topic {topic}: {reason}")]
    Metadata {
        /// Full name.
        topic: String,
        /// What the client or the broker says.
        reason: String,
    },
}

impl Producer {
    /// Connects in the background. Call [`Producer::warm_up`] before readiness.
    ///
    /// # Errors
    /// [`ProducerError::Settings`].
    pub fn connect(kafka: &KafkaConfig) -> Result<Self, ProducerError> {
        let make = |linger| {
            let context = Deliveries(Reports::new("door", kafka));
            PolledProducer::new(&ingest_settings(kafka, linger), context).map_err(ProducerError::Settings)
        };
        let shared = Shared {
            at_once: make(Duration::ZERO)?,
            gathering: make(GATHER)?,
            pace: Mutex::default(),
            made: Instant::now(),
            outage: kafka.outage(),
            names: Topic::ALL.map(|topic| kafka.topic_name(topic)),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Learns where the partitions of these topics are, and gets the producer id. A cold producer would make its first
    /// client wait up to a second.
    ///
    /// # Errors
    /// [`ProducerError::Metadata`] if no broker answers or a topic does not exist.
    pub async fn warm_up(&self, topics: &[Topic]) -> Result<(), ProducerError> {
        let shared = Arc::clone(&self.shared);
        let names: Vec<String> = topics.iter().map(|topic| self.name(*topic).to_owned()).collect();
        let warm = move || shared.both().into_iter().try_for_each(|producer| warm_up(producer.client(), &names));
        tokio::task::spawn_blocking(warm)
            .await
            .expect("asking for metadata does not panic")
            .map_err(|cold| ProducerError::Metadata { topic: cold.topic, reason: cold.reason })
    }

    /// Sends one record and waits for the acknowledgement of all in-sync replicas.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(
        &self,
        topic: Topic,
        key: &[u8],
        event: &CloudEvent,
        trace: Option<&TraceParent>,
        payload: Vec<u8>,
    ) -> Result<(), SendError> {
        let (batch, done) = Batch::new(1);
        let producer = self.shared.pick(1);
        self.hand_over(producer, (topic, key, event, trace, &payload), Delivery::new(&batch, 0));
        batch.wait(done, DEADLINE).await;
        let result = batch.into_results().pop().expect("one result per record");
        self.shared.note(std::slice::from_ref(&result));
        result
    }

    /// Sends all and waits once; one result per record, in their order. Records with the same key keep their order.
    pub async fn send_many(&self, records: &[Outgoing]) -> Vec<Result<(), SendError>> {
        if records.is_empty() {
            return Vec::new();
        }
        let (batch, done) = Batch::new(records.len());
        let producer = self.shared.pick(records.len());
        for (index, record) in records.iter().enumerate() {
            let Outgoing { topic, key, event, trace, payload } = record;
            let record = (*topic, key.as_slice(), event, trace.as_ref(), payload.as_slice());
            self.hand_over(producer, record, Delivery::new(&batch, index));
        }
        batch.wait(done, DEADLINE).await;
        let results = batch.into_results();
        self.shared.note(&results);
        results
    }

    /// From now on this part is degraded while the broker does not answer: a door that is open says when to come again.
    pub fn watch(&self, check: &Check) {
        let outage = self.shared.outage.clone();
        check.degraded_while(move || outage.describe());
    }

    /// Records that were handed over and not yet acknowledged or given up.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.both().into_iter().map(|producer| usize::try_from(producer.in_flight_count()).unwrap_or(0)).sum()
    }

    /// Waits until everything that was handed over is acknowledged or given up, at most `patience`. For the drain.
    pub async fn flush(&self, patience: Duration) {
        let shared = Arc::clone(&self.shared);
        let deadline = Instant::now() + patience;
        // The outcome of each record goes to whoever sent it.
        let _ = tokio::task::spawn_blocking(move || {
            for producer in shared.both() {
                let _ = producer.flush(deadline.saturating_duration_since(Instant::now()));
            }
        })
        .await;
    }

    fn name(&self, topic: Topic) -> &str {
        let position = Topic::ALL.iter().position(|other| *other == topic).expect("every topic is in the list");
        &self.shared.names[position]
    }

    fn hand_over(
        &self,
        producer: &PolledProducer<Deliveries>,
        (topic, key, event, trace, payload): (Topic, &[u8], &CloudEvent, Option<&TraceParent>, &[u8]),
        delivery: Box<Delivery>,
    ) {
        if key.len() + payload.len() > MAX_RECORD_BYTES {
            delivery.settle(Err(SendError::TooLarge));
            return;
        }
        let mut record = BaseRecord::with_opaque_to(self.name(topic), delivery)
            .payload(payload)
            .headers(headers_of(event, trace, key));
        if !key.is_empty() {
            record = record.key(key);
        }
        if let Err((error, record)) = producer.send(record) {
            record.delivery_opaque.settle(Err(delivery::send_error(&error)));
        }
    }
}

impl Shared {
    /// A record that is too large is no fault of the broker's.
    fn note(&self, results: &[Result<(), SendError>]) {
        let failed = results.iter().filter_map(|result| result.as_ref().err());
        if let Some(error) = failed.rev().find(|error| **error != SendError::TooLarge) {
            self.outage.in_vain(&error.to_string());
        }
    }

    fn both(&self) -> [&PolledProducer<Deliveries>; 2] {
        [&self.at_once, &self.gathering]
    }

    fn pick(&self, records: usize) -> &PolledProducer<Deliveries> {
        let now = self.made.elapsed();
        let busy = self.pace.lock().unwrap_or_else(PoisonError::into_inner).note(now, records as u64);
        if busy { &self.gathering } else { &self.at_once }
    }
}
