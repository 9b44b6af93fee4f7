//! A mailbox over real sockets: what it keeps, what it says, how it fails, and that no bytes bring it down.
#![expect(clippy::unwrap_used, unreachable_pub, reason = "tests")]

mod bytes;
mod catcher;
mod conversation;
mod encrypted;
mod faults;
mod support;
