//! Partitions of the timeline, hourly. Fewer than two weeks ahead is a reason not to be ready, long before anything stops.

use std::sync::Arc;
use std::time::Duration;

use leadflow_platform::health::{Check, Health};
use leadflow_platform::pg::{Database, PgError};
use leadflow_platform::run::Tasks;
use leadflow_platform::timers::{Next, poll_loop};
use tokio::sync::Notify;

use super::Workers;
use crate::domain::day::Day;
use crate::store::partition::{FEWEST_AHEAD, ensure, weeks_ahead};

const EVERY: Duration = Duration::from_secs(3600);

pub(super) fn start(workers: &Workers, tasks: &Tasks, health: &Health) {
    let (database, check) = (workers.database.clone(), health.register("timeline-partitions"));
    poll_loop(tasks, health, &workers.database, "timeline-partitions", EVERY, Arc::new(Notify::new()), move || {
        let (database, check) = (database.clone(), check.clone());
        async move { Ok(step(&database, &check).await?) }
    });
}

async fn step(database: &Database, check: &Check) -> Result<Next, PgError> {
    let ahead = ensure_partitions(database).await?;
    if ahead >= FEWEST_AHEAD {
        check.ready();
    } else {
        check.not_ready(format!("the timeline has partitions for {ahead} weeks ahead only"));
    }
    Ok(Next::Rest)
}

/// Makes what is missing; gives how many weeks ahead have a partition then. Before the consumer starts, and hourly.
///
/// # Errors
/// [`PgError`].
pub async fn ensure_partitions(database: &Database) -> Result<i32, PgError> {
    let mut tx = database.write_tx("partitions").await?;
    let today = Day::of(tx.now());
    let made = ensure(tx.connection(), today).await?;
    let ahead = weeks_ahead(tx.connection(), today).await?;
    tx.commit().await?;
    if made > 0 {
        tracing::info!(made, "partitions of the timeline made");
    }
    Ok(ahead)
}
