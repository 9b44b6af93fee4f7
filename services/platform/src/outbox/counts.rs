//! What the publisher counts, gathered per topic so that a thousand rows cost one addition per topic.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge};

use super::window::Sent;
use crate::telemetry::metrics::{OUTBOX_OLDEST_TIME, OUTBOX_PUBLISHED, OUTBOX_REPEATS};
use crate::topics::Topic;

/// Rows by topic, in the order of [`Topic::ALL`].
#[derive(Debug, Default)]
pub(super) struct TopicCounts([u64; Topic::ALL.len()]);

impl TopicCounts {
    pub(super) fn add(&mut self, sent: Option<Sent>) {
        let Some(sent) = sent else { return };
        if let Some(position) = Topic::ALL.iter().position(|topic| *topic as i16 == sent.topic) {
            self.0[position] += 1;
        }
    }
}

/// The metrics of one schema's outbox.
pub(super) struct Metrics {
    schema: &'static str,
    oldest: Gauge<f64>,
    published: Counter<u64>,
    repeats: Counter<u64>,
}

impl Metrics {
    pub(super) fn new(schema: &'static str) -> Self {
        Self {
            schema,
            oldest: OUTBOX_OLDEST_TIME.gauge(),
            published: OUTBOX_PUBLISHED.counter(),
            repeats: OUTBOX_REPEATS.counter(),
        }
    }

    /// Event time of the oldest row under way, in microseconds since 1970; 0 is shown if there is none.
    #[expect(clippy::cast_precision_loss, reason = "a metric: seconds to the microsecond until the year 2255")]
    pub(super) fn oldest(&self, time_us: Option<i64>) {
        self.oldest.record(time_us.unwrap_or(0) as f64 / 1e6, &[KeyValue::new("schema", self.schema)]);
    }

    pub(super) fn published(&self, counts: &TopicCounts) {
        self.add(&self.published, counts);
    }

    pub(super) fn repeats(&self, counts: &TopicCounts) {
        self.add(&self.repeats, counts);
    }

    fn add(&self, counter: &Counter<u64>, counts: &TopicCounts) {
        for (topic, count) in Topic::ALL.iter().zip(counts.0).filter(|(_, count)| *count > 0) {
            let labels = [KeyValue::new("schema", self.schema), KeyValue::new("topic", topic.short_name())];
            counter.add(count, &labels);
        }
    }
}
