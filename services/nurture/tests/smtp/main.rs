//! The way to the relay against a mailbox that fails as it is told, over real sockets. Needs no database and no broker.
#![expect(clippy::unwrap_used, unreachable_pub, reason = "tests")]

mod connections;
mod faults;
mod many;
mod message;
mod odd_relays;
mod quiet;
mod security;
mod support;
