//! The shape of a Rust file: it says what it is, and it is not a warehouse.

use crate::{Finding, checkout::File};

/// Lines that a file may have; the aim is below 300.
pub const MOST_LINES: usize = 350;

/// A file that does not open by saying what it is and is not.
#[must_use]
pub fn without_head(file: &File) -> Option<Finding> {
    let first = file.text.lines().next().unwrap_or_default();
    (!first.starts_with("//! ")).then(|| Finding::new(file, 1, "does not open with `//! `"))
}

/// A file that grew too long.
#[must_use]
pub fn too_long(file: &File) -> Option<Finding> {
    let lines = file.text.lines().count();
    (lines > MOST_LINES).then(|| Finding::new(file, lines, format!("{lines} lines")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_head_is_found() {
        assert!(without_head(&File::sample("a.rs", "use std::fs;\n//! late")).is_some());
        assert!(without_head(&File::sample("a.rs", "")).is_some());
        assert!(without_head(&File::sample("a.rs", "//! What it is.\n")).is_none());
    }

    #[test]
    fn one_line_too_many_is_found() {
        assert!(too_long(&File::sample("a.rs", &"x\n".repeat(MOST_LINES))).is_none());
        assert!(too_long(&File::sample("a.rs", &"x\n".repeat(MOST_LINES + 1))).is_some());
    }
}
