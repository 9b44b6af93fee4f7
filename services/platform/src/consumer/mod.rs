//! From a topic into a database, effectively once: claim, lanes, batches. A handler sees decoded events and a connection
//! inside the transaction; it never sees offsets or the producer.
//!
//! This file is the contract with the services. Who may process a partition is decided in `claim` (the group is a hint, the
//! claim is the authority) and held in `fence`; `group` is the thread that talks to the broker, `lane` what a partition's
//! records wait in, `settle` what becomes of a batch that fails.

mod assignment;
mod attempt;
mod batch;
#[cfg(test)]
mod batch_tests;
mod breaker;
mod claim;
mod context;
mod dead_letter;
mod fence;
mod gather;
mod group;
mod lane;
mod lane_task;
mod ledger;
mod mechanism;
mod metrics;
mod pace;
mod route;
mod settings;
mod settle;
mod shared;
mod spans;
mod start;
pub(crate) mod store;
mod unpack;

use std::future::Future;

use jiff::Timestamp;

use crate::outbox::OutboxRow;
use crate::pg::{PgError, WriteTx};
use crate::record::{Position, Record, TraceParent};

pub use mechanism::{
    CLAIM_LOCK, CLAIM_RETRY, EOF_ADVANCE, EPOCH_FENCE, LIVE_FIRST, LOSS_CHECK, OFFSET_TRIM, POISON_KEYS,
};
pub use settings::{ConsumerConfig, Start};
pub use start::Consumer;

/// What a service does with the events of one topic.
pub trait Handler: Send + Sync + 'static {
    /// The decoded value.
    type Event: Send + Sync + 'static;

    /// Before the transaction, pure. An error makes the record a dead letter (reason `decode`).
    ///
    /// # Errors
    /// [`Poison`] if the bytes are not what the topic promises.
    fn decode(&self, record: &Record) -> Result<Self::Event, Poison>;

    /// Inside the transaction that also moves the offsets. One outcome per event, in order. Bounded, no other I/O.
    fn handle<'a>(
        &'a self,
        tx: &'a mut WriteTx,
        batch: &'a [Arrived<Self::Event>],
    ) -> impl Future<Output = Result<BatchResult, HandlerError>> + Send + 'a;

    /// After the commit: wake planners and the like. Must not block.
    fn committed(&self) {}
}

/// One decoded event.
#[derive(Clone, Debug)]
pub struct Arrived<E> {
    /// The decoded value.
    pub event: E,
    /// Where it stood.
    pub position: Position,
    /// LogAppendTime.
    pub appended_at: Timestamp,
    /// Trace context to hand on to what this event causes (of this role's `process` span if it is sampled).
    pub trace: Option<TraceParent>,
}

/// What became of one event; counted in the offset row, so that the ledger balances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It changed something, or was noted.
    Applied,
    /// A copy of one that was applied.
    Duplicate,
    /// Typed reason, a metric label: `erased`, `unknown_kind`, `closed` ...
    Ignored(&'static str),
    /// Kept aside.
    Parked,
}

/// What the handler made of a batch.
#[derive(Debug, Default)]
pub struct BatchResult {
    /// As long as the batch, in its order.
    pub outcomes: Vec<Outcome>,
    /// Written to the outbox in this order, in the same transaction.
    pub outbox: Vec<OutboxRow>,
}

/// The record can never be applied.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Poison(pub String);

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// By the database; its kind decides between bisecting, waiting and stopping.
    #[error(transparent)]
    Pg(#[from] PgError),
    /// The same batch again at once, in a new transaction: a lock order would have been broken, a version moved.
    #[error("again: {0}")]
    Again(&'static str),
}

impl From<sqlx::Error> for HandlerError {
    fn from(error: sqlx::Error) -> Self {
        Self::Pg(error.into())
    }
}
