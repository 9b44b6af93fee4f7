//! Brings one batch to its end, whatever it takes: the same again after a transient error, smaller and smaller after a data
//! error until one event is left that becomes a dead letter, a stop when a human has to look.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::POISON_KEYS;
use super::attempt::{Failure, attempt};
use super::batch::Batch;
use super::breaker::Breaker;
use super::fence::Refused;
use super::lane::Lane;
use super::route::Death;
use super::shared::{Key, Shared, Wish, locked};
use super::store;
use crate::health::Progress;
use crate::pg::timed_out;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// One statement outside of a transaction.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// So often a handler may ask for the same batch at once, before it is treated like a transient error.
const AGAIN_AT_ONCE: u32 = 10;
/// A partition that another process claimed is claimed again after this time, if the group still says it is ours: longer
/// than the heartbeat interval, within which the group tells whoever has lost it.
const AFTER_ANOTHER: Duration = Duration::from_millis(3500);

/// Settles the batches of one lane, one after the other.
pub(crate) struct Settler {
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    breakers: BTreeMap<Key, Breaker>,
    pause: Duration,
    /// Beats with each commit, and while the database is away: ending the process would not bring it back.
    progress: Arc<Progress>,
}

/// What to do with a batch after a failure.
enum Next {
    Retry(Batch),
    Parts(Vec<Batch>),
}

impl Settler {
    pub(crate) fn new(shared: Arc<Shared>, lane: Arc<Lane>, progress: Arc<Progress>) -> Self {
        Self { shared, lane, breakers: BTreeMap::new(), pause: FIRST_PAUSE, progress }
    }

    /// Returns when everything in it is committed, dead-lettered, stopped or no longer ours, or when the drain begins
    /// while nothing moves.
    pub(crate) async fn settle(&mut self, route: usize, batch: Batch) {
        let mut work = VecDeque::from([batch]);
        let mut again = 0;
        while let Some(mut batch) = work.pop_front() {
            self.drop_what_is_not_ours(route, &mut batch);
            self.cut_at_breaker(route, &mut batch);
            if batch.is_empty() {
                continue;
            }
            let mut refused = Vec::new();
            let result = attempt(&self.shared, &mut batch, &mut refused).await;
            self.give_up(route, &batch, &refused);
            match result {
                Ok(outgoing) => self.committed(route, &batch, outgoing).await,
                Err(failure) => {
                    let next = self.after(route, failure, batch, &mut again).await;
                    match next {
                        Some(Next::Retry(batch)) => work.push_front(batch),
                        Some(Next::Parts(parts)) => parts.into_iter().rev().for_each(|part| work.push_front(part)),
                        None => {}
                    }
                }
            }
            if self.shared.stop.is_cancelled() && self.pause > FIRST_PAUSE {
                return;
            }
        }
    }

    fn drop_what_is_not_ours(&self, route: usize, batch: &mut Batch) {
        let lane = &self.lane;
        batch.keep_segments(|segment| lane.holds(Key { route, partition: segment.partition }, segment.epoch));
    }

    /// A run of records that cannot be decoded ends where the partition has to stop.
    fn cut_at_breaker(&self, route: usize, batch: &mut Batch) {
        let by_keys = self.shared.database.is_on(POISON_KEYS);
        for index in 0..batch.segments.len() {
            let key = Key { route, partition: batch.segments[index].partition };
            let mut breaker = self.breakers.get(&key).cloned().unwrap_or_default();
            if let Some(count) = breaker.count_segment(batch, index, by_keys) {
                batch.cut(index, count);
            }
        }
    }

    fn give_up(&self, route: usize, batch: &Batch, refused: &[Refused]) {
        for Refused { partition, epoch, by_other } in refused {
            let key = Key { route, partition: *partition };
            let topic = &*batch.route.name;
            self.shared.metrics.fenced(topic);
            tracing::warn!(consumer = self.shared.consumer, topic, partition, epoch, by_other, "fenced");
            self.lane.remove_claim(key, *epoch);
            let at = Instant::now() + if *by_other { AFTER_ANOTHER } else { Duration::ZERO };
            self.shared.request(key, *epoch, Wish::ClaimAgain { at });
        }
    }

    async fn committed(&mut self, route: usize, batch: &Batch, outgoing: bool) {
        self.pause = FIRST_PAUSE;
        self.progress.beat();
        if outgoing {
            self.shared.publisher.wake();
        }
        batch.route.handler.committed();
        for (record, death) in batch.records.iter().zip(&batch.deaths) {
            if let Some(death) = death {
                self.shared.dead.tell(self.shared.consumer, &record.position, death.reason);
            }
        }
        let by_keys = self.shared.database.is_on(POISON_KEYS);
        for (index, segment) in batch.segments.iter().enumerate() {
            let key = Key { route, partition: segment.partition };
            locked(&self.shared.notes).insert(key, segment.end);
            let breaker = self.breakers.entry(key).or_default();
            if breaker.count_segment(batch, index, by_keys).is_some() {
                self.breakers.remove(&key);
                let reason = "poison: 100 records in a row, from at least three keys, could not be applied; see the \
                              dead letters, mend the cause, then `offsets restart`";
                self.stop(key, segment.epoch, reason).await;
            }
        }
    }

    async fn after(&mut self, route: usize, failure: Failure, batch: Batch, again: &mut u32) -> Option<Next> {
        match failure {
            Failure::Again(_) if *again < AGAIN_AT_ONCE => {
                *again += 1;
                Some(Next::Retry(batch))
            }
            Failure::Again(why) => {
                tracing::warn!(consumer = self.shared.consumer, why, "asked for again too often; waiting");
                self.wait().await.then_some(Next::Retry(batch))
            }
            Failure::Transient { error, away, told } => {
                let (consumer, lane) = (self.shared.consumer, self.lane.index);
                if told {
                    tracing::debug!(consumer, error, lane, "batch failed; again");
                } else {
                    tracing::warn!(consumer, error, lane, "batch failed; again");
                }
                if away {
                    self.progress.beat();
                }
                self.wait().await.then_some(Next::Retry(batch))
            }
            Failure::Data(death) => Some(self.smaller(route, batch, death).await),
            Failure::Stop(reason) if batch.segments.len() > 1 => {
                tracing::warn!(consumer = self.shared.consumer, reason, "batch failed; each partition alone");
                Some(Next::Parts(batch.split_partitions()))
            }
            Failure::Stop(reason) => {
                let segment = &batch.segments[0];
                self.stop(Key { route, partition: segment.partition }, segment.epoch, &reason).await;
                None
            }
        }
    }

    /// Closes in on the event that is at fault.
    async fn smaller(&self, route: usize, mut batch: Batch, death: Death) -> Next {
        if batch.segments.len() > 1 {
            return Next::Parts(batch.split_partitions());
        }
        match batch.events.len() {
            0 => {
                // Not an event: the dead letters or the step themselves.
                let segment = &batch.segments[0];
                let reason = format!("dead letters cannot be written: {}", death.detail);
                self.stop(Key { route, partition: segment.partition }, segment.epoch, &reason).await;
                Next::Parts(Vec::new())
            }
            1 => {
                batch.condemn(death);
                Next::Retry(batch)
            }
            _ => {
                let (first, second) = batch.halve();
                Next::Parts(vec![first, second])
            }
        }
    }

    /// Waits before the next attempt; false if the drain began.
    async fn wait(&mut self) -> bool {
        let pause = self.pause.mul_f64(rand::random_range(0.5..1.0));
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            () = self.shared.stop.cancelled() => false,
        }
    }

    /// Writes into the row that the partition waits for a human, however long that takes, and reads no more of it.
    async fn stop(&self, key: Key, epoch: i32, reason: &str) {
        self.lane.remove_claim(key, epoch);
        let mut pause = FIRST_PAUSE;
        while !self.shared.stop.is_cancelled() {
            let topic = self.shared.topic(key);
            let pool = self.shared.database.pool();
            let stop = store::stop(pool, self.shared.consumer, topic, (key.partition, epoch), reason);
            let stopped = match tokio::time::timeout(STOP_TIMEOUT, stop).await {
                Ok(stopped) => stopped,
                Err(_) => Err(timed_out("stop the partition")),
            };
            match stopped {
                Ok(true) => {
                    return self.shared.request(key, epoch, Wish::Halt { reason: reason.to_owned() });
                }
                Ok(false) => {
                    let at = Instant::now() + AFTER_ANOTHER;
                    return self.shared.request(key, epoch, Wish::ClaimAgain { at });
                }
                Err(error) => {
                    if !self.shared.database.note(&error.source) {
                        let partition = key.partition;
                        tracing::warn!(topic, partition, %error, "the stop could not be written; again");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}
