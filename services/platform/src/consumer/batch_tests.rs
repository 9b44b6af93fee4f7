//! Batches: however one is trimmed, split and halved, no record is lost, doubled or counted in two places.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;

use super::batch::{Batch, Segment};
use super::fence::{Checks, compare};
use super::route::{Class, Death, Route, Typed};
use super::store::FenceRow;
use super::{Arrived, BatchResult, Handler, HandlerError, Outcome, Poison};
use crate::pg::WriteTx;
use crate::record::{Position, Record};

struct Numbers;

impl Handler for Numbers {
    type Event = i64;

    fn decode(&self, record: &Record) -> Result<i64, Poison> {
        match record.value.first() {
            Some(1) => Err(Poison("one".to_owned())),
            _ => Ok(record.position.offset),
        }
    }

    async fn handle(&self, _: &mut WriteTx, _: &[Arrived<i64>]) -> Result<BatchResult, HandlerError> {
        Ok(BatchResult::default())
    }
}

/// Per partition: the offset of the first record, then per record the hole before it and whether it decodes.
type Shape = Vec<(i64, Vec<(u8, bool)>)>;

fn shapes() -> impl Strategy<Value = Shape> {
    prop::collection::vec((0..50_i64, prop::collection::vec((0..3_u8, any::<bool>()), 1..20)), 1..5)
}

fn batch(shape: &Shape) -> Batch {
    let route = Route { name: "t".into(), class: Class::Live, handler: Box::new(Typed(Arc::new(Numbers))) };
    let mut records = Vec::new();
    let mut segments = Vec::new();
    for (partition, (first, entries)) in shape.iter().enumerate() {
        let partition = i32::try_from(partition).expect("few");
        let mut next = *first;
        for (hole, poison) in entries {
            let offset = next + i64::from(*hole);
            records.push(Record {
                position: Position { topic: "t".into(), partition, offset },
                key: Vec::new(),
                value: vec![u8::from(*poison)],
                headers: Default::default(),
                appended_at: Timestamp::default(),
            });
            next = offset + 1;
        }
        segments.push(Segment { partition, epoch: 1, start: *first, end: next, count: entries.len() });
    }
    let count = records.len();
    Batch::decode(Arc::new(route), records, vec![None; count], vec![None; count], segments)
}

/// (partition, offset) of each record, in order.
fn places(batch: &Batch) -> Vec<(i32, i64)> {
    batch.records.iter().map(|record| (record.position.partition, record.position.offset)).collect()
}

/// What must hold of any batch, at any time.
fn check(batch: &Batch) {
    assert_eq!(batch.segments.iter().map(|segment| segment.count).sum::<usize>(), batch.records.len());
    assert_eq!(batch.deaths.len(), batch.records.len());
    assert_eq!(batch.events.len(), batch.deaths.iter().filter(|death| death.is_none()).count());
    let outcomes = vec![Outcome::Applied; batch.events.len()];
    let tallies = batch.tally(&outcomes);
    for (index, (segment, tally)) in batch.segments.iter().zip(tallies).enumerate() {
        let records = &batch.records[batch.range(index)];
        assert!(records.iter().all(|record| record.position.partition == segment.partition));
        assert!(records.iter().all(|record| (segment.start..segment.end).contains(&record.position.offset)));
        assert_eq!(tally.total(), segment.end - segment.start, "the ledger balances by construction");
        assert!(tally.skipped >= 0);
    }
}

fn rows(batch: &Batch, next: impl Fn(&Segment) -> i64) -> Vec<FenceRow> {
    let row = |segment: &Segment| FenceRow {
        partition: segment.partition,
        next_offset: next(segment),
        epoch: segment.epoch,
        owner: Some("me".to_owned()),
        stopped: false,
    };
    batch.segments.iter().map(row).collect()
}

const ALL: Checks = Checks { epoch: true, trim: true };

proptest! {
    #[test]
    fn splitting_down_to_single_events_keeps_every_record_in_order(shape in shapes()) {
        let whole = batch(&shape);
        let expected = places(&whole);
        check(&whole);
        let mut work = whole.split_partitions();
        work.reverse();
        let mut seen = Vec::new();
        while let Some(mut part) = work.pop() {
            check(&part);
            assert_eq!(part.segments.len(), 1);
            match part.events.len() {
                0 => seen.extend(places(&part)),
                1 => {
                    part.condemn(Death { reason: "data_error", detail: String::new() });
                    check(&part);
                    seen.extend(places(&part));
                }
                _ => {
                    let (first, second) = part.halve();
                    assert_eq!(first.segments[0].end, second.segments[0].start, "no offset between the halves");
                    work.extend([second, first]);
                }
            }
        }
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn trimming_drops_exactly_what_lies_below_the_row(shape in shapes(), ahead in prop::collection::vec(0..30_i64, 5)) {
        let mut batch = batch(&shape);
        let next = |segment: &Segment| segment.start + ahead[usize::try_from(segment.partition).expect("few")];
        let rows = rows(&batch, next);
        let expected: Vec<(i32, i64)> = places(&batch)
            .into_iter()
            .filter(|(partition, offset)| rows.iter().any(|row| row.partition == *partition && *offset >= row.next_offset))
            .collect();
        prop_assert!(compare(&mut batch, &rows, "me", ALL).is_empty());
        check(&batch);
        prop_assert_eq!(places(&batch), expected);
        for segment in &batch.segments {
            let row = rows.iter().find(|row| row.partition == segment.partition).expect("a row");
            prop_assert!(segment.start >= row.next_offset.min(segment.end));
        }
    }

    #[test]
    fn what_is_not_ours_is_taken_out_and_nothing_else(shape in shapes(), lost in prop::collection::vec(0..5_u8, 5)) {
        let mut batch = batch(&shape);
        let mut rows = rows(&batch, |segment| segment.start);
        for row in &mut rows {
            match lost[usize::try_from(row.partition).expect("few")] {
                0 => row.epoch += 1,
                1 => (row.epoch, row.owner) = (row.epoch + 1, Some("other".to_owned())),
                2 => row.stopped = true,
                3 => row.next_offset -= 1,
                _ => {}
            }
        }
        let refused = compare(&mut batch, &rows, "me", ALL);
        check(&batch);
        let kept: BTreeSet<i32> = batch.segments.iter().map(|segment| segment.partition).collect();
        for row in &rows {
            let what = lost[usize::try_from(row.partition).expect("few")];
            prop_assert_eq!(kept.contains(&row.partition), what == 4);
            let refused = refused.iter().find(|refused| refused.partition == row.partition);
            prop_assert_eq!(refused.map(|refused| refused.by_other), (what < 4).then_some(what == 1));
        }
    }

    #[test]
    fn a_cut_segment_ends_where_the_next_record_is(shape in shapes(), count in 1..25_usize) {
        let mut batch = batch(&shape);
        let before = batch.segments.len();
        let all = places(&batch);
        let first = batch.segments[0].clone();
        batch.cut(0, count);
        check(&batch);
        prop_assert_eq!(batch.segments.len(), before);
        let expected = if count < first.count { all[count].1 } else { first.end };
        prop_assert_eq!(batch.segments[0].end, expected);
    }
}

#[test]
fn a_row_that_is_missing_is_not_ours() {
    let mut batch = batch(&vec![(0, vec![(0, false)])]);
    let refused = compare(&mut batch, &[], "me", ALL);
    assert!(batch.is_empty());
    assert_eq!(refused.len(), 1);
}
