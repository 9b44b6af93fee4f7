//! The engagement topics: a batch of acts in, what follows from them out, in the transaction that also moves the offsets.
//!
//! Three phases, never backwards: find or insert identifiers (`identify`), lock persons in the order of their ids, write.
//! Most events only add to a count and stay in the first pass of `fold`; what may be told or decided goes through
//! `work`, which asks `domain::decide` and makes decision rows and lead events of the answers.

mod batch;
mod claims;
mod fold;
mod identify;
mod incoming;
mod returned;
mod ties;

use std::sync::Arc;

use leadflow_platform::consumer::{Arrived, BatchResult, Handler, HandlerError, Outcome, Poison};
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::pg::{Mechanism, WriteTx};
use leadflow_platform::record::Record;

use crate::domain::day::Day;
use crate::models::Models;
use crate::work::Work;

pub use incoming::Incoming;

/// Events from before somebody was erased are dropped. A test turns it off to see the erased come back.
pub const TOMBSTONES: Mechanism = Mechanism("qualification.tombstones");
/// Persons are locked in the order of their ids. A test turns it off to see deadlocks.
pub const LOCK_ORDER: Mechanism = Mechanism("qualification.lock_order");

/// Which of them work.
#[derive(Clone, Copy, Debug)]
struct Guards {
    tombstones: bool,
    lock_order: bool,
}

/// Consumes `engagement` and `engagement-bulk`.
#[derive(Clone, Debug)]
pub struct EngagementHandler {
    identity_key: Arc<IdentityKey>,
    models: Arc<Models>,
    incarnation: i32,
    committed: Arc<tokio::sync::Notify>,
}

impl EngagementHandler {
    /// `incarnation` of the deployment, read at start. `committed` is told after each commit: the recompute worker waits
    /// for it.
    #[must_use]
    pub fn new(
        identity_key: Arc<IdentityKey>,
        models: Arc<Models>,
        incarnation: i32,
        committed: Arc<tokio::sync::Notify>,
    ) -> Self {
        Self { identity_key, models, incarnation, committed }
    }

    async fn apply(&self, tx: &mut WriteTx, arrived: &[Arrived<Incoming>]) -> Result<BatchResult, HandlerError> {
        let now = tx.now();
        let guards = Guards { tombstones: tx.is_on(TOMBSTONES), lock_order: tx.is_on(LOCK_ORDER) };
        let connection = tx.connection();
        let Some(rules) = self.models.active(connection).await? else {
            return Err(HandlerError::Again("no scoring model is active: leadflow model publish FILE"));
        };
        let mut batch = batch::Batch::new(arrived, &rules.model, Day::of(now), guards);
        let mut work = Work::new(now, self.incarnation);
        let person_of = identify::identify(connection, &mut batch, &mut work, &rules, &self.models).await?;
        fold::note(connection, &mut batch).await?;
        returned::name(connection, &batch, &mut work, &person_of).await?;
        let outbox = fold::fold(connection, &mut work, &batch, &person_of).await?;
        Ok(BatchResult { outcomes: batch.into_outcomes(), outbox })
    }
}

impl Handler for EngagementHandler {
    type Event = Incoming;

    fn decode(&self, record: &Record) -> Result<Incoming, Poison> {
        Incoming::decode(record, &self.identity_key)
    }

    async fn handle(&self, tx: &mut WriteTx, batch: &[Arrived<Incoming>]) -> Result<BatchResult, HandlerError> {
        if batch.iter().all(|one| one.event.event.is_err()) {
            let reason =
                |one: &Arrived<Incoming>| one.event.event.as_ref().err().map_or("unknown", |refused| refused.0);
            let outcomes = batch.iter().map(|one| Outcome::Ignored(reason(one))).collect();
            return Ok(BatchResult { outcomes, outbox: Vec::new() });
        }
        self.apply(tx, batch).await
    }

    fn committed(&self) {
        self.committed.notify_one();
    }
}
