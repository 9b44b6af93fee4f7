//! Between protobuf and the domain, total both ways.

pub mod engagement;
pub mod fields;
pub mod lead_event;
pub mod told;

use jiff::Timestamp;

/// As protobuf has it.
#[must_use]
pub fn to_proto_time(at: Timestamp) -> pbjson_types::Timestamp {
    pbjson_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

/// None: not a time that calendars know.
#[must_use]
pub fn from_proto_time(at: &pbjson_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(at.seconds, at.nanos).ok()
}
