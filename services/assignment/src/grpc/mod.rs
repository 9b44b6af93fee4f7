//! Commands of reps and of administrators. Requests become values here and are refused by field; what they do is decided in
//! `domain` and written by `change`.

pub mod admin;
mod check;
pub mod command;
pub mod pool;
mod refusal;
pub mod rep;

use leadflow_platform::outbox::PublisherHandle;
use leadflow_platform::pg::Database;

use crate::planner::PlannerHandle;

/// What commands work with. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    /// The role's schema.
    pub database: Database,
    /// Of the deployment.
    pub incarnation: i32,
    /// Woken after each commit with events.
    pub publisher: PublisherHandle,
    /// Woken when somebody may get a lead who could not before.
    pub planner: PlannerHandle,
}
