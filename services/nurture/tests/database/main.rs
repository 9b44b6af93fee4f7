//! Intake, timers, senders and doors on a real PostgreSQL and a real SMTP server.
#![expect(clippy::unwrap_used, unreachable_pub, reason = "tests")]

mod comes_back;
mod confirm;
mod door;
mod drain;
mod erasure;
mod former_address;
mod journeys;
mod last_look;
mod ledger;
mod retention;
mod sample_mail;
mod samples;
mod support;
mod unsubscribe;
mod webhooks;
