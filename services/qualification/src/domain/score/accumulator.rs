//! What a person did, as the score needs it: counts per (rule, UTC day). A value that is exact, mergeable and
//! subtractable: the same set of facts gives the same bytes, in whatever order and parts they came. It knows no points,
//! no decay and no caps: those are applied when a score is asked for.
//!
//! Rules are named by their number in one model; an accumulator made with another model means nothing, so a person's
//! model number stands beside it and a new model folds the timeline anew.

use crate::domain::day::Day;
use crate::domain::rules::RuleNo;

use super::codec;

/// Counts per (rule, day of occurrence). Two are equal if and only if their bytes are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accumulator {
    /// Sorted by (rule, day), no pair twice, no count of 0.
    entries: Vec<Entry>,
}

/// How often a rule was met on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which rule of the model.
    pub rule: RuleNo,
    /// Day of occurrence.
    pub day: Day,
    /// At least 1.
    pub count: u64,
}

impl Entry {
    const fn key(&self) -> (RuleNo, Day) {
        (self.rule, self.day)
    }
}

/// More was taken away than was there: the two were not made from the same facts or models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule} has {has} on day {day}, {taken} were to be taken away", rule = .rule.0, day = .day.0)]
pub struct NotContained {
    /// Of which rule.
    pub rule: RuleNo,
    /// On which day.
    pub day: Day,
    /// What is there.
    pub has: u64,
    /// What was to go.
    pub taken: u64,
}

/// The bytes are no accumulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no accumulator: {what} at byte {offset}")]
pub struct CorruptAccumulator {
    /// What was expected.
    pub what: &'static str,
    /// Where.
    pub offset: usize,
}

impl Accumulator {
    /// Of somebody who did nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`CorruptAccumulator`] for every other sequence of bytes: there is one encoding of a value.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CorruptAccumulator> {
        codec::decode(bytes).map(|entries| Self { entries })
    }

    /// The canonical encoding; empty for an empty one.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(&self.entries)
    }

    /// Counts one act more.
    pub fn add(&mut self, rule: RuleNo, day: Day) {
        match self.find(rule, day) {
            Ok(at) => self.entries[at].count = self.entries[at].count.saturating_add(1),
            Err(at) => self.entries.insert(at, Entry { rule, day, count: 1 }),
        }
    }

    /// Counts one act less: the inverse of [`Self::add`].
    ///
    /// # Errors
    /// [`NotContained`] if it was not there; nothing is changed then.
    pub fn subtract(&mut self, rule: RuleNo, day: Day) -> Result<(), NotContained> {
        let at = self.find(rule, day).map_err(|_| NotContained { rule, day, has: 0, taken: 1 })?;
        self.entries[at].count -= 1;
        if self.entries[at].count == 0 {
            self.entries.remove(at);
        }
        Ok(())
    }

    /// Adds all of `other`. The two must be made from *disjoint* sets of events: whose events are shared by two persons
    /// is for identity to know.
    pub fn merge(&mut self, other: &Self) {
        let mut merged = Vec::with_capacity(self.entries.len() + other.entries.len());
        let (mut left, mut right) = (self.entries.iter().peekable(), other.entries.iter().peekable());
        loop {
            let entry = match (left.peek(), right.peek()) {
                (None, None) => break,
                (Some(a), Some(b)) if a.key() == b.key() => {
                    let sum = Entry { count: a.count.saturating_add(b.count), ..**a };
                    left.next();
                    right.next();
                    sum
                }
                (Some(a), Some(b)) if a.key() > b.key() => {
                    let taken = **b;
                    right.next();
                    taken
                }
                (None, Some(b)) => {
                    let taken = **b;
                    right.next();
                    taken
                }
                (Some(a), _) => {
                    let taken = **a;
                    left.next();
                    taken
                }
            };
            merged.push(entry);
        }
        self.entries = merged;
    }

    /// Takes all of `other` away: the inverse of [`Self::merge`].
    ///
    /// # Errors
    /// [`NotContained`] with the first difference; nothing is changed then.
    pub fn subtract_all(&mut self, other: &Self) -> Result<(), NotContained> {
        let mut rest = self.entries.clone();
        for &Entry { rule, day, count } in &other.entries {
            let missing = |has| NotContained { rule, day, has, taken: count };
            let at = rest.binary_search_by_key(&(rule, day), Entry::key).map_err(|_| missing(0))?;
            let has = rest[at].count;
            rest[at].count = has.checked_sub(count).ok_or_else(|| missing(has))?;
        }
        rest.retain(|entry| entry.count > 0);
        self.entries = rest;
        Ok(())
    }

    /// Drops the days before `first`. Only ever call it with [`Model::first_counting_day`] of the day of writing: a score
    /// ignores those days by itself, so a person who was pruned and one who was not have the same score for ever, and
    /// a recompute, which ends at the same day, the same bytes.
    ///
    /// [`Model::first_counting_day`]: crate::domain::rules::Model::first_counting_day
    pub fn forget_before(&mut self, first: Day) {
        self.entries.retain(|entry| entry.day >= first);
    }

    /// Sorted by (rule, day).
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether nothing was counted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn find(&self, rule: RuleNo, day: Day) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&(rule, day), Entry::key)
    }
}
