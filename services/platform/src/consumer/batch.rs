//! Records of one topic on their way into one transaction: partition by partition, in offset order. Pure: what is trimmed,
//! how a batch is split when it fails. A split-off half is a batch of its own, so there is one path for all sizes.

use std::ops::Range;
use std::sync::Arc;

use super::Outcome;
use super::ledger::Tally;
use super::route::{Death, Events, Route};
use crate::record::{Record, TraceParent};

/// The records of one partition in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) partition: i32,
    /// Of the claim under which they were read.
    pub(crate) epoch: i32,
    /// Where the offset row must stand.
    pub(crate) start: i64,
    /// Where it will stand. `end - start` beyond the records are holes: transaction markers, aborted records.
    pub(crate) end: i64,
    /// How many of the batch's records are its own.
    pub(crate) count: usize,
}

/// One topic's records from several partitions, decoded.
pub(crate) struct Batch {
    pub(crate) route: Arc<Route>,
    /// As they came, kept for dead letters.
    pub(crate) records: Vec<Record>,
    /// Per record: why it can never be applied.
    pub(crate) deaths: Vec<Option<Death>>,
    /// Those without a death, in the order of the records.
    pub(crate) events: Box<dyn Events>,
    /// In the order of their records.
    pub(crate) segments: Vec<Segment>,
}

impl Batch {
    /// Decodes. `deaths` and `traces` are per record.
    pub(crate) fn decode(
        route: Arc<Route>,
        records: Vec<Record>,
        mut deaths: Vec<Option<Death>>,
        mut traces: Vec<Option<TraceParent>>,
        segments: Vec<Segment>,
    ) -> Self {
        debug_assert_eq!(segments.iter().map(|segment| segment.count).sum::<usize>(), records.len());
        let events = route.handler.decode(&records, &mut traces, &mut deaths);
        Self { route, records, deaths, events, segments }
    }

    /// Nothing left to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The records of a segment.
    pub(crate) fn range(&self, segment: usize) -> Range<usize> {
        let from: usize = self.segments[..segment].iter().map(|segment| segment.count).sum();
        from..from + self.segments[segment].count
    }

    /// Gives up the partitions for which `keep` is false.
    pub(crate) fn keep_segments(&mut self, keep: impl Fn(&Segment) -> bool) {
        for index in (0..self.segments.len()).rev() {
            if !keep(&self.segments[index]) {
                self.remove_records(self.range(index));
                self.segments.remove(index);
            }
        }
    }

    /// Drops the records of a segment below `next`; the whole segment if nothing of it remains.
    pub(crate) fn trim(&mut self, segment: usize, next: i64) {
        if next >= self.segments[segment].end {
            self.remove_records(self.range(segment));
            self.segments.remove(segment);
            return;
        }
        let range = self.range(segment);
        let below = self.records[range.clone()].partition_point(|record| record.position.offset < next);
        self.remove_records(range.start..range.start + below);
        self.segments[segment].start = next;
        self.segments[segment].count -= below;
    }

    /// One batch per partition, in order.
    pub(crate) fn split_partitions(mut self) -> Vec<Batch> {
        let mut parts = Vec::with_capacity(self.segments.len());
        while self.segments.len() > 1 {
            let last = self.segments.len() - 1;
            let at = self.range(last).start;
            let mut part = self.split_records(at);
            part.segments = self.segments.split_off(last);
            parts.push(part);
        }
        parts.push(self);
        parts.reverse();
        parts
    }

    /// Two halves of the events of a single partition.
    pub(crate) fn halve(mut self) -> (Batch, Batch) {
        debug_assert!(self.segments.len() == 1 && self.events.len() > 1);
        let middle = self.events.len() / 2;
        let at = self.record_of_event(middle);
        let mut second = self.split_records(at);
        let whole = self.segments[0].clone();
        let cut = second.records[0].position.offset;
        second.segments = vec![Segment { start: cut, count: second.records.len(), ..whole.clone() }];
        self.segments = vec![Segment { end: cut, count: self.records.len(), ..whole }];
        (self, second)
    }

    /// Condemns the only event left. What was decoded stays where it is: it is no longer handed to the handler.
    pub(crate) fn condemn(&mut self, death: Death) {
        debug_assert_eq!(self.events.len(), 1);
        let record = self.record_of_event(0);
        self.deaths[record] = Some(death);
        self.events.remove(0..1);
    }

    /// Ends a segment after its record `count - 1`; what follows is left to whoever reads on.
    pub(crate) fn cut(&mut self, segment: usize, count: usize) {
        let range = self.range(segment);
        if count >= range.len() {
            return;
        }
        self.segments[segment].end = self.records[range.start + count].position.offset;
        self.segments[segment].count = count;
        self.remove_records(range.start + count..range.end);
    }

    /// What each segment adds to its offset row.
    pub(crate) fn tally(&self, outcomes: &[Outcome]) -> Vec<Tally> {
        let mut deaths = self.deaths.iter();
        let mut outcomes = outcomes.iter();
        self.segments
            .iter()
            .map(|segment| {
                let mut tally = Tally::default();
                for death in deaths.by_ref().take(segment.count) {
                    match death {
                        Some(_) => tally.dead += 1,
                        None => tally.add(outcomes.next().unwrap_or(&Outcome::Applied)),
                    }
                }
                tally.skipped = segment.end - segment.start - i64::try_from(segment.count).unwrap_or(i64::MAX);
                tally
            })
            .collect()
    }

    fn record_of_event(&self, event: usize) -> usize {
        let alive = self.deaths.iter().enumerate().filter(|(_, death)| death.is_none());
        alive.map(|(record, _)| record).nth(event).unwrap_or(self.records.len())
    }

    fn events_before(&self, record: usize) -> usize {
        self.deaths[..record].iter().filter(|death| death.is_none()).count()
    }

    fn remove_records(&mut self, range: Range<usize>) {
        self.events.remove(self.events_before(range.start)..self.events_before(range.end));
        self.records.drain(range.clone());
        self.deaths.drain(range);
    }

    /// Keeps `..at`; gives `at..`, still without segments.
    fn split_records(&mut self, at: usize) -> Batch {
        let events = self.events.split_off(self.events_before(at));
        Batch {
            route: Arc::clone(&self.route),
            records: self.records.split_off(at),
            deaths: self.deaths.split_off(at),
            events,
            segments: Vec::new(),
        }
    }
}
