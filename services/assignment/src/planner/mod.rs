//! Who gets the leads that wait: one planner per pool at a time, by the lock of the pool's row.

pub mod candidates;
pub mod page;
