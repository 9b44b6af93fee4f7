//! What a Kafka client says about itself. librdkafka names a broker that is away by every connection, several times a second
//! and in two ways; of that one thing is worth a line, and [`Outage`] says it. The rest is for debugging, except for what no
//! waiting mends: wrong credentials, missing permissions, a client that is beyond repair.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::Statistics;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::KafkaConfig;
use crate::outage::Outage;
use crate::seldom::Seldom;

/// Setting `statistics.interval.ms` of every client that has an ear: so long may it take until a broker that is back was
/// heard, if nothing is sent.
pub(crate) const STATISTICS_INTERVAL_MS: &str = "5000";
/// Facilities of librdkafka's log that tell of connections, as its errors do too.
const OF_CONNECTIONS: [&str; 4] = ["FAIL", "REQTMOUT", "ERROR", "TERMINATE"];
/// Our choice of settings is no news.
const OF_SETTINGS: &str = "CONFWARN";
const SAY_EVERY: Duration = Duration::from_secs(60);
/// Of what librdkafka says about a connection: addresses and a reason.
const LONGEST_REASON: usize = 300;

/// The ear of one client.
#[derive(Debug)]
pub(crate) struct Reports {
    client: &'static str,
    outage: Outage,
    /// Why the last connection failed: the word that all brokers are gone does not say it.
    reason: Mutex<String>,
    /// By facility or error.
    said: Mutex<BTreeMap<String, Seldom>>,
}

impl Reports {
    /// `client` is what log lines call it.
    pub(crate) fn new(client: &'static str, kafka: &KafkaConfig) -> Self {
        Self { client, outage: kafka.outage(), reason: Mutex::default(), said: Mutex::default() }
    }

    /// For `ClientContext::error`.
    pub(crate) fn error(&self, error: &KafkaError, reason: &str) {
        use RDKafkaErrorCode::{
            AllBrokersDown, Authentication, BrokerTransportFailure, OperationTimedOut, PartitionEOF, Resolve, SSL,
        };
        match error.rdkafka_error_code() {
            // The end of a partition is no error: the lanes asked to be told of it.
            Some(PartitionEOF) => {}
            Some(AllBrokersDown) => self.outage.lost(&self.reason_or(reason)),
            Some(BrokerTransportFailure | OperationTimedOut | Resolve) => self.remember(reason),
            code => {
                if matches!(code, Some(Authentication | SSL)) {
                    self.remember(reason);
                }
                self.say(&error.to_string(), reason);
            }
        }
    }

    /// For `ClientContext::log`.
    pub(crate) fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        let client = self.client;
        match level {
            _ if facility == OF_SETTINGS => {}
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(client, facility, line, "librdkafka");
            }
            _ if OF_CONNECTIONS.contains(&facility) => self.remember(without_thread(line)),
            _ => self.say(facility, line),
        }
    }

    /// For `ClientContext::stats`.
    pub(crate) fn statistics(&self, statistics: &Statistics) {
        let is_up = |state: &str| matches!(state, "UP" | "UPDATE");
        let brokers = statistics.brokers.values().filter(|broker| is_up(&broker.state) && broker.source != "internal");
        // In microseconds; negative if nothing was ever received.
        let silence = brokers.filter_map(|broker| u64::try_from(broker.rxidle).ok()).min().map(Duration::from_micros);
        match silence.and_then(|silence| Instant::now().checked_sub(silence)) {
            Some(heard) => self.outage.heard(heard),
            None => self.outage.still(),
        }
    }

    /// The broker has acknowledged a record.
    pub(crate) fn acknowledged(&self) {
        self.outage.served();
    }

    fn remember(&self, reason: &str) {
        tracing::debug!(client = self.client, "kafka client {}: {reason}", self.client);
        // "... failed: Connection refused (after 0ms in state CONNECT, 17 identical error(s) suppressed)"
        let reason = reason.split(" (after ").next().unwrap_or(reason);
        let reason = &reason[..reason.floor_char_boundary(LONGEST_REASON)];
        reason.clone_into(&mut self.reason.lock().unwrap_or_else(PoisonError::into_inner));
        self.outage.because(reason);
    }

    fn reason_or(&self, other: &str) -> String {
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if reason.is_empty() { other.to_owned() } else { reason.clone() }
    }

    /// While no broker answers everything else that goes wrong (a session that times out, a commit) has that one cause.
    fn say(&self, what: &str, why: &str) {
        let client = self.client;
        if !self.outage.is_away() && self.may_say(what) {
            tracing::warn!(client, "kafka client {client}: {what}: {why}");
        } else {
            tracing::debug!(client, "kafka client {client}: {what}: {why}");
        }
    }

    fn may_say(&self, what: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.entry(what.to_owned()).or_insert_with(|| Seldom::new(SAY_EVERY)).may_say()
    }
}

/// "[thrd:127.0.0.1:9092/bootstrap]: ..." without the thread.
fn without_thread(line: &str) -> &str {
    line.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: ")).map_or(line, |(_, rest)| rest)
}
