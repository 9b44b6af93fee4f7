//! A topic and its handler with the event type erased, so that lanes need not be generic. One boxed call per batch, never
//! per event.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Arrived, BatchResult, Handler, HandlerError};
use crate::pg::WriteTx;
use crate::record::{Record, TraceParent};

/// Whether a topic may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// A person may be waiting for it.
    Live,
    /// Imports and backfills: whatever time the live topics leave.
    Bulk,
}

/// One topic that a consumer reads.
pub(crate) struct Route {
    /// Full name, shared by all records of the topic.
    pub(crate) name: Arc<str>,
    pub(crate) class: Class,
    pub(crate) handler: Box<dyn TopicHandler>,
}

/// Why a record can never be applied. Both texts end up in the dead letter: never a value of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    /// `decode`, `panic`, `data_error`: a metric label.
    pub(crate) reason: &'static str,
    pub(crate) detail: String,
}

/// A [`Handler`] without its event type.
pub(crate) trait TopicHandler: Send + Sync {
    /// Decodes what `deaths` does not already condemn; what cannot be decoded is condemned there. The events that remain
    /// are in the order of the records.
    fn decode(
        &self,
        records: &[Record],
        traces: &mut [Option<TraceParent>],
        deaths: &mut [Option<Death>],
    ) -> Box<dyn Events>;

    /// After a commit.
    fn committed(&self);
}

/// The decoded events of a batch.
pub(crate) trait Events: Send + Sync {
    /// How many.
    fn len(&self) -> usize;

    /// Takes some out.
    fn remove(&mut self, range: Range<usize>);

    /// Keeps `..at`, gives `at..`.
    fn split_off(&mut self, at: usize) -> Box<dyn Events>;

    /// The service's handler over all of them; a panic is an error like another.
    fn handle<'a>(&'a self, tx: &'a mut WriteTx) -> BoxFuture<'a, Result<BatchResult, HandleFailure>>;
}

/// What a handler came back with instead of outcomes.
#[derive(Debug)]
pub(crate) enum HandleFailure {
    Error(HandlerError),
    Panicked,
    /// Not one outcome per event: `(events, outcomes)`.
    WrongLength(usize, usize),
}

/// The one implementation of [`TopicHandler`].
pub(crate) struct Typed<H>(pub(crate) Arc<H>);

struct TypedEvents<H: Handler> {
    handler: Arc<H>,
    events: Vec<Arrived<H::Event>>,
}

impl<H: Handler> TopicHandler for Typed<H> {
    fn decode(
        &self,
        records: &[Record],
        traces: &mut [Option<TraceParent>],
        deaths: &mut [Option<Death>],
    ) -> Box<dyn Events> {
        let mut events = Vec::with_capacity(records.len());
        for ((record, trace), death) in records.iter().zip(traces).zip(deaths) {
            if death.is_some() {
                continue;
            }
            match catch_unwind(AssertUnwindSafe(|| self.0.decode(record))) {
                Ok(Ok(event)) => events.push(Arrived {
                    event,
                    position: record.position.clone(),
                    appended_at: record.appended_at,
                    trace: trace.take(),
                }),
                Ok(Err(poison)) => *death = Some(Death { reason: "decode", detail: poison.0 }),
                Err(_) => *death = Some(Death { reason: "panic", detail: "while decoding".to_owned() }),
            }
        }
        Box::new(TypedEvents { handler: Arc::clone(&self.0), events })
    }

    fn committed(&self) {
        self.0.committed();
    }
}

impl<H: Handler> Events for TypedEvents<H> {
    fn len(&self) -> usize {
        self.events.len()
    }

    fn remove(&mut self, range: Range<usize>) {
        self.events.drain(range);
    }

    fn split_off(&mut self, at: usize) -> Box<dyn Events> {
        Box::new(Self { handler: Arc::clone(&self.handler), events: self.events.split_off(at) })
    }

    fn handle<'a>(&'a self, tx: &'a mut WriteTx) -> BoxFuture<'a, Result<BatchResult, HandleFailure>> {
        Box::pin(async move {
            match AssertUnwindSafe(self.handler.handle(tx, &self.events)).catch_unwind().await {
                Ok(Ok(result)) if result.outcomes.len() == self.events.len() => Ok(result),
                Ok(Ok(result)) => Err(HandleFailure::WrongLength(self.events.len(), result.outcomes.len())),
                Ok(Err(error)) => Err(HandleFailure::Error(error)),
                Err(_) => Err(HandleFailure::Panicked),
            }
        })
    }
}
