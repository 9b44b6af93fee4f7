//! Who gets the leads that wait: one planner per pool at a time, by the lock of the pool's row. Every replica runs this loop;
//! whoever finds the pool locked leaves it to its holder and looks again a moment later.
//!
//! Woken by intake, commands and the expiry timer after their commits, through [`PlannerHandle`]; by `pool.wake_at`; and
//! every second in any case, for what another process left behind.

pub mod candidates;
pub mod expiry;
pub mod page;
mod unseen;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use leadflow_platform::health::Health;
use leadflow_platform::outbox::{self, PublisherHandle};
use leadflow_platform::pg::{Database, PgError};
use leadflow_platform::run::Tasks;
use leadflow_platform::timers::{self, Next};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::page::{CAPACITY_UNDER_LOCK, Look, Settings};
use crate::store;
use crate::store::pool::Scan;

/// Leads in one transaction of the loop.
const PAGE: usize = 300;
/// How long one pool is planned for before the others have their turn. A lane that is silent for a minute ends the process.
const TURN: Duration = Duration::from_secs(2);
/// Somebody else plans for the pool, or holds a lead of it: he is done in about this time.
const BUSY_PAUSE: Duration = Duration::from_millis(2);
/// Doubled so often at most: an eighth of a second.
const LONGEST_BUSY: u32 = 6;
/// Looked at least so often, whatever was said.
const INTERVAL: Duration = Duration::from_secs(1);
/// Every pool in which leads wait is looked at so often, should a wake-up have got lost.
const FULL_SCAN: Duration = Duration::from_secs(15);

/// Wakes the planners of this process. Cheap to clone; never blocks.
#[derive(Clone, Debug, Default)]
pub struct PlannerHandle {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    notify: Arc<Notify>,
    /// Capacity may have come back: look at every pool in which leads wait.
    all: AtomicBool,
}

impl PlannerHandle {
    /// After the commit of something that made leads wait.
    pub fn wake(&self) {
        self.shared.notify.notify_one();
    }

    /// After the commit of something that may have changed who can get a lead: an answer, an outcome, presence, a schedule.
    pub fn wake_all(&self) {
        self.shared.all.store(true, Ordering::Release);
        self.shared.notify.notify_one();
    }
}

/// The loop over all pools.
#[derive(Clone)]
pub struct Planner {
    database: Database,
    settings: Settings,
    turn: Duration,
    publisher: PublisherHandle,
    handle: PlannerHandle,
    stop: CancellationToken,
    progress: Arc<Mutex<Progress>>,
}

#[derive(Debug, Default)]
struct Progress {
    scanned: Option<Instant>,
    /// Times in a row that somebody else was at work.
    busy: u32,
    /// Where a pass through a long queue was broken off.
    resume: BTreeMap<String, Look>,
}

/// What came of one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planned {
    Done,
    More,
    Busy,
}

impl Planner {
    /// Woken through `handle`; wakes `publisher` after each commit.
    #[must_use]
    pub fn new(
        database: &Database,
        incarnation: i32,
        publisher: PublisherHandle,
        handle: PlannerHandle,
        tasks: &Tasks,
    ) -> Self {
        let (stop, progress) = (tasks.stop_token(), Arc::default());
        let settings = Settings { incarnation, limit: PAGE, locks_reps: database.is_on(CAPACITY_UNDER_LOCK) };
        Self { database: database.clone(), settings, turn: TURN, publisher, handle, stop, progress }
    }

    /// Smaller pages and turns: more pools in less time, at more cost.
    #[must_use]
    pub fn with_pages(mut self, leads: usize, turn: Duration) -> Self {
        self.settings.limit = leads;
        self.turn = turn;
        self
    }

    /// Starts the loop as a task.
    pub fn start(self, tasks: &Tasks, health: &Health) {
        let (database, wake) = (self.database.clone(), Arc::clone(&self.handle.shared.notify));
        timers::poll_loop(tasks, health, &database, "planner", INTERVAL, wake, move || {
            let planner = self.clone();
            async move { Ok(planner.step().await?) }
        });
    }

    /// Plans for every pool that has something to do.
    ///
    /// # Errors
    /// As the database says; the next step looks again.
    pub async fn step(&self) -> Result<Next, PgError> {
        let scan = if self.full_scan_is_due() { Scan::AllWaiting } else { Scan::Due };
        let looked = self.look(scan).await;
        if looked.is_err() && scan == Scan::AllWaiting {
            self.handle.shared.all.store(true, Ordering::Release);
        }
        looked
    }

    async fn look(&self, scan: Scan) -> Result<Next, PgError> {
        let mut pools = store::pool::with_work(self.database.pool(), scan).await?;
        pools.extend(self.progress().resume.keys().cloned());
        pools.sort_unstable();
        pools.dedup();
        let (mut next, mut busy) = (Next::Rest, false);
        for pool_id in pools {
            match self.plan_pool(&pool_id).await? {
                Planned::Done => {}
                Planned::More => next = Next::AtOnce,
                Planned::Busy => busy = true,
            }
        }
        let pause = self.busy_pause(busy);
        if busy {
            // Whoever holds the pool may have begun before the lead came that we were woken for; whoever holds a lead wakes
            // us, but only for leads that nobody has looked at.
            self.handle.shared.all.store(true, Ordering::Release);
            next = if next == Next::Rest { Next::Within(pause) } else { next };
        }
        if next != Next::Rest {
            return Ok(next);
        }
        Ok(match store::pool::next_wake(self.database.pool()).await? {
            Some(pause) => Next::Within(pause),
            None => Next::Rest,
        })
    }

    async fn plan_pool(&self, pool_id: &str) -> Result<Planned, PgError> {
        let mut look = self.progress().resume.remove(pool_id).unwrap_or(Look::Queue(None));
        let (began, mut skipped) = (Instant::now(), 0);
        loop {
            if self.stop.is_cancelled() {
                return Ok(Planned::Done);
            }
            let mut tx = self.database.write_tx("plan").await?;
            let Some(pool) = store::pool::try_lock(tx.connection(), pool_id).await? else {
                return Ok(Planned::Busy);
            };
            let limit = self.settings.limit;
            let adopted =
                store::queue::adopt(tx.connection(), pool_id, i64::try_from(limit).unwrap_or(i64::MAX)).await?;
            let page = page::plan(&mut tx, pool, self.settings, look).await?;
            outbox::append(&mut tx, &page.change.outbox).await?;
            tx.commit().await?;
            if !page.change.outbox.is_empty() {
                self.publisher.wake();
            }
            if page.skipped > 0 {
                skipped += page.skipped;
                self.handle.shared.all.store(true, Ordering::Release);
            }
            look = match page.next {
                Some(next) => next,
                None if usize::try_from(adopted) == Ok(limit) => Look::Queue(None),
                None => return Ok(if skipped > 0 { Planned::Busy } else { Planned::Done }),
            };
            if began.elapsed() >= self.turn {
                self.progress().resume.insert(pool_id.to_owned(), look);
                return Ok(Planned::More);
            }
        }
    }

    /// Grows while somebody else is at work.
    fn busy_pause(&self, busy: bool) -> Duration {
        let mut progress = self.progress();
        progress.busy = if busy { (progress.busy + 1).min(LONGEST_BUSY) } else { 0 };
        BUSY_PAUSE * (1 << progress.busy)
    }

    fn full_scan_is_due(&self) -> bool {
        let told = self.handle.shared.all.swap(false, Ordering::AcqRel);
        let mut progress = self.progress();
        let due = told || progress.scanned.is_none_or(|scanned| scanned.elapsed() >= FULL_SCAN);
        if due {
            progress.scanned = Some(Instant::now());
        }
        due
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
