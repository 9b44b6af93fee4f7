//! Telling the publisher that there is something to read: in this process by a flag, in another one by a notification of
//! the database. Both may get lost; the publisher also looks every 100 ms.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::store::{channel, notify};
use crate::pg::{Database, PgError};

/// Wake-ups for another process are gathered this long, so that one notification serves many commits.
const GATHER: Duration = Duration::from_millis(5);

/// Wakes the publisher of the schema, in whichever process it is. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct PublisherHandle {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Taken by the publisher of this process.
    local: Notify,
    /// Taken by `notify_others`.
    remote: Notify,
    /// The publisher of this process holds the lock.
    elected: AtomicBool,
}

impl PublisherHandle {
    /// After the commit of a transaction that appended rows. Never blocks, never fails.
    pub fn wake(&self) {
        if self.is_elected() {
            self.shared.local.notify_one();
        } else {
            self.shared.remote.notify_one();
        }
    }

    /// True if this process publishes the schema's outbox at the moment.
    #[must_use]
    pub fn is_elected(&self) -> bool {
        self.shared.elected.load(Ordering::Acquire)
    }

    pub(super) fn set_elected(&self, elected: bool) {
        self.shared.elected.store(elected, Ordering::Release);
    }

    pub(super) async fn woken(&self) {
        self.shared.local.notified().await;
    }

    /// Passes wake-ups on to the process that publishes, until `stop`.
    pub(super) async fn notify_others(&self, database: &Database, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.shared.remote.notified() => {}
            }
            if self.is_elected() {
                self.shared.local.notify_one();
                continue;
            }
            tokio::time::sleep(GATHER).await;
            if let Err(error) = notify(database).await {
                // The publisher finds the rows by itself within 100 ms.
                tracing::debug!("another process was not notified: {error}");
            }
        }
    }

    /// Hears what other processes notify, for as long as this process publishes.
    pub(super) async fn listen(&self, database: &Database) -> Result<(), PgError> {
        let failed = |source| PgError::new("listen for the outbox", source);
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(database.own_options("listen", &[]));
        let mut listener = PgListener::connect_with(&pool).await.map_err(failed)?;
        listener.listen(&channel(database.schema())).await.map_err(failed)?;
        loop {
            listener.recv().await.map_err(failed)?;
            self.shared.local.notify_one();
        }
    }
}
