//! The partitions pinned to one lane and the queues their records wait in. The group thread puts slots in and takes them
//! out at any time; the lane's task reads from them between two batches. Backpressure is simply not to read.

use std::collections::BTreeMap;
use std::sync::{Mutex, Weak};

use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::base_consumer::PartitionQueue;
use tokio::sync::Notify;

use super::context::GroupContext;
use super::shared::{Key, locked};

/// One partition's split queue. It holds the consumer alive: dropped before the consumer is.
pub(crate) type Queue = PartitionQueue<GroupContext>;

/// A claimed partition.
pub(crate) struct Slot {
    pub(crate) queue: Queue,
    /// Whose queue it is. Upgraded under the lane's lock alone, so that it is never the last to hold the consumer.
    pub(crate) consumer: Weak<BaseConsumer<GroupContext>>,
    pub(crate) epoch: i32,
    /// The offset that must come next.
    pub(crate) next: i64,
    /// Nothing was read since the claim.
    pub(crate) fresh: bool,
    /// The end was seen; the position may stand behind transaction markers.
    pub(crate) at_end: bool,
}

/// See the head of this file.
pub(crate) struct Lane {
    pub(crate) index: usize,
    /// Told by librdkafka when a queue stops being empty, and by the group thread when slots change.
    pub(crate) wake: Notify,
    pub(crate) slots: Mutex<Slots>,
}

/// What is behind the lane's lock.
#[derive(Default)]
pub(crate) struct Slots {
    pub(crate) by_key: BTreeMap<Key, Slot>,
    /// Moves with each batch, so that neither a topic nor a partition always comes first.
    pub(crate) turn: usize,
    /// Holes seen right after a claim, which are believed only when they are seen again: (expected, seen).
    pub(crate) holes: BTreeMap<Key, (i64, i64)>,
}

impl Lane {
    pub(crate) fn new(index: usize) -> Self {
        Self { index, wake: Notify::new(), slots: Mutex::default() }
    }

    /// A claimed partition from which to read.
    pub(crate) fn put(&self, key: Key, slot: Slot) {
        locked(&self.slots).by_key.insert(key, slot);
        self.wake.notify_one();
    }

    /// Drops the queue and what was prefetched.
    pub(crate) fn remove(&self, key: Key) {
        locked(&self.slots).by_key.remove(&key);
    }

    /// Drops it if it still stands under this claim.
    pub(crate) fn remove_claim(&self, key: Key, epoch: i32) {
        let mut slots = locked(&self.slots);
        if slots.by_key.get(&key).is_some_and(|slot| slot.epoch == epoch) {
            slots.by_key.remove(&key);
        }
    }

    /// Drops all queues.
    pub(crate) fn clear(&self) {
        locked(&self.slots).by_key.clear();
    }

    /// Whether the partition is still read under this claim.
    pub(crate) fn holds(&self, key: Key, epoch: i32) -> bool {
        locked(&self.slots).by_key.get(&key).is_some_and(|slot| slot.epoch == epoch)
    }
}
