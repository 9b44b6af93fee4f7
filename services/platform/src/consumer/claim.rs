//! Taking over partitions. The group's word is a hint; who raised a row's epoch last is its owner, and whatever an older
//! owner still has in flight changes nothing.

use super::settings::Start;
use super::store::{self, ClaimRow, Partitions};
use crate::pg::{Database, PgError};

/// A partition and what the broker has of it. `high` is the last stable offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watermarks {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) low: i64,
    pub(crate) high: i64,
}

/// What a claim made of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claimed {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) epoch: i32,
    pub(crate) next_offset: i64,
    pub(crate) verdict: Verdict,
}

/// Whether a claimed partition may be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Run,
    /// The offset is outside of the watermarks, which may be older than the offset: the old owner went on while they were
    /// on their way. The row is fenced now, so newer watermarks decide.
    LookAgain,
    /// Waits for a human.
    Stopped {
        reason: String,
        new: bool,
    },
}

/// Who claims, and as what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimant<'a> {
    pub(crate) consumer: &'a str,
    pub(crate) owner: &'a str,
    pub(crate) start: Start,
}

/// One transaction for all partitions: waits for the old owners' batches, raises the epochs, and says from where to read.
/// `last_look`: the watermarks are newer than the last claim of these rows, so that an offset outside of them is a loss.
pub(crate) async fn claim(
    database: &Database,
    claimant: Claimant<'_>,
    watermarks: &[Watermarks],
    last_look: bool,
) -> Result<Vec<Claimed>, PgError> {
    if watermarks.is_empty() {
        return Ok(Vec::new());
    }
    let names = Partitions {
        topics: watermarks.iter().map(|mark| mark.topic.clone()).collect(),
        partitions: watermarks.iter().map(|mark| mark.partition).collect(),
    };
    let starts: Vec<i64> = watermarks.iter().map(|mark| resolve(claimant.start, mark)).collect();
    let lock = database.is_on(super::CLAIM_LOCK);

    let mut tx = database.write_tx("consumer_claim").await?;
    store::insert_missing(tx.connection(), claimant.consumer, &names, &starts).await?;
    let rows = store::claim_rows(tx.connection(), claimant.consumer, &names, lock).await?;
    let check = database.is_on(super::LOSS_CHECK);
    let claimed: Vec<Claimed> =
        rows.into_iter().map(|row| if check { decide(row, watermarks, last_look) } else { unchecked(row) }).collect();

    let taken = Partitions {
        topics: claimed.iter().map(|row| row.topic.clone()).collect(),
        partitions: claimed.iter().map(|row| row.partition).collect(),
    };
    let reasons: Vec<Option<String>> = claimed
        .iter()
        .map(|row| match &row.verdict {
            Verdict::Stopped { reason, .. } => Some(reason.clone()),
            Verdict::Run | Verdict::LookAgain => None,
        })
        .collect();
    store::take(tx.connection(), claimant.consumer, claimant.owner, &taken, &reasons).await?;
    tx.commit().await?;
    Ok(claimed)
}

fn resolve(start: Start, mark: &Watermarks) -> i64 {
    match start {
        Start::Earliest => mark.low,
        Start::Latest => mark.high,
    }
}

fn decide(row: ClaimRow, watermarks: &[Watermarks], last_look: bool) -> Claimed {
    let mark = watermarks.iter().find(|mark| mark.partition == row.partition && mark.topic == row.topic);
    let verdict = match (mark, row.stopped_reason) {
        (_, Some(reason)) => Verdict::Stopped { reason, new: false },
        (Some(mark), None) => judge(row.next_offset, mark, last_look),
        // The rows are joined with the very partitions of the watermarks.
        (None, None) => Verdict::LookAgain,
    };
    Claimed { topic: row.topic, partition: row.partition, epoch: row.epoch + 1, next_offset: row.next_offset, verdict }
}

/// What is left of [`decide`] when a test turns the comparison with the watermarks off.
fn unchecked(row: ClaimRow) -> Claimed {
    let verdict = Verdict::Run;
    Claimed { topic: row.topic, partition: row.partition, epoch: row.epoch + 1, next_offset: row.next_offset, verdict }
}

fn judge(next: i64, mark: &Watermarks, last_look: bool) -> Verdict {
    let Watermarks { topic, partition, low, high } = mark;
    if (*low..=*high).contains(&next) {
        return Verdict::Run;
    }
    if !last_look {
        return Verdict::LookAgain;
    }
    let reason = if next < *low {
        format!(
            "retention passed: offsets {next} to {} of {topic}/{partition} were deleted before they were read; \
             `offsets accept-loss` counts them as skipped",
            low - 1
        )
    } else {
        format!(
            "{topic}/{partition} ends at {high} but {next} was read before: the topic was made anew or lost its tail; \
             `offsets restart` begins a new stretch"
        )
    };
    Verdict::Stopped { reason, new: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(next_offset: i64, stopped_reason: Option<&str>) -> ClaimRow {
        ClaimRow {
            topic: "t".into(),
            partition: 3,
            next_offset,
            stopped_reason: stopped_reason.map(str::to_owned),
            epoch: 4,
        }
    }

    fn marks(low: i64, high: i64) -> Vec<Watermarks> {
        vec![Watermarks { topic: "t".into(), partition: 3, low, high }]
    }

    #[test]
    fn inside_of_the_watermarks_it_runs_under_a_new_epoch() {
        for next in [10, 15, 20] {
            let claimed = decide(row(next, None), &marks(10, 20), false);
            assert_eq!((claimed.verdict, claimed.epoch, claimed.next_offset), (Verdict::Run, 5, next));
        }
    }

    #[test]
    fn outside_of_old_watermarks_nothing_is_judged() {
        assert_eq!(decide(row(21, None), &marks(10, 20), false).verdict, Verdict::LookAgain);
        assert_eq!(decide(row(9, None), &marks(10, 20), false).verdict, Verdict::LookAgain);
    }

    #[test]
    fn a_loss_is_named() {
        let Verdict::Stopped { reason, new: true } = decide(row(7, None), &marks(10, 20), true).verdict else {
            panic!("not stopped");
        };
        assert!(reason.contains("offsets 7 to 9 of t/3"), "{reason}");
        let Verdict::Stopped { reason, new: true } = decide(row(21, None), &marks(10, 20), true).verdict else {
            panic!("not stopped");
        };
        assert!(reason.contains("t/3 ends at 20 but 21"), "{reason}");
    }

    #[test]
    fn a_stopped_partition_stays_stopped() {
        let claimed = decide(row(15, Some("poison")), &marks(10, 20), true);
        assert_eq!(claimed.verdict, Verdict::Stopped { reason: "poison".into(), new: false });
    }
}
