//! Intake, planner, timers and commands on a real PostgreSQL.
#![expect(clippy::unwrap_used, unreachable_pub, reason = "tests")]

mod admin;
mod backlog;
mod offers;
mod order;
mod queue;
mod races;
mod samples;
mod stream;
mod support;
mod unseen;
mod walking_line;
