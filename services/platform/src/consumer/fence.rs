//! Compares a batch with its offset rows: (epoch, offset) decides whether it may go on. Pure. One rule for an ambiguous
//! commit, a lost claim, a rewind and a restart: the row is read again, what lies below it is dropped, and we carry on.

use super::batch::{Batch, Segment};
use super::store::FenceRow;

/// A partition that was taken out of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) partition: i32,
    pub(crate) epoch: i32,
    /// Another process claimed it. Otherwise an operator moved it, or the row went back: claim it again at once.
    pub(crate) by_other: bool,
}

/// Which comparisons are made; all, except in tests that show what each is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checks {
    pub(crate) epoch: bool,
    pub(crate) trim: bool,
}

/// Takes partitions out that are not ours under this claim any more, and trims what is applied already.
pub(crate) fn compare(batch: &mut Batch, rows: &[FenceRow], owner: &str, checks: Checks) -> Vec<Refused> {
    let mut refused = Vec::new();
    for index in (0..batch.segments.len()).rev() {
        let segment = &batch.segments[index];
        let row = rows.iter().find(|row| row.partition == segment.partition);
        match judge(segment, row, owner, checks) {
            Ok(next) if next > segment.start && checks.trim => batch.trim(index, next),
            Ok(_) => {}
            Err(by_other) => {
                let Segment { partition, epoch, .. } = *segment;
                refused.push(Refused { partition, epoch, by_other });
            }
        }
    }
    batch.keep_segments(|segment| refused.iter().all(|refused| refused.partition != segment.partition));
    refused
}

/// The row's offset, or whether somebody else has the partition.
fn judge(segment: &Segment, row: Option<&FenceRow>, owner: &str, checks: Checks) -> Result<i64, bool> {
    let Some(row) = row else { return Err(false) };
    if checks.epoch && row.epoch != segment.epoch {
        return Err(row.owner.as_deref().is_some_and(|other| other != owner));
    }
    if row.stopped {
        return Err(false);
    }
    // Same claim, but behind what we have seen committed: the database lost it, or somebody wrote by hand.
    if checks.trim && row.next_offset < segment.start {
        return Err(false);
    }
    Ok(row.next_offset)
}
