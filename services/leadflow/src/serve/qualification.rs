//! The qualification role.

use leadflow_platform::health::Health;
use leadflow_platform::server::Limits;
use leadflow_platform::topics::Topic;
use leadflow_qualification::role::{self as role, Parts, QualificationConfig};

use super::{Shared, open, require_topics, wait_for_database};
use crate::config::StatefulSection;

const TOPICS: &[Topic] = &[Topic::Engagement, Topic::EngagementBulk, Topic::Assignment, Topic::Lead, Topic::DeadLetter];

pub(super) async fn start(section: &StatefulSection, shared: &Shared) -> anyhow::Result<()> {
    require_topics(shared, TOPICS).await?;
    wait_for_database(&section.database, role::SCHEMA).await?;
    let health = Health::new();
    let listener = open(shared, &health, role::ROLE, section.listen, section.ops_listen).await?;
    let config = QualificationConfig { database: section.database.clone(), consumer: section.consumer.clone() };
    let parts = Parts {
        tasks: shared.tasks.handle(),
        health,
        access: shared.access.clone(),
        identity_key: shared.identity_key.clone(),
        kafka: shared.kafka.clone(),
    };
    role::start(&config, parts, listener, Limits::default()).await
}
