//! Removes what only explains when it is half a year old: decisions, judged hits of links, calls that are over, reports on
//! mails. It ends with the timeline of qualification, which keeps as much: an explanation has one horizon everywhere.
//!
//! What stays: the send ledger, on which "never twice" stands, enrolments, on which "once in a life" stands, and what people
//! said. A link that is followed again after half a year is a new click.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use leadflow_platform::health::Health;
use leadflow_platform::pg::{Database, PgError};
use leadflow_platform::run::Tasks;
use leadflow_platform::timers::{Next, poll_loop};
use tokio::sync::Notify;

use crate::store::retention::{Explaining, prune};

/// 26 weeks, as the timeline.
pub const KEPT: SignedDuration = SignedDuration::from_hours(26 * 7 * 24);
const INTERVAL: Duration = Duration::from_secs(3600);
/// Rows of one table in one transaction.
const PAGE: i64 = 5000;

/// Starts the task. Every process may run it: rows that another one is removing are passed over.
pub fn start(tasks: &Tasks, health: &Health, database: &Database) {
    let of_step = database.clone();
    poll_loop(tasks, health, database, "nurture-retention", INTERVAL, Arc::new(Notify::new()), move || {
        let database = of_step.clone();
        async move { Ok(step(&database).await?) }
    });
}

/// Removes one page of each table.
///
/// # Errors
/// As the database says; nothing is lost, it is old the next time too.
pub async fn step(database: &Database) -> Result<Next, PgError> {
    let mut next = Next::Rest;
    for table in Explaining::ALL {
        let mut tx = database.write_tx("nurture_retention").await?;
        let before = tx.now().saturating_sub(KEPT).unwrap_or(jiff::Timestamp::MIN);
        let removed = prune(tx.connection(), table, before, PAGE).await?;
        tx.commit().await?;
        if removed > 0 {
            tracing::info!(removed, table = table.name(), "rows older than 26 weeks were removed");
        }
        if removed == PAGE.unsigned_abs() {
            next = Next::AtOnce;
        }
    }
    Ok(next)
}
