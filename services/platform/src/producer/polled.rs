//! A producer whose reports are delivered by a thread of its own.
//!
//! rdkafka has one like it, but asks with a timeout of a tenth of a second, and each time spins through the last millisecond
//! of it: one per cent of a core for every producer that has nothing to do. This one asks with a timeout of five seconds.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::error::KafkaResult;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext, PurgeConfig};

/// Of one wait for reports, which come at once. A thread that is to end notices it after so long.
const POLL: Duration = Duration::from_secs(5);

/// Cheap to clone. When the last clone is dropped, what is still under way is given up and the thread closes the client:
/// whoever drops it does not wait for that.
pub(crate) struct PolledProducer<C: ProducerContext + 'static> {
    shared: Arc<Shared<C>>,
}

struct Shared<C: ProducerContext + 'static> {
    producer: Arc<BaseProducer<C>>,
    stop: Arc<AtomicBool>,
}

impl<C: ProducerContext + 'static> PolledProducer<C> {
    /// Connects in the background.
    ///
    /// # Errors
    /// If a setting is wrong.
    ///
    /// # Panics
    /// If the system has no thread left.
    pub(crate) fn new(config: &ClientConfig, context: C) -> KafkaResult<Self> {
        let producer = Arc::new(BaseProducer::from_config_and_context(config, context)?);
        let stop = Arc::new(AtomicBool::new(false));
        let (polled, ends) = (Arc::clone(&producer), Arc::clone(&stop));
        std::thread::Builder::new()
            .name("producer-reports".to_owned())
            .spawn(move || {
                while !ends.load(Ordering::Acquire) {
                    polled.poll(POLL);
                }
            })
            .expect("a thread for the reports of a producer");
        Ok(Self { shared: Arc::new(Shared { producer, stop }) })
    }
}

impl<C: ProducerContext + 'static> PolledProducer<C> {
    /// Gives up what is under way, whoever else holds a clone.
    pub(crate) fn give_up(&self) {
        self.shared.producer.purge(PurgeConfig::default().queue().inflight());
    }
}

impl<C: ProducerContext + 'static> Clone for PolledProducer<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<C: ProducerContext + 'static> Deref for PolledProducer<C> {
    type Target = BaseProducer<C>;

    fn deref(&self) -> &BaseProducer<C> {
        &self.shared.producer
    }
}

impl<C: ProducerContext + 'static> Drop for Shared<C> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.producer.purge(PurgeConfig::default().queue().inflight());
    }
}
