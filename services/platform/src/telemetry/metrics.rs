//! Every metric of leadflow: name, unit, labels, in one table, so that documents, dashboards and alerts can be held
//! against it. Names carry no unit (OpenTelemetry's rule); Prometheus adds `_seconds` and `_total` by itself.
//!
//! Times of events are timestamps (seconds since 1970), never ages: an age that is not updated looks healthy.
//! Nobody and nothing of the business is ever a label: no person, no rep, no id.

use opentelemetry::metrics::{Counter, Gauge, Histogram};

/// What Prometheus and OTLP make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// The last value set.
    Gauge,
    /// A distribution.
    Histogram,
}

/// One metric. The constants of this file are all there are.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// OpenTelemetry name ("leadflow.consumer.lag").
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// UCUM unit: "s", "{record}".
    pub unit: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Labels that are given with each value.
    pub labels: &'static [&'static str],
    /// Upper bounds of a histogram's buckets, in its unit.
    pub boundaries: &'static [f64],
}

/// From half a millisecond to ten seconds.
const FAST_SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// From five milliseconds to a week: a hop may be a machine or a night.
const HOP_SECONDS: &[f64] = &[
    0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0,
    604_800.0,
];
const BATCH_SIZES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0];

const fn counter(
    name: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    description: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Counter, unit, description, labels, boundaries: &[] }
}

const fn gauge(
    name: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    description: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, description, labels, boundaries: &[] }
}

const fn histogram(
    name: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    boundaries: &'static [f64],
    description: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Histogram, unit, description, labels, boundaries }
}

/// Records between the broker's high watermark and the offset row (gauge, records).
pub const CONSUMER_LAG: Metric = gauge(
    "leadflow.consumer.lag",
    "{record}",
    &["consumer", "topic", "partition"],
    "Records that were not yet processed",
);
/// Events in one transaction of a lane (histogram, events).
pub const CONSUMER_BATCH_SIZE: Metric = histogram(
    "leadflow.consumer.batch.size",
    "{event}",
    &["consumer", "topic"],
    BATCH_SIZES,
    "Events in one transaction",
);
/// From begin to commit of a lane's batch (histogram, seconds).
pub const CONSUMER_TRANSACTION: Metric =
    histogram("leadflow.consumer.transaction.duration", "s", &["consumer"], FAST_SECONDS, "Begin to commit of a batch");
/// Events by what became of them: `applied`, `duplicate`, `ignored`, `parked`, `dead`, `skipped`; `reason` of the ignored
/// (counter, events).
pub const CONSUMER_EVENTS: Metric = counter(
    "leadflow.consumer.events",
    "{event}",
    &["consumer", "topic", "verdict", "reason"],
    "Events by what became of them",
);
/// Batches given up because another process holds the partition (counter, batches).
pub const CONSUMER_FENCED: Metric =
    counter("leadflow.consumer.fenced", "{batch}", &["consumer", "topic"], "Batches that the fence refused");
/// LogAppendTime of the newest event that was committed (gauge, seconds since 1970).
pub const CONSUMER_LAST_EVENT_TIME: Metric = gauge(
    "leadflow.consumer.last_event.time",
    "s",
    &["consumer", "topic"],
    "When the newest committed event reached the broker",
);
/// 1 while the partition is stopped and waits for a human, else 0 (gauge).
pub const CONSUMER_STOPPED: Metric = gauge(
    "leadflow.consumer.stopped",
    "{partition}",
    &["consumer", "topic", "partition"],
    "Partitions that wait for a human",
);
/// Records put aside as poison (counter, records).
pub const DEAD_LETTER: Metric =
    counter("leadflow.dead_letter", "{record}", &["consumer", "topic", "reason"], "Records put aside as poison");
/// Position minus what the counters of the offset row add up to; anything but 0 is a defect (gauge, records).
pub const LEDGER_DIFFERENCE: Metric = gauge(
    "leadflow.ledger.difference",
    "{record}",
    &["consumer", "topic", "partition"],
    "Records that the ledger cannot account for",
);
/// When the oldest row that was not yet acknowledged entered the outbox, 0 if it is empty (gauge, seconds since 1970).
pub const OUTBOX_OLDEST_TIME: Metric =
    gauge("leadflow.outbox.oldest.time", "s", &["schema"], "When the oldest unsent row was written");
/// Rows acknowledged by the broker (counter, records).
pub const OUTBOX_PUBLISHED: Metric =
    counter("leadflow.outbox.published", "{record}", &["schema", "topic"], "Rows acknowledged by the broker");
/// Rows sent again because an acknowledgement was lost (counter, records).
pub const OUTBOX_REPEATS: Metric =
    counter("leadflow.outbox.repeats", "{record}", &["schema", "topic"], "Rows that had to be sent again");
/// What doors refused (counter, events).
pub const REJECTED: Metric = counter("leadflow.rejected", "{event}", &["reason", "source"], "Events refused at a door");
/// Events acknowledged by the broker and then by the door (counter, events).
pub const INGEST_ACCEPTED: Metric =
    counter("leadflow.ingest.accepted", "{event}", &["door", "source"], "Events acknowledged by a door");
/// Events without a sender's id and time: a repeat of one counts twice (counter, events).
pub const INGEST_NOT_DEDUPLICABLE: Metric = counter(
    "leadflow.ingest.not_deduplicable",
    "{event}",
    &["source"],
    "Events accepted without a sender's id and time, of which a repeat counts twice",
);
/// Keys that publish as a source which the sources file does not name (gauge, keys).
pub const INGEST_KEYS_WITHOUT_SOURCE: Metric = gauge(
    "leadflow.ingest.keys_without_source",
    "{key}",
    &[],
    "Keys whose source the sources file does not name: their events become custom",
);
/// Decisions by verdict (counter, decisions).
pub const DECISIONS: Metric = counter("leadflow.decisions", "{decision}", &["service", "verdict"], "Decisions made");
/// Mails of journeys by what became of them: `sent`, `failed`, `uncertain`, `skipped` (counter, mails).
pub const NURTURE_MESSAGES: Metric =
    counter("leadflow.nurture.messages", "{message}", &["state", "reason"], "Mails of journeys by what became of them");
/// From the hand-raise to each hop: `accepted`, `qualified`, `offered`, `owned`, `touched` (histogram, seconds).
pub const SPEED_TO_LEAD: Metric = histogram(
    "leadflow.speed_to_lead",
    "s",
    &["hop"],
    HOP_SECONDS,
    "From the moment somebody asked to each hop on the way to a person",
);
/// How late a timer fired (histogram, seconds).
pub const TIMERS_LATE: Metric =
    histogram("leadflow.timers.late", "s", &["timer"], HOP_SECONDS, "How late timers fired");
/// Gaps seen in a sequenced topic (counter, gaps).
pub const SEQUENCE_GAP: Metric =
    counter("leadflow.sequence.gap", "{gap}", &["consumer", "topic"], "Events missing before one that came");
/// Repeats seen in a sequenced topic, dropped (counter, events).
pub const SEQUENCE_REPEAT: Metric =
    counter("leadflow.sequence.repeat", "{event}", &["consumer", "topic"], "Events that came again and were dropped");
/// From begin to commit of a write transaction, by its name (histogram, seconds).
pub const PG_TRANSACTION: Metric = histogram(
    "leadflow.pg.transaction.duration",
    "s",
    &["name", "outcome"],
    FAST_SECONDS,
    "Begin to commit or rollback of a write transaction",
);
/// HTTP requests by semantic conventions (histogram, seconds).
pub const HTTP_SERVER_REQUEST_DURATION: Metric = histogram(
    "http.server.request.duration",
    "s",
    &["http.request.method", "http.route", "http.response.status_code"],
    FAST_SECONDS,
    "Duration of HTTP requests",
);
/// gRPC calls by semantic conventions (histogram, seconds).
pub const RPC_SERVER_CALL_DURATION: Metric = histogram(
    "rpc.server.call.duration",
    "s",
    &["rpc.system.name", "rpc.method", "rpc.response.status_code"],
    FAST_SECONDS,
    "Duration of gRPC calls",
);
/// Keys that were refused: `API_KEY_INVALID`, `API_KEY_EXPIRED`, `API_KEY_REVOKED`, `API_KEY_MISSING` (counter, requests).
/// Many invalid ones are somebody who guesses.
pub const ACCESS_REFUSED: Metric =
    counter("leadflow.access.refused", "{request}", &["reason"], "Requests without a valid key");
/// 1 while the broker, the database or the mail relay does not do what it is asked, else 0 (gauge).
pub const OUTAGE: Metric = gauge(
    "leadflow.outage",
    "{outage}",
    &["what"],
    "Whether the broker, the database or the mail relay does not do what it is asked",
);
/// Open connections of a listener (gauge, connections).
pub const SERVER_CONNECTIONS: Metric =
    gauge("leadflow.server.connections", "{connection}", &["listener"], "Open connections");
/// Connections closed by a limit: `full`, `first_request`, `handshake` (counter, connections).
pub const SERVER_REFUSED: Metric =
    counter("leadflow.server.refused", "{connection}", &["listener", "reason"], "Connections closed by a limit");

/// Every metric, for documents and for the test that holds dashboards against them.
pub const ALL: &[Metric] = &[
    CONSUMER_LAG,
    CONSUMER_BATCH_SIZE,
    CONSUMER_TRANSACTION,
    CONSUMER_EVENTS,
    CONSUMER_FENCED,
    CONSUMER_LAST_EVENT_TIME,
    CONSUMER_STOPPED,
    DEAD_LETTER,
    LEDGER_DIFFERENCE,
    OUTBOX_OLDEST_TIME,
    OUTBOX_PUBLISHED,
    OUTBOX_REPEATS,
    REJECTED,
    INGEST_ACCEPTED,
    INGEST_NOT_DEDUPLICABLE,
    INGEST_KEYS_WITHOUT_SOURCE,
    DECISIONS,
    NURTURE_MESSAGES,
    SPEED_TO_LEAD,
    TIMERS_LATE,
    SEQUENCE_GAP,
    SEQUENCE_REPEAT,
    PG_TRANSACTION,
    HTTP_SERVER_REQUEST_DURATION,
    RPC_SERVER_CALL_DURATION,
    ACCESS_REFUSED,
    OUTAGE,
    SERVER_CONNECTIONS,
    SERVER_REFUSED,
];

impl Metric {
    /// The counter. Make it once and keep it: making it costs a lock and a look-up.
    #[must_use]
    pub fn counter(&self) -> Counter<u64> {
        debug_assert_eq!(self.kind, Kind::Counter, "{}", self.name);
        super::meter().u64_counter(self.name).with_unit(self.unit).with_description(self.description).build()
    }

    /// The gauge. Make it once and keep it.
    #[must_use]
    pub fn gauge(&self) -> Gauge<f64> {
        debug_assert_eq!(self.kind, Kind::Gauge, "{}", self.name);
        super::meter().f64_gauge(self.name).with_unit(self.unit).with_description(self.description).build()
    }

    /// The histogram with the boundaries of this table. Make it once and keep it.
    #[must_use]
    pub fn histogram(&self) -> Histogram<f64> {
        debug_assert_eq!(self.kind, Kind::Histogram, "{}", self.name);
        super::meter()
            .f64_histogram(self.name)
            .with_unit(self.unit)
            .with_description(self.description)
            .with_boundaries(self.boundaries.to_vec())
            .build()
    }

    /// What Prometheus calls it: "leadflow_consumer_lag", "leadflow_rejected_total".
    #[must_use]
    pub fn prometheus_name(&self) -> String {
        let mut name = self.name.replace('.', "_");
        if self.unit == "s" {
            name.push_str("_seconds");
        }
        if self.kind == Kind::Counter {
            name.push_str("_total");
        }
        name
    }
}
