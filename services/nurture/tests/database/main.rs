//! Intake, timers, senders and doors on a real PostgreSQL and a real SMTP server.
#![expect(clippy::unwrap_used, unreachable_pub, reason = "tests")]

mod comes_back;
mod door;
mod erasure;
mod journeys;
mod ledger;
mod samples;
mod support;
mod unsubscribe;
