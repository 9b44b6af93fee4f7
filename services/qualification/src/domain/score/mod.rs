//! From what a person did to points, today and on every later day, with reasons that add up. Pure integers: the same
//! accumulator, model and day give the same score on every machine. What an act is worth is the model's business
//! (`rules`); what follows from a score is the lifecycle's.

mod accumulator;
mod codec;
mod crossing;
mod explanation;
mod factor;
mod tally;

pub use accumulator::{Accumulator, CorruptAccumulator, Entry, NotContained};
pub use crossing::{Crossing, next_crossing};
pub use explanation::{Evidence, Explanation, Line, explain};
pub use factor::{Decay, FactorTable, ONE};
pub use tally::score;

#[cfg(test)]
mod tests;
