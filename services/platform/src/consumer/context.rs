//! What happens when the group gives and takes partitions. The callbacks run inside `poll` on the group thread, where
//! waiting for the claim is fine: the heartbeats come from another thread, and the lanes go on with what they have.

use std::sync::{Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};

use super::assignment::{Assignment, Held};
use super::claim::{Claimant, Claimed, Verdict, Watermarks, claim};
use super::lane::Slot;
use super::shared::{Key, Shared, locked};
use crate::causes::causes;
use crate::kafka::Reports;

/// After this long without a claim the process ends: somebody else may have better luck.
const CLAIM_DEADLINE: Duration = Duration::from_secs(120);
/// One attempt at the claim's transaction.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(20);
/// One question to the broker.
const WATERMARK_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// See the head of this file.
pub(crate) struct GroupContext {
    pub(crate) shared: std::sync::Arc<Shared>,
    /// The callbacks get a reference; splitting a queue wants the Arc. Set right after the consumer is made.
    pub(crate) consumer: OnceLock<Weak<BaseConsumer<GroupContext>>>,
    pub(crate) assignment: Mutex<Assignment>,
    /// Why it cannot go on. Taken by the group thread after each poll.
    pub(crate) failure: Mutex<Option<Broken>>,
    /// Whose word it is that the broker is away.
    pub(crate) reports: Reports,
}

/// What cannot be mended inside of a callback.
#[derive(Debug)]
pub(crate) enum Broken {
    /// A new client may do better.
    Client(anyhow::Error),
    /// The process has to end.
    Process(anyhow::Error),
}

impl ClientContext for GroupContext {
    fn stats(&self, statistics: Statistics) {
        self.reports.statistics(&statistics);
        let mut ends = locked(&self.shared.ends);
        for (topic, statistics) in &statistics.topics {
            for (partition, statistics) in &statistics.partitions {
                if let Some(key) = self.shared.key(topic, *partition).filter(|_| statistics.ls_offset >= 0) {
                    ends.insert(key, statistics.ls_offset);
                }
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reports.error(&error, reason);
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.reports.log(level, facility, line);
    }
}

impl ConsumerContext for GroupContext {
    // The default assigns the offsets of the group, which are not ours.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let keys = self.keys(list);
        if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            tracing::info!(consumer = self.shared.consumer, partitions = keys.len(), "partitions given by the group");
            let claimed = match self.take_over(consumer, &keys) {
                Ok(claimed) => claimed,
                Err(error) => {
                    self.fail(Broken::Process(error));
                    Vec::new()
                }
            };
            if let Err(error) = self.install(consumer, claimed) {
                self.fail(Broken::Client(error));
            }
        } else {
            tracing::info!(consumer = self.shared.consumer, partitions = keys.len(), "partitions taken by the group");
            self.revoke(consumer, &keys);
        }
    }
}

impl GroupContext {
    fn keys(&self, list: &TopicPartitionList) -> Vec<Key> {
        list.elements().iter().filter_map(|element| self.shared.key(element.topic(), element.partition())).collect()
    }

    fn fail(&self, broken: Broken) {
        if !self.shared.stop.is_cancelled() {
            locked(&self.failure).get_or_insert(broken);
        }
    }

    /// Claims, however long it takes within the deadline.
    pub(crate) fn take_over(&self, consumer: &BaseConsumer<Self>, keys: &[Key]) -> anyhow::Result<Vec<(Key, Claimed)>> {
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.try_take_over(consumer, keys) {
                Ok(claimed) => return Ok(claimed),
                Err(error) => error,
            };
            anyhow::ensure!(!self.shared.stop.is_cancelled(), "stopped while claiming");
            if began.elapsed() > CLAIM_DEADLINE || !self.shared.database.is_on(super::CLAIM_RETRY) {
                return Err(error.context(format!("{} partitions could not be claimed in time", keys.len())));
            }
            let (shared, is_told) = (&self.shared, self.is_told(&error));
            let error = causes(&error);
            if is_told {
                tracing::debug!(consumer = shared.consumer, error, "claim failed; trying again");
            } else {
                tracing::warn!(consumer = shared.consumer, error, "claim failed; trying again");
            }
            shared.check.not_ready(format!("partitions cannot be claimed: {error}"));
            std::thread::sleep(pause.mul_f64(rand::random_range(0.5..1.0)));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Whether whoever is at fault is known to be away.
    fn is_told(&self, error: &anyhow::Error) -> bool {
        self.shared.database.is_away(error) || self.shared.broker.is_away()
    }

    fn try_take_over(&self, consumer: &BaseConsumer<Self>, keys: &[Key]) -> anyhow::Result<Vec<(Key, Claimed)>> {
        let mut claimed = self.claim_once(consumer, keys, false)?;
        let doubtful: Vec<Key> =
            claimed.iter().filter(|(_, claimed)| claimed.verdict == Verdict::LookAgain).map(|(key, _)| *key).collect();
        if !doubtful.is_empty() {
            claimed.retain(|(key, _)| !doubtful.contains(key));
            claimed.extend(self.claim_once(consumer, &doubtful, true)?);
        }
        Ok(claimed)
    }

    fn claim_once(
        &self,
        consumer: &BaseConsumer<Self>,
        keys: &[Key],
        last_look: bool,
    ) -> anyhow::Result<Vec<(Key, Claimed)>> {
        let shared = &self.shared;
        let marks = keys.iter().map(|key| watermarks(consumer, shared.topic(*key), key.partition));
        let marks = marks.collect::<anyhow::Result<Vec<Watermarks>>>()?;
        let claimant = Claimant { consumer: shared.consumer, owner: &shared.owner, start: shared.config.start };
        let claimed = shared.runtime.block_on(async {
            let work = claim(&shared.database, claimant, &marks, last_look);
            tokio::time::timeout(CLAIM_TIMEOUT, work).await.context("the claim took too long")?.map_err(Into::into)
        });
        let claimed: Vec<Claimed> = claimed.map_err(|error: anyhow::Error| error)?;
        Ok(claimed
            .into_iter()
            .filter_map(|claimed| shared.key(&claimed.topic, claimed.partition).map(|key| (key, claimed)))
            .collect())
    }

    /// Splits the queues and assigns with explicit offsets; one call also for nothing, which is the answer to the group.
    pub(crate) fn install(&self, consumer: &BaseConsumer<Self>, claimed: Vec<(Key, Claimed)>) -> anyhow::Result<()> {
        let mut list = TopicPartitionList::with_capacity(claimed.len());
        let mut slots = Vec::with_capacity(claimed.len());
        let owned = self.consumer.get().and_then(Weak::upgrade);
        for (key, claimed) in claimed {
            let held = match &claimed.verdict {
                Verdict::Stopped { reason, new } => {
                    self.say_stopped(&claimed, reason, *new);
                    locked(&self.shared.stopped).insert(key, reason.clone());
                    Held::Stopped(claimed.epoch)
                }
                Verdict::Run | Verdict::LookAgain => {
                    locked(&self.shared.stopped).remove(&key);
                    Held::Running(claimed.epoch)
                }
            };
            locked(&self.assignment).set(key, held);
            if held != Held::Running(claimed.epoch) {
                continue;
            }
            let split = owned.as_ref().and_then(|owned| owned.split_partition_queue(&claimed.topic, key.partition));
            let mut queue = split.with_context(|| format!("no queue for {}/{}", claimed.topic, key.partition))?;
            let lane = std::sync::Arc::clone(self.shared.lane_of(key));
            queue.set_nonempty_callback(move || lane.wake.notify_one());
            list.add_partition_offset(&claimed.topic, key.partition, Offset::Offset(claimed.next_offset))?;
            let slot = Slot {
                queue,
                consumer: owned.as_ref().map(std::sync::Arc::downgrade).unwrap_or_default(),
                epoch: claimed.epoch,
                next: claimed.next_offset,
                fresh: true,
                at_end: false,
            };
            slots.push((key, slot));
        }
        consumer.incremental_assign(&list).context("assign")?;
        for (key, slot) in slots {
            locked(&self.shared.notes).insert(key, slot.next);
            self.shared.lane_of(key).put(key, slot);
        }
        self.shared.check.ready();
        Ok(())
    }

    fn say_stopped(&self, claimed: &Claimed, reason: &str, new: bool) {
        let (consumer, topic, partition) = (self.shared.consumer, &claimed.topic, claimed.partition);
        if new {
            tracing::error!(consumer, %topic, partition, reason, "partition stopped; it waits for a human");
        } else {
            tracing::warn!(consumer, %topic, partition, reason, "partition is stopped; it waits for a human");
        }
    }

    /// Drops buffers and lets go at once; what a lane has in flight is left to the fence.
    fn revoke(&self, consumer: &BaseConsumer<Self>, keys: &[Key]) {
        for key in keys {
            self.shared.lane_of(*key).remove(*key);
            locked(&self.assignment).release(*key);
            locked(&self.shared.notes).remove(key);
            locked(&self.shared.ends).remove(key);
            locked(&self.shared.stopped).remove(key);
        }
        let done = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.unassign(consumer, keys),
            RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign().context("unassign"),
        };
        if let Err(error) = done {
            self.fail(Broken::Client(error));
        }
    }

    /// Takes partitions from librdkafka's assignment; those that are not in it (stopped ones) are left out, as it would
    /// refuse the whole list.
    pub(crate) fn unassign(&self, consumer: &BaseConsumer<Self>, keys: &[Key]) -> anyhow::Result<()> {
        let assigned = consumer.assignment().context("read the assignment")?;
        let mut list = TopicPartitionList::with_capacity(keys.len());
        for key in keys {
            let topic = self.shared.topic(*key);
            if assigned.find_partition(topic, key.partition).is_some() {
                list.add_partition(topic, key.partition);
            }
        }
        consumer.incremental_unassign(&list).context("unassign")
    }
}

fn watermarks(consumer: &BaseConsumer<GroupContext>, topic: &str, partition: i32) -> anyhow::Result<Watermarks> {
    let (low, high) = consumer
        .fetch_watermarks(topic, partition, WATERMARK_TIMEOUT)
        .with_context(|| format!("ask for the watermarks of {topic}/{partition}"))?;
    Ok(Watermarks { topic: topic.to_owned(), partition, low, high })
}
