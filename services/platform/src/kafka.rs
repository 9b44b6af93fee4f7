//! How to reach the broker: one configuration for consumers, producers and the admin client.

use serde::{Deserialize, Serialize};

use crate::topics::Topic;

/// Section `kafka` of the configuration.
#[derive(Clone, Debug, Serialize, Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// Bootstrap servers, "host:port" separated by commas.
    #[garde(length(min = 1))]
    pub brokers: String,
    /// Before each short topic name and each consumer group.
    #[serde(default = "default_prefix")]
    #[garde(length(max = 64))]
    pub topic_prefix: String,
    /// librdkafka settings for TLS and SASL only ("security.protocol", "sasl.*", "ssl.*").
    #[serde(default)]
    #[garde(skip)]
    pub client: std::collections::BTreeMap<String, String>,
}

fn default_prefix() -> String {
    "leadflow.".to_owned()
}

impl KafkaConfig {
    /// Full name of a topic: "leadflow.engagement.v1".
    #[must_use]
    pub fn topic_name(&self, topic: Topic) -> String {
        format!("{}{}.v1", self.topic_prefix, topic.short_name())
    }

    /// Consumer group of a role: "leadflow.qualification".
    #[must_use]
    pub fn group(&self, consumer: &str) -> String {
        format!("{}{consumer}", self.topic_prefix)
    }
}
