//! How to reach the broker: one configuration for consumers, producers and the admin client.

mod reports;

use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};

use crate::outage::{Outage, OutageMemory, Words};
use crate::topics::Topic;

pub(crate) use reports::{Reports, STATISTICS_INTERVAL_MS};

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
    #[garde(custom(only_security))]
    pub client: std::collections::BTreeMap<String, String>,
    /// All clients of a process tell of one broker.
    #[serde(skip)]
    #[garde(skip)]
    outage: OutageMemory,
}

fn default_prefix() -> String {
    "leadflow.".to_owned()
}

/// Everything else is chosen by the spine; a setting from outside could break what it promises.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that garde calls")]
fn only_security(client: &std::collections::BTreeMap<String, String>, (): &()) -> garde::Result {
    let allowed = |key: &str| {
        key == "security.protocol"
            || key == "enable.ssl.certificate.verification"
            || ["sasl.", "ssl."].iter().any(|prefix| key.starts_with(prefix))
    };
    match client.keys().find(|key| !allowed(key)) {
        None => Ok(()),
        Some(key) => {
            Err(garde::Error::new(format!("{key:?} may not be set here: only security.protocol, sasl.* and ssl.* may")))
        }
    }
}

impl KafkaConfig {
    /// These brokers, without security.
    #[must_use]
    pub fn new(brokers: impl Into<String>, topic_prefix: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            topic_prefix: topic_prefix.into(),
            client: std::collections::BTreeMap::new(),
            outage: OutageMemory::default(),
        }
    }

    /// Whether the brokers answer, by what all clients of this configuration and its clones hear.
    pub(crate) fn outage(&self) -> Outage {
        let words = Words {
            what: "broker".to_owned(),
            subject: format!("the broker at {}", self.brokers),
            meaning: "Senders get 503, consumers and the outbox wait",
        };
        Outage::new(words, self.outage.clone())
    }

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

    /// What every client has in common: where the brokers are, security, TCP settings. `client_id` appears in the broker's
    /// logs and quotas.
    #[must_use]
    pub fn client(&self, client_id: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (key, value) in &self.client {
            config.set(key, value);
        }
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", client_id)
            .set("socket.keepalive.enable", "true")
            .set("socket.nagle.disable", "true")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "2000")
            .set("allow.auto.create.topics", "false")
            .set("topic.metadata.refresh.interval.ms", "30000");
        config
    }
}

#[cfg(test)]
mod tests {
    use garde::Validate as _;

    use super::*;

    fn config(key: &str) -> KafkaConfig {
        let mut config = KafkaConfig::new("127.0.0.1:9092", default_prefix());
        config.client.insert(key.to_owned(), "x".to_owned());
        config
    }

    #[test]
    fn only_security_settings_pass() {
        for key in ["security.protocol", "sasl.mechanism", "ssl.ca.location"] {
            assert!(config(key).validate().is_ok(), "{key}");
        }
        for key in ["acks", "enable.idempotence", "group.id", "bootstrap.servers"] {
            let report = config(key).validate().expect_err(key).to_string();
            assert!(report.contains(key), "{report}");
        }
    }

    #[test]
    fn names_carry_prefix_and_version() {
        let config = config("ssl.ca.location");
        assert_eq!(config.topic_name(Topic::EngagementBulk), "leadflow.engagement-bulk.v1");
        assert_eq!(config.group("qualification"), "leadflow.qualification");
    }
}
