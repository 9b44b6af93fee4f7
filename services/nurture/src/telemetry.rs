//! What is counted for operators. No person and no lead is a label.

use std::sync::LazyLock;

use leadflow_platform::telemetry::metrics::{DECISIONS, NURTURE_MESSAGES};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;

static DECIDED: LazyLock<Counter<u64>> = LazyLock::new(|| DECISIONS.counter());
static SETTLED: LazyLock<Counter<u64>> = LazyLock::new(|| NURTURE_MESSAGES.counter());

/// A decision was made.
pub(crate) fn decided(result: &str) {
    DECIDED.add(1, &[KeyValue::new("verdict", result.to_owned()), KeyValue::new("service", "nurture")]);
}

/// It is known what became of a mail.
pub(crate) fn settled(state: &'static str, reason: &str) {
    let reason = skip_label(reason).trim_start_matches("skipped:");
    SETTLED.add(1, &[KeyValue::new("state", state), KeyValue::new("reason", reason)]);
}

/// Reasons are a closed set: a goal's kind or a marketer's own word is "other".
#[must_use]
pub(crate) fn skip_label(reason: &str) -> &'static str {
    LABELS.iter().find(|label| label.trim_start_matches("skipped:") == reason).copied().unwrap_or("skipped:other")
}

const LABELS: [&str; 24] = [
    "skipped:",
    "skipped:no_consent",
    "skipped:consent_withdrawn",
    "skipped:unsubscribed",
    "skipped:complaint",
    "skipped:hard_bounce",
    "skipped:erased",
    "skipped:no_address",
    "skipped:not_allowed",
    "skipped:topic_off",
    "skipped:frequency_cap",
    "skipped:send_window",
    "skipped:quiet_hours",
    "skipped:assigned",
    "skipped:mql",
    "skipped:replied",
    "skipped:disqualified",
    "skipped:merged",
    "skipped:won",
    "skipped:lost",
    "skipped:no_owner",
    "skipped:template",
    "skipped:completed",
    "skipped:refused",
];
