//! Which partitions this process holds, and under which claim. Written by the group thread alone (callbacks included, they
//! run inside its poll), so it needs no lock of its own beyond the one that lets the callbacks in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::shared::{Key, Request, Wish};

/// What the process does with a partition that the group gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// Read under this epoch.
    Running(i32),
    /// Waits for a human under this epoch.
    Stopped(i32),
    /// A claim has come to its end; claimed again at the given time.
    Waiting(Instant),
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Assignment {
    held: BTreeMap<Key, Held>,
}

impl Assignment {
    pub(crate) fn set(&mut self, key: Key, held: Held) {
        self.held.insert(key, held);
    }

    /// The group took it back.
    pub(crate) fn release(&mut self, key: Key) {
        self.held.remove(&key);
    }

    pub(crate) fn is_running(&self, key: Key) -> bool {
        matches!(self.held.get(&key), Some(Held::Running(_)))
    }

    /// Running ones with the epoch of their claim.
    pub(crate) fn running(&self) -> Vec<(Key, i32)> {
        let epoch = |(key, held): (&Key, &Held)| match held {
            Held::Running(epoch) => Some((*key, *epoch)),
            _ => None,
        };
        self.held.iter().filter_map(epoch).collect()
    }

    pub(crate) fn stopped(&self) -> Vec<Key> {
        self.held.iter().filter(|(_, held)| matches!(held, Held::Stopped(_))).map(|(key, _)| *key).collect()
    }

    /// What a lane asked for, if it still is about the claim that we hold. Gives true if the partition was running.
    pub(crate) fn apply(&mut self, request: &Request) -> bool {
        let Some(held) = self.held.get_mut(&request.key) else { return false };
        if *held != Held::Running(request.epoch) {
            return false;
        }
        *held = match request.wish {
            Wish::ClaimAgain { at } => Held::Waiting(at),
            Wish::Halt { .. } => Held::Stopped(request.epoch),
        };
        true
    }

    /// What is to be claimed again by now.
    pub(crate) fn due(&self, now: Instant) -> BTreeSet<Key> {
        let due = |held: &Held| matches!(held, Held::Waiting(at) if *at <= now);
        self.held.iter().filter(|(_, held)| due(held)).map(|(key, _)| *key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { route: 0, partition: 4 };

    #[test]
    fn only_the_claim_that_is_held_can_be_given_up() {
        let now = Instant::now();
        let mut assignment = Assignment::default();
        let request = |epoch| Request { key: KEY, epoch, wish: Wish::ClaimAgain { at: now } };
        assert!(!assignment.apply(&request(1)), "not held at all");
        assignment.set(KEY, Held::Running(2));
        assert!(!assignment.apply(&request(1)), "an older claim");
        assert!(assignment.is_running(KEY));
        assert!(assignment.apply(&request(2)));
        assert!(!assignment.apply(&request(2)), "asked twice");
        assert_eq!(assignment.due(now), BTreeSet::from([KEY]));
        assignment.release(KEY);
        assert!(assignment.due(now).is_empty());
    }
}
