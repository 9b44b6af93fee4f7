//! What became of the events of a partition, as the offset row counts it.

use super::Outcome;

/// Added to one offset row in one transaction. Each record is in exactly one of them, so that the row's check
/// `applied + duplicate + ignored + parked + dead + skipped = next_offset - first_offset` holds by construction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) applied: i64,
    pub(crate) duplicate: i64,
    pub(crate) ignored: i64,
    pub(crate) parked: i64,
    pub(crate) dead: i64,
    pub(crate) skipped: i64,
}

impl Tally {
    /// Counts one outcome.
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Applied => self.applied += 1,
            Outcome::Duplicate => self.duplicate += 1,
            Outcome::Ignored(_) => self.ignored += 1,
            Outcome::Parked => self.parked += 1,
        }
    }

    /// What the position moves by.
    #[cfg(test)]
    pub(crate) fn total(&self) -> i64 {
        self.applied + self.duplicate + self.ignored + self.parked + self.dead + self.skipped
    }
}
