//! Webhooks out, against receivers on real sockets that answer well, badly, slowly, endlessly or not at all. Everything
//! listens on loopback, and nothing here names an address outside: where the guard fails, a listener of ours is reached.

mod answers;
mod guard;
mod quiet;
mod signed;
mod support;
mod tls;
