//! The spine every role stands on: sessions and write transactions, who may process a partition, batches, the outbox,
//! servers with limits, telemetry, keys. It knows nothing of the business.
//!
//! Keep it small: a new file here needs a line in ARCHITECTURE.md.

pub mod access;
pub mod causes;
pub mod clock;
pub mod command;
pub mod config;
pub mod consumer;
pub mod dead_letters;
pub mod error;
pub mod grpc;
pub mod health;
pub mod http;
pub mod identifier;
pub mod identity_key;
pub mod kafka;
pub mod migrate;
pub mod offsets;
pub mod outage;
pub mod outbox;
pub mod pg;
pub mod producer;
pub mod record;
pub mod run;
mod seldom;
pub mod server;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timers;
pub mod topics;
pub mod webhook;
