//! What the thread that talks to the broker and the lanes have in common, and what they tell each other.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::dead_letter::DeathNotices;
use super::lane::Lane;
use super::metrics::Metrics;
use super::route::Route;
use super::settings::ConsumerConfig;
use crate::health::Check;
use crate::kafka::KafkaConfig;
use crate::outage::Outage;
use crate::outbox::PublisherHandle;
use crate::pg::Database;

/// A partition: index of its route, number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) route: usize,
    pub(crate) partition: i32,
}

/// One per consumer of a process.
pub(crate) struct Shared {
    /// `kafka_offset.consumer`: the role.
    pub(crate) consumer: &'static str,
    /// `kafka_offset.owner`: this process and nobody else.
    pub(crate) owner: String,
    /// CloudEvents source of its dead letters.
    pub(crate) source: &'static str,
    pub(crate) database: Database,
    pub(crate) kafka: KafkaConfig,
    /// Whether the brokers of `kafka` answer.
    pub(crate) broker: Outage,
    pub(crate) config: ConsumerConfig,
    pub(crate) routes: Vec<Arc<Route>>,
    pub(crate) lanes: Vec<Arc<Lane>>,
    /// Held by the lane that has a batch in flight, while there is no backlog: see `lane_task`.
    pub(crate) turn: Semaphore,
    /// Lane tasks that have not ended yet.
    pub(crate) lanes_running: AtomicUsize,
    pub(crate) publisher: PublisherHandle,
    pub(crate) metrics: Metrics,
    /// Ready when the group has given an answer and its partitions are claimed.
    pub(crate) check: Check,
    pub(crate) runtime: Handle,
    pub(crate) stop: CancellationToken,
    /// Committed in PostgreSQL, not yet told to Kafka. Lanes write, the group thread takes.
    pub(crate) notes: Mutex<BTreeMap<Key, i64>>,
    /// Lanes write, the group thread takes.
    pub(crate) requests: Mutex<Vec<Request>>,
    /// Partitions of this process that wait for a human, with the reason. The group thread writes, `/readyz` reads.
    pub(crate) stopped: Mutex<BTreeMap<Key, String>>,
    /// Lanes write, the ledger task tells what is left.
    pub(crate) dead: DeathNotices,
    /// Last stable offsets by librdkafka's statistics, for the lag.
    pub(crate) ends: Mutex<BTreeMap<Key, i64>>,
}

/// What a lane wants from the group thread.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) key: Key,
    /// Of the claim that has come to its end; ignored if there is a newer one.
    pub(crate) epoch: i32,
    pub(crate) wish: Wish,
}

/// The kinds of [`Request`].
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    /// Claim it again, if it is still ours then: somebody else's epoch, an operator's hand, an offset off the log.
    ClaimAgain { at: Instant },
    /// It was stopped: read nothing more of it until an operator sets it going.
    Halt { reason: String },
}

impl Shared {
    pub(crate) fn lane_of(&self, key: Key) -> &Arc<Lane> {
        let partition = usize::try_from(key.partition).unwrap_or(0);
        &self.lanes[partition % self.lanes.len()]
    }

    pub(crate) fn key(&self, topic: &str, partition: i32) -> Option<Key> {
        let route = self.routes.iter().position(|route| &*route.name == topic)?;
        Some(Key { route, partition })
    }

    pub(crate) fn topic(&self, key: Key) -> &str {
        &self.routes[key.route].name
    }

    /// What an operator should know although the role can be asked; none while all is well.
    pub(crate) fn doubt(&self) -> Option<String> {
        let mut said: Vec<String> = self.broker.describe().into_iter().collect();
        said.extend(self.database.outage().describe());
        for (key, reason) in &*locked(&self.stopped) {
            let topic = self.topic(*key);
            said.push(format!("partition {topic}/{} is stopped: {reason}; see `leadflow offsets list`", key.partition));
        }
        (!said.is_empty()).then(|| said.join("; "))
    }

    pub(crate) fn request(&self, key: Key, epoch: i32, wish: Wish) {
        locked(&self.requests).push(Request { key, epoch, wish });
    }
}

/// The data behind these locks is plain and whole after each statement, so a panic elsewhere leaves nothing half-done.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
