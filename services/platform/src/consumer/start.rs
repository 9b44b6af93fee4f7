//! Puts a consumer together and starts its tasks: the group thread, the lanes, the gauges of the ledger.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::oneshot;

use super::dead_letter::DeathNotices;
use super::lane::Lane;
use super::lane_task::LaneTask;
use super::metrics::Metrics;
use super::route::{Class, Route, Typed};
use super::settings::ConsumerConfig;
use super::shared::{Shared, locked};
use super::{Handler, group, store};
use crate::health::{Health, Progress, STUCK_AFTER};
use crate::kafka::KafkaConfig;
use crate::outbox::PublisherHandle;
use crate::pg::Database;
use crate::run::Tasks;
use crate::topics::Topic;

/// The group thread may wait two minutes for a claim, and no longer.
const GROUP_STUCK_AFTER: Duration = Duration::from_secs(180);
/// How long the last farewell to the group may take; without it the others wait for the session to run out.
const LEAVE_WITHIN: Duration = Duration::from_secs(8);
const LEDGER_EVERY: Duration = Duration::from_secs(10);

/// The consumer of a role: which topics it reads, and what is done with them.
pub struct Consumer {
    role: &'static str,
    database: Database,
    kafka: KafkaConfig,
    publisher: PublisherHandle,
    config: ConsumerConfig,
    routes: Vec<Arc<Route>>,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let topics: Vec<&str> = self.routes.iter().map(|route| &*route.name).collect();
        formatter.debug_struct("Consumer").field("role", &self.role).field("topics", &topics).finish_non_exhaustive()
    }
}

impl Consumer {
    /// `role` names the offset rows and the group. `publisher` sends what the handlers put into the outbox.
    #[must_use]
    pub fn new(
        role: &'static str,
        database: &Database,
        kafka: &KafkaConfig,
        publisher: PublisherHandle,
        config: ConsumerConfig,
    ) -> Self {
        Self { role, database: database.clone(), kafka: kafka.clone(), publisher, config, routes: Vec::new() }
    }

    /// Reads this topic, before any bulk topic.
    #[must_use]
    pub fn live<H: Handler>(self, topic: Topic, handler: Arc<H>) -> Self {
        self.route(topic, Class::Live, handler)
    }

    /// Reads this topic with the time that the live ones leave.
    #[must_use]
    pub fn bulk<H: Handler>(self, topic: Topic, handler: Arc<H>) -> Self {
        self.route(topic, Class::Bulk, handler)
    }

    fn route<H: Handler>(mut self, topic: Topic, class: Class, handler: Arc<H>) -> Self {
        let name = self.kafka.topic_name(topic).into();
        self.routes.push(Arc::new(Route { name, class, handler: Box::new(Typed(handler)) }));
        self
    }

    /// Joins the group and reads until the tasks are stopped: then the batches in flight are finished, and the group is
    /// left. What cannot be mended stops the tasks.
    ///
    /// # Panics
    /// If no topic was given, or outside of a tokio runtime.
    pub fn start(self, tasks: &Tasks, health: &Health) {
        assert!(!self.routes.is_empty(), "a consumer without topics");
        let lanes = self.config.lanes.max(1);
        let shared = Arc::new(Shared {
            consumer: self.role,
            owner: owner(self.role),
            // Once per consumer of a process.
            source: Box::leak(format!("/leadflow/{}", self.role).into_boxed_str()),
            database: self.database,
            broker: self.kafka.outage(),
            kafka: self.kafka,
            routes: self.routes,
            lanes: (0..lanes).map(|index| Arc::new(Lane::new(index))).collect(),
            turn: tokio::sync::Semaphore::new(1),
            lanes_running: AtomicUsize::new(lanes),
            config: self.config,
            publisher: self.publisher,
            metrics: Metrics::new(self.role),
            runtime: tokio::runtime::Handle::current(),
            check: health.register(format!("{} consumer", self.role)),
            stop: tasks.stop_token(),
            notes: std::sync::Mutex::default(),
            requests: std::sync::Mutex::default(),
            stopped: std::sync::Mutex::default(),
            dead: DeathNotices::default(),
            ends: std::sync::Mutex::default(),
        });
        let doubted = Arc::downgrade(&shared);
        shared.check.degraded_while(move || doubted.upgrade()?.doubt());
        for lane in &shared.lanes {
            let progress = health.progress(format!("{} lane {}", self.role, lane.index), STUCK_AFTER);
            let task = LaneTask::new(Arc::clone(&shared), Arc::clone(lane), progress);
            let counted = RunningLane(Arc::clone(&shared));
            tasks.spawn("consumer lane", async move {
                let _counted = counted;
                task.run().await
            });
        }
        tasks.spawn("consumer ledger", ledger(Arc::clone(&shared)));
        let progress = health.progress(format!("{} group", self.role), GROUP_STUCK_AFTER);
        tasks.spawn("consumer group", group_task(shared, progress));
    }
}

/// The group is left when the last lane has ended.
struct RunningLane(Arc<Shared>);

impl Drop for RunningLane {
    fn drop(&mut self) {
        self.0.lanes_running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Waits for the group thread, whose end is the end of this consumer.
async fn group_task(shared: Arc<Shared>, progress: Progress) -> anyhow::Result<()> {
    let (ended, mut wait) = oneshot::channel();
    let stop = shared.stop.clone();
    std::thread::Builder::new()
        .name("consumer-group".to_owned())
        .spawn(move || {
            let result = group::run(&shared, &progress);
            drop(shared);
            // Nobody waits any more if the drain was too short.
            let _ = ended.send(result);
        })
        .context("start the group thread")?;
    tokio::select! {
        result = &mut wait => return result.context("the group thread panicked")?,
        () = stop.cancelled() => {}
    }
    match tokio::time::timeout(LEAVE_WITHIN, wait).await {
        Ok(result) => result.context("the group thread panicked")?,
        Err(_) => {
            tracing::warn!("the group could not be left in time; it will find out by itself");
            Ok(())
        }
    }
}

/// Keeps the gauges of the offset rows that this process holds.
async fn ledger(shared: Arc<Shared>) -> anyhow::Result<()> {
    let mut shown = std::collections::BTreeSet::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(LEDGER_EVERY) => {}
            () = shared.stop.cancelled() => return Ok(()),
        }
        shared.dead.tell_the_rest(shared.consumer);
        let read = store::ledger(shared.database.pool(), shared.consumer);
        let rows = match tokio::time::timeout(LEDGER_EVERY, read).await {
            Ok(Ok(rows)) => rows,
            Ok(Err(error)) => {
                tracing::debug!(%error, "the ledger could not be read");
                continue;
            }
            Err(_) => continue,
        };
        let ends = locked(&shared.ends).clone();
        for row in rows {
            let Some(key) = shared.key(&row.topic, row.partition) else { continue };
            match ends.get(&key) {
                Some(end) => {
                    shown.insert(key);
                    let lag = (end - row.next_offset).max(0);
                    shared.metrics.ledger(&row.topic, row.partition, lag, row.difference, row.stopped);
                }
                // Given away: whoever has it now shows it.
                None if shown.remove(&key) => shared.metrics.ledger(&row.topic, row.partition, 0, 0, false),
                None => {}
            }
        }
    }
}

/// This consumer of this process and no other: role, host, process, instance.
fn owner(role: &str) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{role}/{}/{}/{}", host.trim(), std::process::id(), uuid::Uuid::now_v7().simple())
}
