//! Removes what is older than the topic keeps, so that the table does not grow for ever. A cursor that begins before is told
//! so, with the oldest one that is left.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use leadflow_platform::health::Health;
use leadflow_platform::pg::{Database, PgError};
use leadflow_platform::run::Tasks;
use leadflow_platform::timers::{Next, poll_loop};
use tokio::sync::Notify;

use super::store;

/// As long as the topic `assignment` (topics.yaml): no carrier remembers more than another.
pub const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
const INTERVAL: Duration = Duration::from_secs(3600);
/// Rows of one transaction.
const PAGE: i64 = 5000;

/// Starts the task. Every process may run it: rows that another one is removing are waited for and then gone.
pub fn start(tasks: &Tasks, health: &Health, database: &Database) {
    let of_step = database.clone();
    poll_loop(tasks, health, database, "stream-retention", INTERVAL, Arc::new(Notify::new()), move || {
        let database = of_step.clone();
        async move { Ok(step(&database).await?) }
    });
}

/// Removes one page.
///
/// # Errors
/// [`PgError`].
pub async fn step(database: &Database) -> Result<Next, PgError> {
    let mut tx = database.write_tx("stream_retention").await?;
    let before = tx.now().saturating_sub(KEPT).unwrap_or(jiff::Timestamp::MIN);
    let removed = store::trim(tx.connection(), before, PAGE).await?;
    tx.commit().await?;
    if removed > 0 {
        tracing::info!(removed, "events older than 30 days were removed from the stream");
    }
    Ok(if removed == PAGE.unsigned_abs() { Next::AtOnce } else { Next::Rest })
}
