//! Journeys: the file as it is written ([`source`], [`step`], [`condition`]), what it means ([`compile()`]), and what is wrong
//! with it ([`check`]). Pure.

pub mod check;
pub mod compile;
mod compile_ways;
pub mod condition;
pub mod finding;
mod lead_fields;
pub mod plan;
mod schema;
pub mod source;
pub mod step;

pub use compile::compile;
pub use finding::Finding;
pub use plan::{Action, Journey, Step, Watch};
pub use schema::json_schema;
