//! Intake, planner, timers and commands on a real PostgreSQL.
#![expect(clippy::unwrap_used, unreachable_pub, missing_docs, reason = "tests")]

mod offers;
mod order;
mod queue;
mod support;
mod walking_line;
