//! The task of a lane: gathers, decodes, settles, one batch at a time. Live topics first.
//!
//! Lanes are for backlogs, where commits overlap. Without one the lanes take turns: what arrives while one of them commits
//! is in the next one's batch, instead of a transaction of its own for each event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::SemaphorePermit;
use tracing::Instrument as _;

use super::batch::Batch;
use super::gather::{Gathered, Limit};
use super::lane::Lane;
use super::pace::Pace;
use super::route::Class;
use super::settle::Settler;
use super::shared::{Shared, locked};
use super::spans;
use super::{EOF_ADVANCE, LIVE_FIRST};
use crate::health::Progress;

/// Looks at the queues this often even if nobody wakes it: a net below the callbacks.
const NET: Duration = Duration::from_secs(1);
/// A lane waits at most this long for its turn. So one that hangs (on a lock, on a database that is away) holds up nobody.
const TURN: Duration = Duration::from_millis(10);

/// See the head of this file.
pub(crate) struct LaneTask {
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    settler: Settler,
    pace: Pace,
    progress: Arc<Progress>,
    ends_looked_at: Instant,
}

impl LaneTask {
    pub(crate) fn new(shared: Arc<Shared>, lane: Arc<Lane>, progress: Progress) -> Self {
        let progress = Arc::new(progress);
        let settler = Settler::new(Arc::clone(&shared), Arc::clone(&lane), Arc::clone(&progress));
        Self { shared, lane, settler, pace: Pace::new(), progress, ends_looked_at: Instant::now() }
    }

    /// Until the drain begins; what is in flight then is finished.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        while !self.shared.stop.is_cancelled() {
            if let Some(moment) = self.pace.moment() {
                tokio::time::sleep(moment).await;
            }
            let shared = Arc::clone(&self.shared);
            let turn = self.turn(&shared).await;
            let Some(gathered) = self.next() else {
                drop(turn);
                self.progress.busy(false);
                self.rest().await;
                continue;
            };
            self.progress.busy(true);
            self.process(gathered).await;
        }
        Ok(())
    }

    /// None in a backlog, and when it took too long.
    async fn turn<'a>(&self, shared: &'a Shared) -> Option<SemaphorePermit<'a>> {
        if self.pace.backlog() {
            return None;
        }
        tokio::time::timeout(TURN, shared.turn.acquire()).await.ok()?.ok()
    }

    /// Live records, else bulk records if it is their turn, else ends of partitions that stand behind markers.
    fn next(&mut self) -> Option<Gathered> {
        let config = &self.shared.config;
        let limit = Limit { events: config.max_batch_events, bytes: config.max_batch_bytes };
        if !self.shared.database.is_on(LIVE_FIRST)
            && let Some(bulk) = self.gather(Class::Bulk, limit)
        {
            return Some(bulk);
        }
        let live = self.gather(Class::Live, limit);
        if live.is_some() {
            return live;
        }
        if let Ok(limit) = self.pace.bulk_limit(limit, Instant::now()) {
            let bulk = self.gather(Class::Bulk, limit);
            if bulk.is_some() {
                return bulk;
            }
        }
        self.gather_ends()
    }

    fn gather(&mut self, class: Class, limit: Limit) -> Option<Gathered> {
        let (gathered, requests) = self.lane.gather(&self.shared.routes, class, limit);
        locked(&self.shared.requests).extend(requests);
        if let Some(gathered) = &gathered {
            self.pace.took(gathered.records.len(), gathered.full, class == Class::Live, Instant::now());
        }
        gathered
    }

    /// At most once a second: partitions whose end was seen and whose position is beyond what was read.
    fn gather_ends(&mut self) -> Option<Gathered> {
        if self.ends_looked_at.elapsed() < NET || !self.shared.database.is_on(EOF_ADVANCE) {
            return None;
        }
        self.ends_looked_at = Instant::now();
        self.lane.gather_ends(&self.shared.routes)
    }

    async fn process(&mut self, gathered: Gathered) {
        let route = Arc::clone(&self.shared.routes[gathered.route]);
        let bulk = route.class == Class::Bulk;
        let (spans, traces) = spans::open(&route, &gathered.records);
        let began = Instant::now();
        let batch = Batch::decode(route, gathered.records, gathered.deaths, traces, gathered.segments);
        self.settler.settle(gathered.route, batch).instrument(spans.batch().clone()).await;
        if bulk {
            self.pace.bulk_took(began.elapsed(), Instant::now());
        }
    }

    /// Until a queue has something, or bulk has its turn.
    async fn rest(&self) {
        let now = Instant::now();
        let limit = Limit { events: 0, bytes: 0 };
        let rest = self.pace.bulk_limit(limit, now).err().map_or(NET, |from| NET.min(from - now));
        tokio::select! {
            () = self.lane.wake.notified() => {}
            () = tokio::time::sleep(rest) => {}
            () = self.shared.stop.cancelled() => {}
        }
    }
}
