//! The ingest role: no database, no topics of its own to check but those that it writes.

use leadflow_ingest::{IngestConfig, Parts};
use leadflow_platform::health::Health;
use leadflow_platform::topics::Topic;

use super::{Shared, open, require_topics};

pub(super) async fn start(config: &IngestConfig, shared: &Shared) -> anyhow::Result<()> {
    require_topics(shared, &[Topic::Engagement, Topic::EngagementBulk, Topic::Rejected]).await?;
    let health = Health::new();
    let listener = open(shared, &health, "ingest", config.listen, config.ops_listen).await?;
    let parts = Parts {
        tasks: shared.tasks.handle(),
        health,
        access: shared.access.clone(),
        identity_key: shared.identity_key.clone(),
        kafka: shared.kafka.clone(),
    };
    leadflow_ingest::start(config, parts, listener).await
}
