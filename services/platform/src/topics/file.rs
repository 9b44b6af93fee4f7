//! The file that names the topics of a deployment. The one of `deploy/config` is built into the binary.

use std::path::Path;
use std::time::Duration;

use super::Topic;
use crate::config::{ConfigError, from_yaml};

const BUILT_IN: &str = include_str!("../../../../deploy/config/topics.yaml");
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// `topics.yaml`.
#[derive(Clone, Debug, serde::Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicsFile {
    /// What differs between a laptop and a cluster.
    #[garde(dive)]
    pub environment: Environment,
    /// One entry per topic.
    #[garde(dive)]
    pub topics: TopicTable,
}

/// What differs between a laptop and a cluster.
#[derive(Clone, Debug, serde::Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Copies of each partition. Left out: the number of brokers, at most 3.
    #[serde(default)]
    #[garde(inner(range(min = 1, max = 10)))]
    pub replication_factor: Option<i32>,
    /// Copies that must have a record before it is acknowledged. Left out: all but one, at least 1.
    #[serde(default)]
    #[garde(inner(range(min = 1, max = 10)), custom(fewer_than(&self.replication_factor)))]
    pub min_insync_replicas: Option<i32>,
    /// Largest record batch in bytes.
    #[garde(range(min = 1_048_588, max = 104_857_600))]
    pub max_message_bytes: u32,
}

/// As many in sync as there are copies would stop every producer when one broker restarts.
fn fewer_than(replicas: &Option<i32>) -> impl FnOnce(&Option<i32>, &()) -> garde::Result + '_ {
    move |in_sync, ()| match (in_sync, replicas) {
        (Some(in_sync), Some(replicas)) if in_sync > replicas || (in_sync == replicas && *replicas > 1) => {
            Err(garde::Error::new(format!("has to be below replication_factor ({replicas})")))
        }
        _ => Ok(()),
    }
}

/// Every topic. A missing or an unknown one is an error.
#[derive(Clone, Debug, serde::Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each field is the topic of that name")]
pub struct TopicTable {
    #[garde(dive)]
    pub engagement: TopicSpec,
    #[garde(dive)]
    pub engagement_bulk: TopicSpec,
    #[garde(dive)]
    pub rejected: TopicSpec,
    #[garde(dive)]
    pub lead: TopicSpec,
    #[garde(dive)]
    pub assignment: TopicSpec,
    #[garde(dive)]
    pub nurture: TopicSpec,
    #[garde(dive)]
    pub dead_letter: TopicSpec,
}

/// One topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicSpec {
    /// Fixed for the life of a `.v1`.
    #[garde(range(min = 1, max = 10_000))]
    pub partitions: i32,
    /// Retention of the broker in days.
    #[garde(range(min = 1, max = 10_000))]
    pub keep_days: u32,
}

impl TopicSpec {
    /// Retention of the broker.
    #[must_use]
    pub fn retention(self) -> Duration {
        DAY * self.keep_days
    }
}

impl TopicsFile {
    /// The file of `deploy/config`, as it was when the binary was built.
    ///
    /// # Panics
    /// Never: a test reads it.
    #[must_use]
    pub fn built_in() -> Self {
        from_yaml(Path::new("built-in topics.yaml"), BUILT_IN).expect("valid, a test reads it")
    }

    /// What the file says about one topic.
    #[must_use]
    pub fn spec(&self, topic: Topic) -> TopicSpec {
        match topic {
            Topic::Engagement => self.topics.engagement,
            Topic::EngagementBulk => self.topics.engagement_bulk,
            Topic::Rejected => self.topics.rejected,
            Topic::Lead => self.topics.lead,
            Topic::Assignment => self.topics.assignment,
            Topic::Nurture => self.topics.nurture,
            Topic::DeadLetter => self.topics.dead_letter,
        }
    }

    /// Number of partitions of a topic.
    #[must_use]
    pub fn partitions(&self, topic: Topic) -> i32 {
        self.spec(topic).partitions
    }
}

impl Environment {
    /// Copies of each partition on a cluster of so many brokers.
    #[must_use]
    pub fn replicas(&self, brokers: usize) -> i32 {
        self.replication_factor.unwrap_or_else(|| i32::try_from(brokers.clamp(1, 3)).unwrap_or(3))
    }

    /// Copies in sync of a topic that has so many copies.
    #[must_use]
    pub fn in_sync(&self, replicas: i32) -> i32 {
        self.min_insync_replicas.unwrap_or_else(|| (replicas - 1).max(1))
    }
}

/// Reads a topics file; environment variables `LEADFLOW_TOPICS__...` win over it. Without a path, the built-in one.
///
/// # Errors
/// [`ConfigError`] with every problem and its line.
pub fn load(path: Option<&Path>) -> Result<TopicsFile, ConfigError> {
    const PREFIX: &str = "LEADFLOW_TOPICS__";
    match path {
        Some(path) => crate::config::load(Some(path), PREFIX),
        None => crate::config::load_text(Path::new("built-in topics.yaml"), BUILT_IN, PREFIX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(replication_factor: Option<i32>, min_insync_replicas: Option<i32>) -> Environment {
        Environment { replication_factor, min_insync_replicas, max_message_bytes: 1_048_588 }
    }

    #[test]
    fn the_built_in_file_is_the_one_of_the_design() {
        let file = TopicsFile::built_in();
        let partitions = Topic::ALL.map(|topic| (topic.short_name(), file.partitions(topic)));
        let expected = [
            ("engagement", 12),
            ("engagement-bulk", 6),
            ("rejected", 3),
            ("lead", 12),
            ("assignment", 6),
            ("nurture", 6),
            ("dead-letter", 1),
        ];
        assert_eq!(partitions, expected);
        for topic in [Topic::Lead, Topic::Assignment, Topic::Engagement, Topic::DeadLetter] {
            assert!(file.spec(topic).retention() + DAY <= 30 * DAY, "{topic:?} keeps personal data too long");
        }
    }

    #[test]
    fn replicas_follow_the_brokers_unless_they_are_given() {
        let left_out = environment(None, None);
        assert_eq!([1, 2, 3, 9].map(|brokers| left_out.replicas(brokers)), [1, 2, 3, 3]);
        assert_eq!([1, 2, 3].map(|replicas| left_out.in_sync(replicas)), [1, 1, 2]);
        let given = environment(Some(3), Some(2));
        assert_eq!((given.replicas(1), given.in_sync(3)), (3, 2));
    }

    #[test]
    fn a_cluster_that_one_restart_stops_is_refused() {
        use garde::Validate as _;
        for (replicas, in_sync, valid) in [(3, 2, true), (1, 1, true), (3, 3, false), (2, 2, false), (1, 2, false)] {
            assert_eq!(environment(Some(replicas), Some(in_sync)).validate().is_ok(), valid, "{replicas} {in_sync}");
        }
    }
}
