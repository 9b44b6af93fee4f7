//! The arithmetic of scores: golden factors, tables of what other products publish, and properties over random models and
//! histories.

mod crossings;
mod factors;
mod published;
mod random;
mod scores;
mod values;
