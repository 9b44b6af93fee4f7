//! The one place that reads the wall clock, for roles without a database. Whatever is decided under a transaction takes
//! `WriteTx::now` instead.

use jiff::Timestamp;

/// The machine's wall clock, for doors (received_at) and telemetry. Never for due times.
#[expect(clippy::disallowed_methods, reason = "the one place")]
#[must_use]
pub fn wall_now() -> Timestamp {
    Timestamp::now()
}
