//! What the tests of the consumer share: a world of a database and a broker, a handler that notes what it did, and ways to
//! wait for rows.

mod handler;
mod proxy;
mod world;

pub(crate) use handler::{Gate, Hold, Noting};
pub(crate) use proxy::FaultProxy;
pub(crate) use world::{ROLE, Running, World};

use std::future::Future;
use std::time::Duration;

/// Against hanging only.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `check` says so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut check: impl FnMut() -> F) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "still waiting after {PATIENCE:?}: {what}");
}
