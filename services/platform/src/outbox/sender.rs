//! The outbox's producer: in order, without gaps, without a time limit. Its queue is bounded by the publisher, which never
//! has more under way than it can hold. Any failed delivery means a new producer.

use prost::Message as _;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer};
use tokio::sync::mpsc;

use super::headers::StoredHeaders;
use super::store::StoredRow;
use crate::kafka::{KafkaConfig, log_client_error, log_client_line};
use crate::producer::{outbox_settings, warm_up};
use crate::topics::Topic;

/// What became of one row.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) id: i64,
    pub(super) error: Option<KafkaError>,
}

/// Reports to the publisher from the producer's own thread.
struct Reporter(mpsc::UnboundedSender<Report>);

impl ClientContext for Reporter {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_client_line("outbox", level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_client_error("outbox", &error, reason);
    }
}

// The id of a row travels through librdkafka as a pointer-sized number.
const _: () = assert!(usize::BITS >= 64);

impl ProducerContext for Reporter {
    type DeliveryOpaque = usize;

    #[expect(clippy::cast_possible_wrap, reason = "what `send` made of an i64")]
    fn delivery(&self, result: &DeliveryResult<'_>, id: usize) {
        let error = result.as_ref().err().map(|(error, _)| error.clone());
        // Nobody listens any more if the publisher has given this producer up.
        let _ = self.0.send(Report { id: id as i64, error });
    }
}

/// A producer and the reports of exactly this producer.
pub(super) struct Sender {
    producer: Option<ThreadedProducer<Reporter>>,
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
        let (reporter, reports) = mpsc::unbounded_channel();
        let producer = outbox_settings(kafka).create_with_context(Reporter(reporter))?;
        let topics = Topic::ALL.map(|topic| kafka.topic_name(topic));
        warm_up_beside(&producer, &topics);
        Ok(Self { producer: Some(producer), reports, topics })
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
        let producer = self.producer.as_ref().expect("there until dropped");
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

/// So that the first row does not wait for the producer's timers. Rows that are there already do not wait for this.
fn warm_up_beside(producer: &ThreadedProducer<Reporter>, topics: &[String]) {
    let (producer, topics) = (producer.clone(), topics.to_vec());
    std::thread::spawn(move || {
        if let Err(cold) = warm_up(producer.client(), &topics) {
            tracing::debug!(topic = cold.topic, "the outbox's producer is not warm yet: {}", cold.reason);
        }
    });
}

impl Drop for Sender {
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            // What is still under way will be sent again by its successor. Closing waits for threads: not here.
            producer.purge(PurgeConfig::default().queue().inflight());
            std::thread::spawn(move || drop(producer));
        }
    }
}
