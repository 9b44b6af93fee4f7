//! Stops a partition on which nothing can be applied any more, which is a defect of ours: 100 dead records in a row, from at
//! least three keys, so that one hostile client is no off switch. Pure.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::batch::Batch;

/// So many in a row.
const RUN: u32 = 100;
/// From so many keys.
const KEYS: usize = 3;

/// The run of dead records of one partition. In memory only: a process that starts counts anew.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breaker {
    run: u32,
    keys: Vec<u64>,
}

impl Breaker {
    /// Counts one record; true if the partition has to stop after it.
    pub(crate) fn count(&mut self, dead: bool, key: &[u8], by_keys: bool) -> bool {
        if !dead {
            self.run = 0;
            self.keys.clear();
            return false;
        }
        self.run = self.run.saturating_add(1);
        if self.keys.len() < KEYS {
            let mut hasher = DefaultHasher::new();
            key.hash(&mut hasher);
            let hash = hasher.finish();
            if !self.keys.contains(&hash) {
                self.keys.push(hash);
            }
        }
        self.run >= RUN && (self.keys.len() >= KEYS || !by_keys)
    }

    /// Counts a segment; gives how many records of it may still be settled if the partition has to stop.
    pub(crate) fn count_segment(&mut self, batch: &Batch, segment: usize, by_keys: bool) -> Option<usize> {
        let range = batch.range(segment);
        let records = batch.records[range.clone()].iter().zip(&batch.deaths[range]);
        for (index, (record, death)) in records.enumerate() {
            if self.count(death.is_some(), &record.key, by_keys) {
                return Some(index + 1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_from_three_keys_stop() {
        let mut breaker = Breaker::default();
        for number in 0_u8..99 {
            assert!(!breaker.count(true, &[number % 3], true));
        }
        assert!(breaker.count(true, &[0], true));
    }

    #[test]
    fn one_hostile_key_never_does() {
        let mut breaker = Breaker::default();
        assert!((0..10_000).all(|_| !breaker.count(true, b"a", true)));
        assert!(!breaker.count(true, b"b", true), "nor two");
        assert!(breaker.count(true, b"c", true), "the third is a sign of our own fault");
        assert!(breaker.count(true, b"c", false), "red: without counting keys one client is an off switch");
    }

    #[test]
    fn one_that_lives_begins_the_run_anew() {
        let mut breaker = Breaker::default();
        for number in 0_u16..5000 {
            assert!(!breaker.count(number % 100 != 0, &number.to_le_bytes(), true));
        }
    }
}
