//! Which sales executive gets the lead, fairly, and how the outside hears of it.
//!
//! Dependencies point one way: grpc, handler, planner -> store, wire -> domain -> nothing.

pub mod change;
pub mod domain;
pub mod planner;
pub mod store;
pub mod stream;
pub mod wire;
