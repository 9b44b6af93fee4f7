//! The two profiles as librdkafka settings. Both idempotent, both wait for all in-sync replicas.

use std::time::Duration;

use rdkafka::ClientConfig;

use crate::kafka::{KafkaConfig, STATISTICS_INTERVAL_MS};

fn common(kafka: &KafkaConfig, client_id: &str) -> ClientConfig {
    let mut config = kafka.client(client_id);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("statistics.interval.ms", STATISTICS_INTERVAL_MS)
        .set("message.max.bytes", "1048576")
        // Equal keys on equal partitions for every client of the world: what Java's default partitioner does.
        .set("partitioner", "murmur2_random")
        .set("socket.timeout.ms", "10000")
        .set("request.timeout.ms", "8000");
    config
}

/// The outbox: in order, no gap, no time limit. Its queue is bounded by the publisher, far below these limits.
pub(crate) fn outbox_settings(kafka: &KafkaConfig, linger: Duration) -> ClientConfig {
    let mut config = common(kafka, "leadflow-outbox");
    config
        .set("enable.gapless.guarantee", "true")
        .set("message.timeout.ms", "0")
        .set("linger.ms", linger.as_millis().to_string())
        // What foreign clients read must be readable as they come: kafkajs brings no codec but gzip.
        .set("compression.type", "none")
        .set("queue.buffering.max.messages", "100000")
        .set("queue.buffering.max.kbytes", "131072");
    config
}

/// A door: gives up after 15 s (the client was told 503 long before). A door has two of these (see `Producer`), so together
/// they hold at most 32 MiB for a broker that is away.
pub(crate) fn ingest_settings(kafka: &KafkaConfig, linger: Duration) -> ClientConfig {
    let mut config = common(kafka, "leadflow-ingest");
    config
        .set("message.timeout.ms", "15000")
        .set("linger.ms", linger.as_millis().to_string())
        // Measured with records of 300 bytes: costs no CPU that could be seen at either end, zstd half as much again as the
        // sending itself. A record alone hardly shrinks.
        .set("compression.type", if linger.is_zero() { "none" } else { "lz4" })
        .set("queue.buffering.max.messages", "1000000")
        .set("queue.buffering.max.kbytes", "16384");
    config
}
