//! The instruments of a consumer, made once.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram};

use super::Outcome;
use super::batch::Batch;
use super::ledger::Tally;
use crate::telemetry::metrics as table;

/// See the head of this file.
pub(crate) struct Metrics {
    consumer: &'static str,
    batch_size: Histogram<f64>,
    transaction: Histogram<f64>,
    events: Counter<u64>,
    fenced: Counter<u64>,
    dead_letters: Counter<u64>,
    last_event: Gauge<f64>,
    lag: Gauge<f64>,
    stopped: Gauge<f64>,
    difference: Gauge<f64>,
}

impl Metrics {
    pub(crate) fn new(consumer: &'static str) -> Self {
        Self {
            consumer,
            batch_size: table::CONSUMER_BATCH_SIZE.histogram(),
            transaction: table::CONSUMER_TRANSACTION.histogram(),
            events: table::CONSUMER_EVENTS.counter(),
            fenced: table::CONSUMER_FENCED.counter(),
            dead_letters: table::DEAD_LETTER.counter(),
            last_event: table::CONSUMER_LAST_EVENT_TIME.gauge(),
            lag: table::CONSUMER_LAG.gauge(),
            stopped: table::CONSUMER_STOPPED.gauge(),
            difference: table::LEDGER_DIFFERENCE.gauge(),
        }
    }

    fn labels(&self, topic: &str) -> [KeyValue; 2] {
        [KeyValue::new("consumer", self.consumer), KeyValue::new("topic", topic.to_owned())]
    }

    /// The fence refused a batch's part of one partition.
    pub(crate) fn fenced(&self, topic: &str) {
        self.fenced.add(1, &self.labels(topic));
    }

    /// A batch was committed, `seconds` after its transaction began.
    pub(crate) fn committed(&self, batch: &Batch, outcomes: &[Outcome], tallies: &[Tally], seconds: f64) {
        let topic = &*batch.route.name;
        let labels = self.labels(topic);
        if !batch.records.is_empty() {
            let size = u32::try_from(batch.records.len()).unwrap_or(u32::MAX);
            self.batch_size.record(f64::from(size), &labels);
        }
        self.transaction.record(seconds, &labels[..1]);
        if let Some(newest) = batch.records.iter().map(|record| record.appended_at).max() {
            self.last_event.record(newest.as_duration().as_secs_f64(), &labels);
        }
        let sum = |part: fn(&Tally) -> i64| tallies.iter().map(part).sum::<i64>();
        self.verdict(topic, "applied", "", sum(|tally| tally.applied));
        self.verdict(topic, "duplicate", "", sum(|tally| tally.duplicate));
        self.verdict(topic, "parked", "", sum(|tally| tally.parked));
        self.verdict(topic, "dead", "", sum(|tally| tally.dead));
        self.verdict(topic, "skipped", "", sum(|tally| tally.skipped));
        self.ignored(topic, outcomes);
        for death in batch.deaths.iter().flatten() {
            let [consumer, topic] = self.labels(topic);
            self.dead_letters.add(1, &[consumer, topic, KeyValue::new("reason", death.reason)]);
        }
    }

    fn ignored(&self, topic: &str, outcomes: &[Outcome]) {
        // A handful of reasons: a list is faster than a map.
        let mut counts: Vec<(&'static str, i64)> = Vec::new();
        for outcome in outcomes {
            if let Outcome::Ignored(reason) = outcome {
                match counts.iter_mut().find(|(known, _)| known == reason) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((reason, 1)),
                }
            }
        }
        for (reason, count) in counts {
            self.verdict(topic, "ignored", reason, count);
        }
    }

    fn verdict(&self, topic: &str, verdict: &'static str, reason: &'static str, count: i64) {
        if let Ok(count @ 1..) = u64::try_from(count) {
            let [consumer, topic] = self.labels(topic);
            let labels = [consumer, topic, KeyValue::new("verdict", verdict), KeyValue::new("reason", reason)];
            self.events.add(count, &labels);
        }
    }

    /// What an offset row says, and how far the broker is ahead of it; zeros for a partition that was given away.
    #[expect(clippy::cast_precision_loss, reason = "gauges are floating point; counts stay far below 2^53")]
    pub(crate) fn ledger(&self, topic: &str, partition: i32, lag: i64, difference: i64, stopped: bool) {
        let [consumer, topic] = self.labels(topic);
        let labels = [consumer, topic, KeyValue::new("partition", i64::from(partition))];
        self.lag.record(lag as f64, &labels);
        self.difference.record(difference as f64, &labels);
        self.stopped.record(f64::from(u8::from(stopped)), &labels);
    }
}
