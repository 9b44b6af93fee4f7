//! The nurture role.

use leadflow_nurture::{self as role, NurtureConfig, Parts};
use leadflow_platform::health::Health;
use leadflow_platform::server::Limits;
use leadflow_platform::topics::Topic;

use super::{Shared, open, require_topics, wait_for_database};

const TOPICS: &[Topic] = &[Topic::Lead, Topic::Nurture, Topic::Engagement, Topic::DeadLetter];

pub(super) async fn start(config: NurtureConfig, shared: &Shared) -> anyhow::Result<()> {
    require_topics(shared, TOPICS).await?;
    wait_for_database(&config.database, role::SCHEMA).await?;
    let health = Health::new();
    let listener = open(shared, &health, role::ROLE, config.listen, config.ops_listen).await?;
    let parts = Parts {
        tasks: shared.tasks.handle(),
        health,
        access: shared.access.clone(),
        identity_key: shared.identity_key.clone(),
        kafka: shared.kafka.clone(),
    };
    role::start(config, parts, listener, Limits::default()).await
}
