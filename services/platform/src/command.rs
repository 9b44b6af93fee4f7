//! Commands that may come twice: the caller names each with a key, and gets the same reply for 24 hours.
//!
//! `begin` and `finish` run inside the transaction that does the work, so a key is taken exactly if the work was done. A
//! second copy that comes while the first is at work waits for it on the row's unique key.

mod store;

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::error::ApiError;
use crate::pg::{Database, WriteTx};
use crate::run::Tasks;

/// How long a reply is kept.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest key in bytes.
pub const MAX_KEY_BYTES: usize = 256;
const PRUNE_EVERY: Duration = Duration::from_secs(10 * 60);
/// Rows of one pruning statement: short locks.
const PRUNE_ROWS: i64 = 5000;

/// Whether a command is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Do the work, then [`finish`].
    Fresh,
    /// It was done before: this is the reply. Do nothing.
    Replayed(Vec<u8>),
}

/// SHA-256 of a request, in the form in which it is encoded for the wire, without its key.
#[must_use]
pub fn request_hash(request: &[u8]) -> [u8; 32] {
    Sha256::digest(request).into()
}

/// Takes the key for this caller, or brings back the reply of the first time. `caller` is the name of the API key, so that
/// two callers may use the same keys.
///
/// # Errors
/// [`ApiError`] `INVALID_ARGUMENT` for an empty, overlong or unprintable key; the idempotency error (422) if the key came
/// before with another request; `UNAVAILABLE` if the database is not there or the first copy is still at work after five
/// seconds.
pub async fn begin(tx: &mut WriteTx, caller: &str, key: &str, request_hash: &[u8]) -> Result<Begun, ApiError> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES || key.chars().any(char::is_control) {
        let message = format!("has to be 1 to {MAX_KEY_BYTES} bytes of printable text");
        return Err(ApiError::invalid("request_id", message));
    }
    if store::take(tx, caller, key, request_hash).await? {
        return Ok(Begun::Fresh);
    }
    match store::load(tx, caller, key).await? {
        Some(stored) if stored.request_hash != request_hash => Err(ApiError::idempotency_key_reused()),
        Some(store::Stored { reply: Some(reply), .. }) => Ok(Begun::Replayed(reply)),
        // Committed without `finish`: a defect of the handler.
        Some(_) => Err(ApiError::internal("a command was committed without a reply", key)),
        // Pruned between the two statements.
        None => Err(ApiError::unavailable("the key of this command has just expired, try again")),
    }
}

/// Keeps the reply of a fresh command, in the same transaction.
///
/// # Errors
/// [`ApiError`] `UNAVAILABLE`, or `INTERNAL` if `begin` was not called in this transaction.
pub async fn finish(tx: &mut WriteTx, caller: &str, key: &str, reply: &[u8]) -> Result<(), ApiError> {
    if store::reply(tx, caller, key, reply).await? {
        Ok(())
    } else {
        Err(ApiError::internal("a command was finished that had not begun", key))
    }
}

/// Deletes replies that are older than [`KEPT`]; returns how many.
///
/// # Errors
/// [`crate::pg::PgError`].
pub async fn prune(database: &Database) -> Result<u64, crate::pg::PgError> {
    let mut total = 0;
    loop {
        let pruned = store::prune(database, KEPT, PRUNE_ROWS).await?;
        total += pruned;
        if pruned < PRUNE_ROWS.unsigned_abs() {
            return Ok(total);
        }
    }
}

/// Prunes every ten minutes.
pub fn start_pruning(tasks: &Tasks, database: &Database) {
    let (database, stop) = (database.clone(), tasks.stop_token());
    tasks.spawn("command-pruning", async move {
        while stop.run_until_cancelled(tokio::time::sleep(PRUNE_EVERY)).await.is_some() {
            match prune(&database).await {
                Ok(0) => {}
                Ok(pruned) => tracing::debug!(pruned, "replies of old commands were deleted"),
                Err(error) if database.note(&error.source) => {}
                Err(error) => {
                    tracing::warn!("replies of old commands could not be deleted, trying again later: {error}")
                }
            }
        }
        Ok(())
    });
}
