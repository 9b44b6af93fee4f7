//! A handler that writes down each event it applies, as often as it does, and can be told to misbehave.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use leadflow_platform::consumer::{Arrived, BatchResult, Handler, HandlerError, Outcome, Poison};
use leadflow_platform::pg::WriteTx;
use leadflow_platform::record::Record;
use tokio::sync::Semaphore;

/// An event of the tests: the record's value as text. Values that begin with a word below misbehave:
/// `bytes` cannot be decoded, `decode-panic` panics there, `panic` panics in the transaction, `nul` is refused by the
/// database, `ignored` and `parked` are what they say.
#[derive(Debug)]
pub(crate) struct Event(String);

/// How a handler is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Before the transaction, while decoding: blocks a thread of the runtime.
    Decoding,
    /// Inside the transaction, with a statement now and then: slow, but alive.
    Working,
    /// Inside the transaction, silent, as a process that was stopped.
    Silent,
    /// The same, and the server is told not to mind.
    SilentUnfenced,
}

/// Lets a test hold a handler.
#[derive(Debug)]
pub(crate) struct Gate {
    /// A batch with this event is held.
    pub(crate) event: &'static str,
    pub(crate) hold: Hold,
    /// Told when it is.
    pub(crate) reached: Semaphore,
    /// Permits let it go on.
    pub(crate) open: Semaphore,
}

impl Gate {
    pub(crate) fn at(event: &'static str, hold: Hold) -> Arc<Self> {
        Arc::new(Self { event, hold, reached: Semaphore::new(0), open: Semaphore::new(0) })
    }

    /// From now on nobody is held.
    pub(crate) fn open(&self) {
        self.open.close();
    }

    pub(crate) async fn wait_reached(&self) {
        let reached = tokio::time::timeout(super::PATIENCE, self.reached.acquire()).await;
        reached.expect("nobody came to the gate").expect("never closed").forget();
    }

    /// Blocks the thread.
    fn pass_decoding(&self) {
        self.reached.add_permits(1);
        while !self.open.is_closed() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    async fn pass_transaction(&self, tx: &mut WriteTx) -> Result<(), HandlerError> {
        self.reached.add_permits(1);
        if self.hold == Hold::SilentUnfenced {
            sqlx::query("set local idle_in_transaction_session_timeout = 0").execute(tx.connection()).await?;
        }
        while !self.open.is_closed() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if self.hold == Hold::Working {
                sqlx::query("select 1").execute(tx.connection()).await?;
            }
        }
        Ok(())
    }
}

/// Writes each event into table `effect`; that has no unique key, so what is applied twice is there twice.
#[derive(Debug, Default)]
pub(crate) struct Noting {
    /// Writes the event into table `known` first and notes only what was not there: how services dedupe.
    pub(crate) dedupe: bool,
    pub(crate) gate: Option<Arc<Gate>>,
    /// How many of the next batches end in a transient error after they have written.
    pub(crate) fail: AtomicUsize,
    /// How many of the next batches ask for the same again.
    pub(crate) again: AtomicUsize,
    /// Calls of `committed`.
    pub(crate) committed: AtomicUsize,
    /// Largest batch seen.
    pub(crate) largest: AtomicUsize,
    /// The trace contexts that came with the events.
    pub(crate) traces: Mutex<Vec<Option<String>>>,
}

impl Handler for Noting {
    type Event = Event;

    fn decode(&self, record: &Record) -> Result<Event, Poison> {
        let text = std::str::from_utf8(&record.value).map_err(|error| Poison(error.to_string()))?;
        if text.starts_with("bytes") {
            return Err(Poison("not what the topic promises".to_owned()));
        }
        assert!(!text.starts_with("decode-panic"), "a test's panic in decode");
        if let Some(gate) = self.gate.as_ref().filter(|gate| gate.hold == Hold::Decoding && gate.event == text) {
            gate.pass_decoding();
        }
        Ok(Event(text.to_owned()))
    }

    async fn handle(&self, tx: &mut WriteTx, batch: &[Arrived<Event>]) -> Result<BatchResult, HandlerError> {
        self.largest.fetch_max(batch.len(), Ordering::Relaxed);
        let traces = batch.iter().map(|arrived| arrived.trace.as_ref().map(|trace| trace.0.to_string()));
        self.traces.lock().expect("no panic while held").extend(traces);
        let known = if self.dedupe { self.remember(tx, batch).await? } else { vec![false; batch.len()] };
        let mut applied = Vec::new();
        let mut outcomes = Vec::with_capacity(batch.len());
        for (arrived, known) in batch.iter().zip(known) {
            let text = arrived.event.0.as_str();
            assert!(!text.starts_with("panic"), "a test's panic in handle");
            outcomes.push(match text {
                _ if text.starts_with("ignored") => Outcome::Ignored("asked_to"),
                _ if text.starts_with("parked") => Outcome::Parked,
                _ if known => Outcome::Duplicate,
                _ => {
                    applied.push(arrived);
                    Outcome::Applied
                }
            });
        }
        note(tx, &applied).await?;
        if let Some(gate) = self.gate_for(|event| batch.iter().any(|arrived| arrived.event.0 == event)) {
            gate.pass_transaction(tx).await?;
        }
        if take(&self.fail) {
            sqlx::query("select no_such_function()").execute(tx.connection()).await?;
        }
        if take(&self.again) {
            return Err(HandlerError::Again("a test asks"));
        }
        Ok(BatchResult { outcomes, outbox: Vec::new() })
    }

    fn committed(&self) {
        self.committed.fetch_add(1, Ordering::Relaxed);
    }
}

fn take(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1)).is_ok()
}

impl Noting {
    pub(crate) fn with_gate(gate: &Arc<Gate>) -> Arc<Self> {
        Arc::new(Self { gate: Some(Arc::clone(gate)), ..Self::default() })
    }

    pub(crate) fn with_dedupe() -> Arc<Self> {
        Arc::new(Self { dedupe: true, ..Self::default() })
    }

    /// The gate at which a batch is held inside its transaction.
    fn gate_for(&self, has: impl Fn(&str) -> bool) -> Option<&Arc<Gate>> {
        self.gate.as_ref().filter(|gate| gate.hold != Hold::Decoding && has(gate.event))
    }

    /// Per event: whether it was known before, or came before in this batch.
    async fn remember(&self, tx: &mut WriteTx, batch: &[Arrived<Event>]) -> Result<Vec<bool>, HandlerError> {
        let events: Vec<String> = batch.iter().map(|arrived| arrived.event.0.clone()).collect();
        let new: Vec<String> = sqlx::query_scalar(
            "insert into known (event) select distinct event from unnest($1::text[]) as v (event) order by event
             on conflict do nothing returning event",
        )
        .bind(&events)
        .fetch_all(tx.connection())
        .await?;
        let mut new: HashSet<String> = new.into_iter().collect();
        Ok(events.iter().map(|event| !new.remove(event)).collect())
    }
}

async fn note(tx: &mut WriteTx, applied: &[&Arrived<Event>]) -> Result<(), HandlerError> {
    // U+0000 is legal in Kafka and JSON, and refused by PostgreSQL: a data error like any other.
    let text = |event: &str| if event.starts_with("nul") { "\0".to_owned() } else { event.to_owned() };
    sqlx::query(
        "insert into effect (event, topic, partition, position)
         select v.event, v.topic, v.partition, v.position
         from unnest($1::text[], $2::text[], $3::int[], $4::bigint[]) with ordinality
           as v (event, topic, partition, position, number)
         order by v.number",
    )
    .bind(applied.iter().map(|arrived| text(&arrived.event.0)).collect::<Vec<_>>())
    .bind(applied.iter().map(|arrived| arrived.position.topic.to_string()).collect::<Vec<_>>())
    .bind(applied.iter().map(|arrived| arrived.position.partition).collect::<Vec<_>>())
    .bind(applied.iter().map(|arrived| arrived.position.offset).collect::<Vec<_>>())
    .execute(tx.connection())
    .await?;
    Ok(())
}
