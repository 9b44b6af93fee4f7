//! The publisher of one process: waits for the schema's lock, publishes while it has it, and starts again after a failure.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::leader::{Leader, bounded};
use super::store::Session;
use super::wake::PublisherHandle;
use crate::causes::causes;
use crate::health::{Check, Health, Progress, STUCK_AFTER};
use crate::kafka::KafkaConfig;
use crate::pg::Database;
use crate::run::Tasks;

/// How often a process that does not publish tries to.
const STANDBY: Duration = Duration::from_millis(250);
/// After a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Brings the outbox of one schema to the broker.
#[derive(Debug)]
pub struct Publisher {
    pub(super) database: Database,
    pub(super) kafka: KafkaConfig,
    pub(super) handle: PublisherHandle,
    health: Option<(Check, Progress)>,
}

impl Publisher {
    /// Not running yet.
    #[must_use]
    pub fn new(database: &Database, kafka: &KafkaConfig) -> Self {
        Self { database: database.clone(), kafka: kafka.clone(), handle: PublisherHandle::default(), health: None }
    }

    /// Wakes it.
    #[must_use]
    pub fn handle(&self) -> PublisherHandle {
        self.handle.clone()
    }

    /// Starts it as a task of the process. The part `outbox` of `health` is ready while the database can be reached and this
    /// or another process publishes, and degraded while the broker does not answer, which is no reason to restart.
    #[must_use]
    pub fn start(tasks: &Tasks, database: &Database, kafka: &KafkaConfig, health: &Health) -> PublisherHandle {
        let mut publisher = Self::new(database, kafka);
        let (check, broker) = (health.register("outbox"), kafka.outage());
        check.degraded_while(move || broker.describe());
        publisher.health = Some((check, health.progress("outbox", STUCK_AFTER)));
        let handle = publisher.handle();
        let stop = tasks.stop_token();
        tasks.spawn("outbox-publisher", async move {
            publisher.run(stop).await;
            Ok(())
        });
        handle
    }

    /// Publishes, or waits for the lock while another process does, until `stop`. Failures of the database and of the
    /// broker are logged and tried again.
    pub async fn run(self, stop: CancellationToken) {
        let publishing = async {
            while !stop.is_cancelled() {
                if let Err(error) = self.serve(&stop).await {
                    let (schema, is_away, error) =
                        (self.database.schema(), self.database.is_away(&error), causes(&error));
                    if let Some((check, progress)) = &self.health {
                        check.not_ready(format!("the outbox cannot be published: {error}"));
                        progress.beat();
                    }
                    if is_away {
                        tracing::debug!(schema, "the outbox publisher starts again: {error}");
                    } else {
                        tracing::warn!(schema, "the outbox publisher starts again: {error}");
                    }
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(RETRY) => {}
                    }
                }
                self.handle.set_elected(false);
            }
        };
        tokio::join!(publishing, self.handle.notify_others(&self.database, &stop));
    }

    /// Ready, and making progress.
    pub(super) fn alive(&self) {
        if let Some((check, progress)) = &self.health {
            check.ready();
            progress.busy(true);
            progress.beat();
        }
    }

    /// From a new session to its end.
    async fn serve(&self, stop: &CancellationToken) -> anyhow::Result<()> {
        let mut session = Session::connect(&self.database).await?;
        while !bounded(session.try_lock()).await? {
            self.alive();
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(STANDBY) => {}
            }
        }
        self.handle.set_elected(true);
        self.alive();
        tracing::info!(schema = self.database.schema(), "this process publishes the outbox");
        let leader = Leader::new(self, session)?;
        tokio::select! {
            result = leader.publish(stop) => result?,
            result = self.handle.listen(&self.database) => result?,
        }
        Ok(())
    }
}
