//! Qualification against a real PostgreSQL: the handlers as the consumer calls them, without a broker.
#![allow(missing_docs, unreachable_pub, reason = "tests")]

mod bed;
mod people;
mod walking;
