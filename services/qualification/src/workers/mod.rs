//! What qualification does without being asked: partitions ahead of time, timelines folded anew, reviews of what decay
//! alone changes, the sweep after a new model. Each is a loop under a platform timer; what is due is a plain query.

mod failed;
mod partition;
mod recompute;
mod review;
mod sweep;

use std::sync::Arc;

use leadflow_platform::health::Health;
use leadflow_platform::outbox::PublisherHandle;
use leadflow_platform::pg::Database;
use leadflow_platform::run::Tasks;
use tokio::sync::Notify;

use crate::models::Models;

pub use partition::ensure_partitions;

/// What the workers share.
#[derive(Clone)]
pub struct Workers {
    /// The role's schema.
    pub database: Database,
    /// Compiled models.
    pub models: Arc<Models>,
    /// Of the deployment.
    pub incarnation: i32,
    /// Woken after a commit that tells something.
    pub publisher: PublisherHandle,
    /// Told by the consumer after each commit, and by commands: something may be there to be folded anew.
    pub committed: Arc<Notify>,
}

impl Workers {
    /// Starts all of them.
    pub fn start(&self, tasks: &Tasks, health: &Health) {
        partition::start(self, tasks, health);
        recompute::start(self, tasks, health);
        review::start(self, tasks, health);
        sweep::start(self, tasks, health);
    }
}
