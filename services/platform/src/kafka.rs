//! How to reach the broker: one configuration for consumers, producers and the admin client.

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
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
    #[garde(custom(only_security))]
    pub client: std::collections::BTreeMap<String, String>,
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

/// What librdkafka reports about connections. It goes on by itself, so this is a warning; only a fatal error ends a client,
/// and its owner sees that from its own calls.
pub(crate) fn log_client_error(client: &'static str, error: &KafkaError, reason: &str) {
    tracing::warn!(client, "kafka client {client}: {reason} ({error})");
}

/// librdkafka's own log: a client that loses a connection finds its way again, so nothing of it is an error of ours; notes
/// about our choice of settings are no news.
pub(crate) fn log_client_line(client: &'static str, level: RDKafkaLogLevel, facility: &str, line: &str) {
    if facility == "CONFWARN" {
        return;
    }
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => tracing::warn!(client, "kafka client {client}: {facility}: {line}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::debug!(client, "kafka client {client}: {facility}: {line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use garde::Validate as _;

    use super::*;

    fn config(key: &str) -> KafkaConfig {
        KafkaConfig {
            brokers: "127.0.0.1:9092".to_owned(),
            topic_prefix: default_prefix(),
            client: [(key.to_owned(), "x".to_owned())].into(),
        }
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
