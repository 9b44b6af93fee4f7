//! After a new model is published everybody moves to it: persons are noted for a recompute, page by page, at bulk priority.
//! Where the sweep stands is kept with the model, so that a restart goes on there.

use std::sync::Arc;
use std::time::Duration;

use leadflow_platform::health::Health;
use leadflow_platform::run::Tasks;
use leadflow_platform::timers::{Next, poll_loop};
use tokio::sync::Notify;

use super::Workers;
use crate::store;

const EVERY: Duration = Duration::from_secs(10);
/// Persons looked at in one transaction.
const PAGE: i64 = 1000;
/// So many notes may wait before the sweep pauses: nothing grows with the number of persons.
const MOST_WAITING: i64 = 5000;

pub(super) fn start(workers: &Workers, tasks: &Tasks, health: &Health) {
    let own = workers.clone();
    poll_loop(tasks, health, &workers.database, "model-sweep", EVERY, Arc::new(Notify::new()), move || {
        let own = own.clone();
        async move { own.sweep_page().await }
    });
}

impl Workers {
    async fn sweep_page(&self) -> anyhow::Result<Next> {
        let mut tx = self.database.write_tx("model_sweep").await?;
        let now = tx.now();
        if store::model::waiting_for_recompute(tx.connection(), MOST_WAITING).await? >= MOST_WAITING {
            return Ok(Next::Within(Duration::from_secs(1)));
        }
        let looked_at = store::model::sweep(tx.connection(), PAGE, now).await?;
        tx.commit().await?;
        if looked_at == 0 {
            return Ok(Next::Rest);
        }
        self.committed.notify_one();
        Ok(Next::AtOnce)
    }
}
