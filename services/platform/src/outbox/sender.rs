//! The outbox's producer: in order, without gaps, without a time limit. Its queue is bounded by the publisher, which never
//! has more under way than it can hold. Any failed delivery means a new one.
//!
//! librdkafka fixes the time that a record waits for company when a producer is made; so there are two, one for quiet times
//! and one for backlogs. They change places only while nothing is under way, which keeps the order.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext};
use rdkafka::{ClientContext, Statistics};
use tokio::sync::mpsc;

use super::headers::StoredHeaders;
use super::store::StoredRow;
use crate::kafka::{KafkaConfig, Reports};
use crate::producer::{PolledProducer, outbox_settings, warm_up};
use crate::topics::Topic;

/// What became of one row.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) id: i64,
    pub(super) error: Option<KafkaError>,
}

/// How long a row waits for company when there are many: with twelve partitions a batch of a thousand rows is otherwise
/// hundreds of requests, each of which costs the broker more than the rows in it.
const GATHER: Duration = Duration::from_millis(2);

/// Reports to the publisher from the producer's own thread.
#[derive(Clone)]
struct Reporter {
    deliveries: mpsc::UnboundedSender<Report>,
    reports: Arc<Reports>,
}

impl ClientContext for Reporter {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.reports.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reports.error(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.reports.statistics(&statistics);
    }
}

// The id of a row travels through librdkafka as a pointer-sized number.
const _: () = assert!(usize::BITS >= 64);

impl ProducerContext for Reporter {
    type DeliveryOpaque = usize;

    #[expect(clippy::cast_possible_wrap, reason = "what `send` made of an i64")]
    fn delivery(&self, result: &DeliveryResult<'_>, id: usize) {
        let error = result.as_ref().err().map(|(error, _)| error.clone());
        if error.is_none() {
            self.reports.acknowledged();
        }
        // Nobody listens any more if the publisher has given this producer up.
        let _ = self.deliveries.send(Report { id: id as i64, error });
    }
}

/// Two producers and the reports of exactly these. Dropped, what is still under way is sent again by the successor.
pub(super) struct Sender {
    at_once: PolledProducer<Reporter>,
    gathering: PolledProducer<Reporter>,
    gathers: bool,
    reports: mpsc::UnboundedReceiver<Report>,
    topics: [String; Topic::ALL.len()],
}

/// Why a row could not be handed to the producer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendFailure {
    #[error("row {id} of the outbox is for topic number {topic}, which this version does not know")]
    UnknownTopic { id: i64, topic: i16 },
    #[error("row {id} of the outbox cannot be read: {source}")]
    Headers { id: i64, source: prost::DecodeError },
    #[error("the producer does not take row {id} of the outbox: {source}")]
    Producer { id: i64, source: KafkaError },
}

impl Sender {
    pub(super) fn new(kafka: &KafkaConfig) -> Result<Self, KafkaError> {
        let (deliveries, reports) = mpsc::unbounded_channel();
        let reporter = Reporter { deliveries, reports: Arc::new(Reports::new("outbox", kafka)) };
        let topics = Topic::ALL.map(|topic| kafka.topic_name(topic));
        let make = |linger| PolledProducer::new(&outbox_settings(kafka, linger), reporter.clone());
        let (at_once, gathering) = (make(Duration::ZERO)?, make(GATHER)?);
        warm_up_beside([at_once.clone(), gathering.clone()], topics.to_vec());
        Ok(Self { at_once, gathering, gathers: false, reports, topics })
    }

    /// Whether rows wait for company at the moment.
    pub(super) fn gathers(&self) -> bool {
        self.gathers
    }

    /// Only while nothing is under way.
    pub(super) fn set_gathers(&mut self, gathers: bool) {
        self.gathers = gathers;
    }

    /// Hands one row over. Returns its event time in microseconds since 1970.
    pub(super) fn send(&self, row: &StoredRow) -> Result<i64, SendFailure> {
        let id = row.id;
        let topic = Topic::ALL
            .iter()
            .position(|topic| *topic as i16 == row.topic)
            .ok_or(SendFailure::UnknownTopic { id, topic: row.topic })?;
        let headers = StoredHeaders::decode(&*row.headers).map_err(|source| SendFailure::Headers { id, source })?;
        #[expect(clippy::cast_sign_loss, reason = "turned back by `delivery`")]
        let mut record = BaseRecord::with_opaque_to(&self.topics[topic], id as usize)
            .payload(&row.payload)
            .headers(headers.for_record(&row.key));
        if !row.key.is_empty() {
            record = record.key(&row.key);
        }
        let producer = if self.gathers { &self.gathering } else { &self.at_once };
        producer.send(record).map_err(|(source, _)| SendFailure::Producer { id, source })?;
        Ok(headers.time_us)
    }

    /// Waits for reports and appends them to `buffer`. Cancel-safe.
    pub(super) async fn reports(&mut self, buffer: &mut Vec<Report>) {
        self.reports.recv_many(buffer, 4096).await;
    }

    /// Reports that are there already.
    pub(super) fn reports_now(&mut self, buffer: &mut Vec<Report>) {
        while let Ok(report) = self.reports.try_recv() {
            buffer.push(report);
        }
    }
}

impl Drop for Sender {
    /// At once, not when the warm-up beside it has ended too: the successor sends it all again.
    fn drop(&mut self) {
        self.at_once.give_up();
        self.gathering.give_up();
    }
}

/// So that the first row does not wait for the producer's timers. Rows that are there already do not wait for this.
fn warm_up_beside(producers: [PolledProducer<Reporter>; 2], topics: Vec<String>) {
    std::thread::spawn(move || {
        for producer in producers {
            if let Err(cold) = warm_up(producer.client(), &topics) {
                tracing::debug!(topic = cold.topic, "the outbox's producer is not warm yet: {}", cold.reason);
            }
        }
    });
}
