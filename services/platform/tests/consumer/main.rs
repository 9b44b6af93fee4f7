//! The consumer against a real broker and a real database: who may process a partition, what is applied, and what becomes of
//! what cannot be. Tests assert rows, offsets and order, never how long something takes; limits only keep them from hanging.

mod claims;
mod flow;
mod losses;
mod moved;
mod outages;
mod poison;
mod recovery;
mod storm;
mod support;
