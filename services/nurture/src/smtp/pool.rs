//! Connections that rest between two mails, and how many there may be at once. A connection comes here only after a complete
//! reply; whatever broke, or was not heard to its end, is never used again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::connection::Connection;

/// A connection that rested longer is closed: relays close idle ones too, and may just be doing it.
const MOST_REST: Duration = Duration::from_secs(30);

pub(super) struct Pool {
    permits: Arc<Semaphore>,
    rested: Mutex<Vec<Rested>>,
}

struct Rested {
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub(super) fn new(size: u32) -> Self {
        let size = usize::try_from(size).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(size)), rested: Mutex::default() }
    }

    /// The right to one connection; `None` if there is none in time.
    pub(super) async fn permit(&self, time: Duration) -> Option<OwnedSemaphorePermit> {
        timeout(time, Arc::clone(&self.permits).acquire_owned()).await.ok()?.ok()
    }

    /// A connection that lives and is ready for MAIL. One that does not answer speaks for all the others.
    pub(super) async fn take(&self, command_time: Duration) -> Option<Connection> {
        while let Some(Rested { mut connection, since }) = self.pop() {
            if since.elapsed() >= MOST_REST {
                connection.dismiss().await;
            } else if connection.reset(command_time).await {
                return Some(connection);
            } else {
                self.rested().clear();
            }
        }
        None
    }

    /// Back for the next mail.
    pub(super) fn put(&self, connection: Connection) {
        self.rested().push(Rested { connection, since: Instant::now() });
    }

    /// Says QUIT on every connection that has rested for so long.
    pub(super) async fn dismiss(&self, rest: Duration) {
        let mut old = Vec::new();
        {
            let mut rested = self.rested();
            let (over, still): (Vec<_>, Vec<_>) = rested.drain(..).partition(|one| one.since.elapsed() >= rest);
            old.extend(over);
            rested.extend(still);
        }
        for one in old {
            one.connection.dismiss().await;
        }
    }

    fn pop(&self) -> Option<Rested> {
        self.rested().pop()
    }

    fn rested(&self) -> MutexGuard<'_, Vec<Rested>> {
        self.rested.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
