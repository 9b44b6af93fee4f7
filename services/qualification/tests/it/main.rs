//! Qualification against a real PostgreSQL: the handlers as the consumer calls them, without a broker.
#![allow(missing_docs, unreachable_pub, reason = "tests")]

mod assignment;
mod bed;
mod erased_orders;
mod erasure;
mod lifecycle;
mod orders;
mod people;
mod races;
mod returned;
mod walking;
mod workers;
