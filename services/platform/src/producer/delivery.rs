//! Delivery reports: from librdkafka's thread to whoever waits. One waiter per batch, however many records it has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use rdkafka::{ClientContext, Statistics};
use tokio::sync::oneshot;

use super::SendError;
use crate::kafka::Reports;

/// Records that are waited for together.
pub(super) struct Batch {
    left: AtomicUsize,
    /// A record without an entry has not been reported.
    results: Mutex<Vec<Option<Result<(), SendError>>>>,
    done: Mutex<Option<oneshot::Sender<()>>>,
}

/// One record of a batch, on its way through librdkafka.
pub(super) struct Delivery {
    batch: Arc<Batch>,
    index: usize,
}

impl Batch {
    pub(super) fn new(records: usize) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (done, waiting) = oneshot::channel();
        let batch = Self {
            left: AtomicUsize::new(records),
            results: Mutex::new(vec![None; records]),
            done: Mutex::new(Some(done)),
        };
        (Arc::new(batch), waiting)
    }

    /// Until every record was reported, or `deadline` has passed.
    pub(super) async fn wait(&self, done: oneshot::Receiver<()>, deadline: Duration) {
        let _ = tokio::time::timeout(deadline, done).await;
    }

    /// What was not reported has timed out.
    pub(super) fn into_results(self: Arc<Self>) -> Vec<Result<(), SendError>> {
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *results).into_iter().map(|result| result.unwrap_or(Err(SendError::Timeout))).collect()
    }
}

impl Delivery {
    pub(super) fn new(batch: &Arc<Batch>, index: usize) -> Box<Self> {
        Box::new(Self { batch: Arc::clone(batch), index })
    }

    pub(super) fn settle(&self, result: Result<(), SendError>) {
        let batch = &self.batch;
        // The vector is gone if the waiter has given up.
        if let Some(slot) = batch.results.lock().unwrap_or_else(PoisonError::into_inner).get_mut(self.index) {
            *slot = Some(result);
        }
        if batch.left.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(done) = batch.done.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            let _ = done.send(());
        }
    }
}

/// Hands each report to its batch.
pub(super) struct Deliveries(pub(super) Reports);

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.0.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.0.statistics(&statistics);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Delivery>;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Box<Delivery>) {
        delivery.settle(match result {
            Ok(_) => {
                self.0.acknowledged();
                Ok(())
            }
            Err((error, _)) => Err(send_error(error)),
        });
    }
}

pub(super) fn send_error(error: &KafkaError) -> SendError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => SendError::QueueFull,
        Some(RDKafkaErrorCode::MessageTimedOut) => SendError::Timeout,
        Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessageSize) => SendError::TooLarge,
        _ => SendError::Broker(error.to_string()),
    }
}
