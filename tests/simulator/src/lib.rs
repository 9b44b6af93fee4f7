//! Traffic that looks real and speaks only to public doors: the sample story of a first run, the reps who answer it, and
//! an endless deterministic load for tests, faults and figures. It asserts nothing and knows nothing of the inside.

pub mod call;
pub mod cast;
pub mod door;
pub mod inbox;
pub mod load;
pub mod reps;
pub mod setup;
pub mod story;
