//! CloudEvents 1.0 headers in binary mode: how they are kept in an outbox row, and how they stand on a record.
//!
//! In the row they are a small protobuf of our own, because names and constants would double a short event. What the
//! publisher makes of a row is a function of the row alone, so a repeat is byte-equal.

use rdkafka::message::{Header, OwnedHeaders};

use crate::record::{CloudEvent, TraceParent};

/// The header block of an outbox row. Fields are only ever added: old rows are read by new publishers.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StoredHeaders {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) source: String,
    #[prost(string, tag = "3")]
    pub(crate) kind: String,
    #[prost(string, tag = "4")]
    pub(crate) subject: String,
    /// Microseconds since 1970.
    #[prost(sint64, tag = "5")]
    pub(crate) time_us: i64,
    #[prost(string, tag = "6")]
    pub(crate) dataschema: String,
    #[prost(string, tag = "7")]
    pub(crate) trace: String,
}

impl StoredHeaders {
    pub(crate) fn new(event: &CloudEvent, trace: Option<&TraceParent>) -> Self {
        Self {
            id: event.id.clone(),
            source: event.source.to_owned(),
            kind: event.kind.clone(),
            subject: event.subject.clone(),
            time_us: event.time.as_microsecond(),
            dataschema: event.dataschema.to_owned(),
            trace: trace.map(|trace| trace.0.to_string()).unwrap_or_default(),
        }
    }

    /// As they stand on the record. `key` becomes `ce_partitionkey` if it is text.
    pub(crate) fn for_record(&self, key: &[u8]) -> OwnedHeaders {
        let fields = Fields {
            id: &self.id,
            source: &self.source,
            kind: &self.kind,
            subject: &self.subject,
            dataschema: &self.dataschema,
            trace: &self.trace,
        };
        fields.for_record(jiff::Timestamp::from_microsecond(self.time_us).unwrap_or_default(), key)
    }
}

/// The headers of a record that never was a row.
pub(crate) fn headers_of(event: &CloudEvent, trace: Option<&TraceParent>, key: &[u8]) -> OwnedHeaders {
    let fields = Fields {
        id: &event.id,
        source: event.source,
        kind: &event.kind,
        subject: &event.subject,
        dataschema: event.dataschema,
        trace: trace.map_or("", |trace| &trace.0),
    };
    // A row keeps microseconds: both ways have the same precision.
    let time = jiff::Timestamp::from_microsecond(event.time.as_microsecond()).unwrap_or(event.time);
    fields.for_record(time, key)
}

struct Fields<'a> {
    id: &'a str,
    source: &'a str,
    kind: &'a str,
    subject: &'a str,
    dataschema: &'a str,
    trace: &'a str,
}

impl Fields<'_> {
    fn for_record(&self, time: jiff::Timestamp, key: &[u8]) -> OwnedHeaders {
        let time = time.to_string();
        let fields = [
            ("content-type", "application/protobuf"),
            ("ce_specversion", "1.0"),
            ("ce_id", self.id),
            ("ce_source", self.source),
            ("ce_type", self.kind),
            ("ce_time", time.as_str()),
            ("ce_subject", self.subject),
            ("ce_dataschema", self.dataschema),
            ("ce_partitionkey", std::str::from_utf8(key).unwrap_or_default()),
            ("traceparent", self.trace),
        ];
        // Optional CloudEvents attributes must not be empty strings: what is empty is absent.
        fields
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .fold(OwnedHeaders::new_with_capacity(fields.len()), |headers, (key, value)| {
                headers.insert(Header { key, value: Some(value) })
            })
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use rdkafka::message::Headers as _;

    use super::*;

    fn event() -> CloudEvent {
        CloudEvent {
            id: "0190e5a0-0000-7000-8000-000000000001".to_owned(),
            source: "/leadflow/qualification",
            kind: "leadflow.thing.changed.v1".to_owned(),
            subject: "5f0c".to_owned(),
            time: "2026-03-04T05:06:07.123456Z".parse().expect("a time"),
            dataschema: "leadflow.thing.v1.ThingEvent",
        }
    }

    fn text(headers: &OwnedHeaders) -> Vec<(String, String)> {
        let utf8 = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
        headers.iter().map(|header| (header.key.to_owned(), utf8(header.value))).collect()
    }

    #[test]
    fn a_stored_block_comes_back_as_the_headers_of_the_contract() {
        let trace = TraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into());
        let bytes = StoredHeaders::new(&event(), Some(&trace)).encode_to_vec();
        let headers = StoredHeaders::decode(&*bytes).expect("what was stored").for_record(b"5f0c");
        let expected = [
            ("content-type", "application/protobuf"),
            ("ce_specversion", "1.0"),
            ("ce_id", "0190e5a0-0000-7000-8000-000000000001"),
            ("ce_source", "/leadflow/qualification"),
            ("ce_type", "leadflow.thing.changed.v1"),
            ("ce_time", "2026-03-04T05:06:07.123456Z"),
            ("ce_subject", "5f0c"),
            ("ce_dataschema", "leadflow.thing.v1.ThingEvent"),
            ("ce_partitionkey", "5f0c"),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(text(&headers), expected);
        assert_eq!(text(&headers_of(&event(), Some(&trace), b"5f0c")), expected, "without a row the same");
    }

    #[test]
    fn what_is_empty_is_absent() {
        let mut event = event();
        event.subject.clear();
        let names: Vec<String> =
            text(&StoredHeaders::new(&event, None).for_record(b"")).into_iter().map(|(key, _)| key).collect();
        assert!(!names.iter().any(|name| ["ce_subject", "ce_partitionkey", "traceparent"].contains(&name.as_str())));
    }
}
