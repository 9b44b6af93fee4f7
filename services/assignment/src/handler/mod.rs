//! Intake: events of the `lead` topic into rows of leads. What an event means is decided in `domain::intake`; here rows are
//! locked, changed and written, and if the pool is free at this moment, its queue is planned in the same transaction, so that
//! a hot lead has its rep without another commit.

mod fold;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use leadflow_platform::consumer::{Arrived, BatchResult, Handler, HandlerError, Outcome, Poison};
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::pg::{Mechanism, WriteTx};
use leadflow_platform::record::Record;
use leadflow_proto::qualification::v1::LeadEvent;
use prost::Message as _;
use uuid::Uuid;

use self::fold::Fold;
use crate::held;
use crate::planner::PlannerHandle;
use crate::planner::page::{self, Look, Settings};
use crate::store;
use crate::store::lead::Lead;
use crate::wire::lead_event::{self, LeadNews};

/// A batch plans at most so many leads itself: enough for hand-raises at once, not so many that the batch grows long.
const PLAN_AT_ONCE: usize = 64;
/// Capacity that came back is told with every commit for so long: the commit of the batch that freed it is among them.
const TELL_FOR: Duration = Duration::from_secs(2);

/// The consumer of `lead` in the assignment role.
pub struct Intake {
    settings: Settings,
    identity_key: Arc<IdentityKey>,
    planner: PlannerHandle,
    /// Until when commits may have freed capacity.
    freed_until: Mutex<Option<Instant>>,
}

impl Intake {
    /// Planners are woken through `planner`.
    #[must_use]
    pub fn new(incarnation: i32, identity_key: Arc<IdentityKey>, planner: PlannerHandle) -> Self {
        let settings = Settings { incarnation, limit: PLAN_AT_ONCE, locks_reps: true };
        Self { settings, identity_key, planner, freed_until: Mutex::new(None) }
    }

    fn freed(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.freed_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Handler for Intake {
    type Event = LeadNews;

    fn decode(&self, record: &Record) -> Result<LeadNews, Poison> {
        let event = LeadEvent::decode(record.value.as_slice()).map_err(|error| Poison(error.to_string()))?;
        lead_event::read(event).map_err(|error| Poison(error.to_string()))
    }

    async fn handle<'a>(
        &'a self,
        tx: &'a mut WriteTx,
        batch: &'a [Arrived<LeadNews>],
    ) -> Result<BatchResult, HandlerError> {
        let lead_ids: BTreeSet<Uuid> = batch.iter().map(|arrived| arrived.event.lead_id).collect();
        let lead_ids: Vec<Uuid> = lead_ids.into_iter().collect();
        let held = held::hold(tx, &lead_ids).await?;
        let routes = store::pool::routes(tx.connection()).await?;
        let mut fold = Fold::new(tx.now(), self.settings.incarnation, &self.identity_key, &routes, held);
        fold.drops_repeats = tx.is_on(REPEATS_ARE_DROPPED);
        let outcomes: Vec<Outcome> = batch.iter().map(|arrived| fold.take(arrived)).collect();
        fold.change.write(tx, fold.held.values()).await?;
        let mut outbox = std::mem::take(&mut fold.change.outbox);
        if fold.change.wants_planning() {
            *self.freed() = Instant::now().checked_add(TELL_FOR);
        }
        // Not if rows of reps or owners are locked already, out of the order in which a plan locks them; and one pool only,
        // for the same reason.
        let locked = !fold.change.freed.is_empty() || !fold.change.owners.is_empty();
        if let Some(pool_id) = fold.hottest_pool().filter(|_| !locked)
            && let Some(pool) = store::pool::try_lock(tx.connection(), &pool_id).await?
        {
            let page = page::plan(tx, pool, self.settings, Look::Queue(None)).await?;
            outbox.extend(page.change.outbox);
        }
        fold.write_last(tx).await?;
        Ok(BatchResult { outcomes, outbox })
    }

    fn committed(&self) {
        let freed = self.freed().is_some_and(|until| Instant::now() < until);
        if freed { self.planner.wake_all() } else { self.planner.wake() }
    }
}

/// What has the sequence of something heard, or a lower one, is a copy. A test turns it off to see copies applied.
pub const REPEATS_ARE_DROPPED: Mechanism = Mechanism("assignment.repeats_are_dropped");

/// A lead that nobody here has heard of is held without a lock: its partition is ours alone.
fn unheard(lead_id: Uuid) -> held::Held {
    held::Held { lead: Lead::unheard(lead_id), current: None, contact: Default::default(), touched: false }
}
