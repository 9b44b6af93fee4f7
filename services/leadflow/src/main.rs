//! The leadflow binary.
fn main() {}
