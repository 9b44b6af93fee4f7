//! Folds anew what was noted: torn links, new models, commands. One person per transaction, so that nobody waits long.

use std::sync::Arc;
use std::time::Duration;

use leadflow_platform::consumer::HandlerError;
use leadflow_platform::health::Health;
use leadflow_platform::run::Tasks;
use leadflow_platform::timers::{Next, poll_loop};

use super::Workers;
use super::failed::is_lasting;
use crate::domain::identity::PersonId;
use crate::recompute::run;
use crate::store::review::{Chore, Reason, pending_recompute};

const EVERY: Duration = Duration::from_secs(5);
/// Persons in one step.
const PAGE: i64 = 100;
/// How often a person is tried when identifiers move at the same time.
const ATTEMPTS: u32 = 5;

pub(super) fn start(workers: &Workers, tasks: &Tasks, health: &Health) {
    let (own, wake) = (workers.clone(), Arc::clone(&workers.committed));
    poll_loop(tasks, health, &workers.database, "recompute", EVERY, wake, move || {
        let own = own.clone();
        async move { own.recompute_page().await }
    });
}

impl Workers {
    /// Folds a page of what was noted.
    ///
    /// # Errors
    /// If the database says so.
    pub async fn recompute_page(&self) -> anyhow::Result<Next> {
        let mut connection = self.database.pool().acquire().await?;
        let pending = pending_recompute(&mut connection, PAGE).await?;
        drop(connection);
        let mut failed = None;
        for (person, reason) in &pending {
            // One who cannot be folded must not keep the others waiting: the rest of the page goes on.
            match self.recompute_one(*person, *reason).await {
                Ok(()) => {}
                Err(error) if is_lasting(&error) => self.put_off(Chore::Recompute, *person, &error).await?,
                Err(error) => failed = Some(error),
            }
        }
        self.publisher.wake();
        match failed {
            Some(error) => Err(error.into()),
            None if pending.is_empty() => Ok(Next::Rest),
            None => Ok(Next::AtOnce),
        }
    }

    async fn recompute_one(&self, person: PersonId, reason: Reason) -> Result<(), HandlerError> {
        let mut attempt = 1;
        loop {
            match run(&self.database, &self.models, self.incarnation, person, reason).await {
                Err(HandlerError::Again(_)) if attempt < ATTEMPTS => attempt += 1,
                other => return other.map(|_| ()),
            }
        }
    }
}
