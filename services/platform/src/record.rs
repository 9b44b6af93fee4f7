//! A record as it stands on a topic: key, protobuf value, CloudEvents headers in binary mode, W3C trace context.

use std::sync::Arc;

use jiff::Timestamp;

/// Where a record stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Full topic name ("leadflow.engagement.v1").
    pub topic: Arc<str>,
    /// Partition of that topic.
    pub partition: i32,
    /// Offset in that partition.
    pub offset: i64,
}

/// W3C `traceparent` as text, carried from a request through every record and row that it causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent(pub Arc<str>);

/// One record as read from the broker. `timestamp` is LogAppendTime.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it stands.
    pub position: Position,
    /// Record key; empty if there is none.
    pub key: Vec<u8>,
    /// Record value; empty for a tombstone.
    pub value: Vec<u8>,
    /// Headers in order.
    pub headers: RecordHeaders,
    /// LogAppendTime.
    pub appended_at: Timestamp,
}

/// CloudEvents 1.0 attributes of an outgoing record (binary mode: headers `ce_*` and `content-type`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudEvent {
    /// `ce_id`: the event id.
    pub id: String,
    /// `ce_source`: "/leadflow/qualification".
    pub source: &'static str,
    /// `ce_type`: "leadflow.thing.changed.v1".
    pub kind: String,
    /// `ce_subject`: the aggregate's id.
    pub subject: String,
    /// `ce_time`.
    pub time: Timestamp,
    /// `ce_dataschema`: full name of the protobuf message.
    pub dataschema: &'static str,
}

/// Headers of a record, in one piece of memory: ten of them come with every event, and an allocation for each name and each
/// value was a third of a consumer's time.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RecordHeaders {
    /// Of each: length of name and of value (u32, little endian), then both.
    bytes: Vec<u8>,
}

const LENGTHS: usize = 8;

impl RecordHeaders {
    /// For about so many bytes of names and values.
    #[must_use]
    pub fn with_capacity(headers: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(headers * LENGTHS + bytes) }
    }

    /// Adds one. What is longer than 4 GiB cannot come over the wire; it would be left out.
    pub fn push(&mut self, name: &str, value: &[u8]) {
        let (Ok(name_length), Ok(value_length)) = (u32::try_from(name.len()), u32::try_from(value.len())) else {
            return;
        };
        self.bytes.extend_from_slice(&name_length.to_le_bytes());
        self.bytes.extend_from_slice(&value_length.to_le_bytes());
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(value);
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (lengths, after) = rest.split_at_checked(LENGTHS)?;
            let length = |from: usize| {
                let bytes = lengths[from..from + 4].try_into().ok()?;
                usize::try_from(u32::from_le_bytes(bytes)).ok()
            };
            let (name, after) = after.split_at_checked(length(0)?)?;
            let (value, after) = after.split_at_checked(length(4)?)?;
            rest = after;
            Some((std::str::from_utf8(name).ok()?, value))
        })
    }

    /// The first of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }
}

impl std::fmt::Debug for RecordHeaders {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Names only: a value may say who somebody is.
        formatter.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for RecordHeaders {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let mut all = Self::default();
        headers.into_iter().for_each(|(name, value)| all.push(name.as_ref(), value.as_ref()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_in_order_whatever_is_in_them() {
        let long = vec![7; 70_000];
        let given: [(&str, &[u8]); 5] = [("a", b"1"), ("", b""), ("\u{e9}", &[0, 255]), ("a", b"2"), ("long", &long)];
        let headers: RecordHeaders = given.into_iter().collect();
        assert_eq!(headers.iter().collect::<Vec<_>>(), given);
        assert_eq!((headers.get("a"), headers.get("b")), (Some(&b"1"[..]), None));
        assert_eq!(RecordHeaders::default().iter().count(), 0);
        assert!(!format!("{headers:?}").contains('1'), "no values in logs");
    }
}
