//! What can be set about a consumer, and the librdkafka settings that follow from the design rather than from taste.

use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};

use crate::kafka::{KafkaConfig, STATISTICS_INTERVAL_MS};

/// Where a consumer begins on a partition that it has never read. Resolved to a number once, at the first claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// At the oldest record the broker still has.
    #[default]
    Earliest,
    /// At the next record to come.
    Latest,
}

/// Section `consumer` of a stateful role.
#[derive(Clone, Debug, Serialize, Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConsumerConfig {
    /// Transactions in flight at a time; a partition is pinned to `partition % lanes`.
    #[garde(range(min = 1, max = 64))]
    pub lanes: usize,
    /// Events in one transaction.
    #[garde(range(min = 1, max = 20_000))]
    pub max_batch_events: usize,
    /// Bytes of keys and values in one transaction; a single larger record still goes through.
    #[garde(range(min = 1024, max = 67_108_864))]
    pub max_batch_bytes: usize,
    /// Where to begin on a partition that was never read.
    #[garde(skip)]
    pub start: Start,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self { lanes: 4, max_batch_events: 4000, max_batch_bytes: 4 * 1024 * 1024, start: Start::Earliest }
    }
}

/// Prefetched bytes over all partitions of a process.
const PREFETCH_KBYTES: usize = 128 * 1024;

/// Settings of the group consumer. Positions come from PostgreSQL, so nothing is stored or committed by librdkafka, and an
/// offset that is not on the broker is an error instead of a jump. `partitions`: how many this process may own at most.
pub(crate) fn client_config(kafka: &KafkaConfig, group: &str, partitions: usize) -> ClientConfig {
    let mut config = kafka.client(group);
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", "10000")
        .set("heartbeat.interval.ms", "3000")
        // The default of one second caps every variant at 49,000 events/s.
        .set("fetch.queue.backoff.ms", "10")
        // A partition that was full is asked for again only with the next fetch; quiet neighbours must not hold that up.
        .set("fetch.wait.max.ms", "100")
        .set("queued.min.messages", "20000")
        // Counted per split queue, not per client.
        .set("queued.max.messages.kbytes", (PREFETCH_KBYTES / partitions.max(1)).max(1024).to_string())
        // For the lag, too.
        .set("statistics.interval.ms", STATISTICS_INTERVAL_MS);
    config
}
