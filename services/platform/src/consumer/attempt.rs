//! One transaction: fence, handler, outbox, step, commit. Either all of a batch is applied or nothing of it is.

use std::time::{Duration, Instant};

use super::batch::Batch;
use super::dead_letter;
use super::fence::{self, Checks, Refused};
use super::ledger::Tally;
use super::route::{Death, HandleFailure};
use super::shared::Shared;
use super::store::{self, Step};
use super::{BatchResult, EPOCH_FENCE, HandlerError, OFFSET_TRIM, Outcome};
use crate::outbox;
use crate::pg::{FailureKind, PgError, WriteTx};

/// A transaction that has not come to its commit by then is given up; above the server's own statement timeout.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why nothing was applied.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The same again later. `away`: the database cannot be reached at all; `told`: that was said already.
    Transient { error: String, away: bool, told: bool },
    /// The same again at once.
    Again(&'static str),
    /// An event of the batch is at fault.
    Data(Death),
    /// A human has to look.
    Stop(String),
}

/// Applies what the fence lets through. Afterwards the batch holds exactly what was committed; it may be empty. After a
/// failure it can be tried again as it is: what the fence took out does not come back. True if the outbox may have rows.
pub(crate) async fn attempt(shared: &Shared, batch: &mut Batch, refused: &mut Vec<Refused>) -> Result<bool, Failure> {
    let began = Instant::now();
    let work = tokio::time::timeout(TIMEOUT, prepare(shared, batch, refused)).await;
    let prepared = work.unwrap_or_else(|_| {
        let error = format!("no commit within {} s", TIMEOUT.as_secs());
        Err(Failure::Transient { error, away: false, told: false })
    })?;
    let Some(Prepared { tx, outcomes, tallies, outgoing }) = prepared else {
        // The commit before this attempt may have happened without an answer.
        return Ok(true);
    };
    // Not inside of the timeout: it has its own, and goes on by itself when nobody waits for it.
    tx.commit().await.map_err(|error| of_database(shared, error))?;
    shared.metrics.committed(batch, &outcomes, &tallies, began.elapsed().as_secs_f64());
    Ok(outgoing)
}

/// A transaction that only lacks its commit.
struct Prepared {
    tx: WriteTx,
    outcomes: Vec<Outcome>,
    tallies: Vec<Tally>,
    outgoing: bool,
}

/// All but the commit. None: the fence let nothing through.
async fn prepare(shared: &Shared, batch: &mut Batch, refused: &mut Vec<Refused>) -> Result<Option<Prepared>, Failure> {
    let topic = std::sync::Arc::clone(&batch.route.name);
    let partitions: Vec<i32> = batch.segments.iter().map(|segment| segment.partition).collect();
    let mut tx = shared.database.write_tx("consumer_batch").await.map_err(|error| of_database(shared, error))?;
    let rows = store::fence(tx.connection(), shared.consumer, &topic, &partitions)
        .await
        .map_err(|error| of_database(shared, error))?;
    let checks = Checks { epoch: shared.database.is_on(EPOCH_FENCE), trim: shared.database.is_on(OFFSET_TRIM) };
    refused.extend(fence::compare(batch, &rows, &shared.owner, checks));
    if batch.is_empty() {
        return Ok(None);
    }
    let BatchResult { outcomes, mut outbox } = match batch.events.len() {
        0 => BatchResult::default(),
        _ => batch.events.handle(&mut tx).await.map_err(|error| of_handler(shared, error))?,
    };
    let now = tx.now();
    let dead = batch.records.iter().zip(&batch.deaths);
    outbox.extend(dead.filter_map(|(record, death)| Some(dead_letter::row(shared, record, death.as_ref()?, now))));
    outbox::append(&mut tx, &outbox).await.map_err(|error| of_database(shared, error))?;

    let tallies = batch.tally(&outcomes);
    let steps: Vec<Step> = batch
        .segments
        .iter()
        .zip(&tallies)
        .map(|(segment, tally)| Step { partition: segment.partition, next_offset: segment.end, tally: *tally })
        .collect();
    let moved = store::advance(tx.connection(), shared.consumer, &topic, &steps)
        .await
        .map_err(|error| of_database(shared, error))?;
    if usize::try_from(moved).ok() != Some(steps.len()) {
        return Err(Failure::Stop(format!("{moved} offset rows moved instead of {}", steps.len())));
    }
    Ok(Some(Prepared { tx, outcomes, tallies, outgoing: !outbox.is_empty() }))
}

fn of_handler(shared: &Shared, failure: HandleFailure) -> Failure {
    match failure {
        HandleFailure::Error(HandlerError::Pg(error)) => of_database(shared, error),
        HandleFailure::Error(HandlerError::Again(why)) => Failure::Again(why),
        HandleFailure::Panicked => Failure::Data(Death { reason: "panic", detail: "while handling".to_owned() }),
        HandleFailure::WrongLength(events, outcomes) => Failure::Data(Death {
            reason: "panic",
            detail: format!("the handler gave {outcomes} outcomes for {events} events"),
        }),
    }
}

fn of_database(shared: &Shared, error: PgError) -> Failure {
    match error.kind {
        FailureKind::Transient => Failure::Transient {
            away: error.is_disconnect(),
            told: shared.database.note(&error.source),
            error: error.to_string(),
        },
        // Only the code: the server's text names values.
        FailureKind::Data => Failure::Data(Death {
            reason: "data_error",
            detail: format!("{} ({})", error.sqlstate().unwrap_or_else(|| "no SQLSTATE".to_owned()), error.what),
        }),
        FailureKind::Stop => {
            Failure::Stop(format!("{} ({})", error.sqlstate().unwrap_or_else(|| "no SQLSTATE".to_owned()), error.what))
        }
    }
}
