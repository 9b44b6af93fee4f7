//! A person about whom a chore fails must not hold up the others: the chore is put off, and after five attempts given up
//! with a dead letter.

use leadflow_platform::consumer::HandlerError;
use leadflow_platform::outbox;
use leadflow_platform::pg::{FailureKind, PgError};
use leadflow_platform::timers::{ATTEMPTS, GivenUp};

use super::Workers;
use crate::domain::identity::PersonId;
use crate::store;
use crate::store::review::Chore;

/// Whether trying again cannot help: the person is at fault, not the moment.
pub(super) fn is_lasting(error: &HandlerError) -> bool {
    match error {
        HandlerError::Pg(error) => error.kind == FailureKind::Data,
        HandlerError::Again(_) => false,
    }
}

impl Workers {
    /// In a transaction of its own.
    pub(super) async fn put_off(&self, chore: Chore, person: PersonId, cause: &HandlerError) -> Result<(), PgError> {
        let mut tx = self.database.write_tx("put_off").await?;
        let now = tx.now();
        let timer = match chore {
            Chore::Review => "review",
            Chore::Recompute => "recompute",
        };
        let attempts = store::review::put_off(tx.connection(), chore, person).await?.unwrap_or(0);
        if attempts < ATTEMPTS {
            tracing::warn!(person.row = person.0, attempts, timer, "failed, put off: {cause}");
            return tx.commit().await;
        }
        tracing::error!(person.row = person.0, timer, "given up after {attempts} attempts: {cause}");
        match chore {
            Chore::Review => store::review::forget_reviews(tx.connection(), &[person]).await?,
            Chore::Recompute => store::review::forget_recompute(tx.connection(), &[person]).await?,
        }
        if let Some(row) = store::person::read(tx.connection(), &[person]).await?.pop() {
            let (role, source) = (crate::role::ROLE, "/leadflow/qualification");
            let given_up = GivenUp { role, source, timer, root: row.uid, version: row.version, cause, now };
            outbox::append(&mut tx, &[given_up.letter()]).await?;
        }
        tx.commit().await?;
        self.publisher.wake();
        Ok(())
    }
}
