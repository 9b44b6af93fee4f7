//! What this role counts, beyond what the spine counts by itself. No lead and no rep is ever a label.

use std::sync::LazyLock;

use jiff::Timestamp;
use leadflow_platform::telemetry::metrics::{DECISIONS, SPEED_TO_LEAD};
use leadflow_proto::assignment::v1::LeadSnapshot;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};

use crate::wire::event::{Happened, from_timestamp};

static DECIDED: LazyLock<Counter<u64>> = LazyLock::new(|| DECISIONS.counter());
static SPEED: LazyLock<Histogram<f64>> = LazyLock::new(|| SPEED_TO_LEAD.histogram());

/// A decision with this result was made.
pub(crate) fn decided(result: &str) {
    DECIDED.add(1, &[KeyValue::new("service", "assignment"), KeyValue::new("verdict", result.to_owned())]);
}

/// A person who asked is one hop nearer to a human. Counted from the moment the door took the hand-raise.
pub(crate) fn hop(lead: &LeadSnapshot, happened: &Happened, now: Timestamp) {
    let hop = match happened {
        Happened::Offered => "offered",
        Happened::Assigned | Happened::Accepted => "owned",
        Happened::Touched(_) => "touched",
        _ => return,
    };
    if let Some(asked) = lead.hand_raise_received_at.as_ref().and_then(from_timestamp) {
        SPEED.record(now.duration_since(asked).as_secs_f64().max(0.0), &[KeyValue::new("hop", hop)]);
    }
}
