//! Which rows of the outbox were seen, are under way, or can be deleted: the publisher's memory, pure.
//!
//! Ids become visible out of order, because a transaction draws its ids long before it commits. So "above the last seen"
//! would lose the late ones, and "from the start" reads through every dead row that a long reader keeps alive. Here the ids
//! that were *not seen yet* are kept as ranges: a few holes, and the open end. Each poll looks into exactly these. A hole is
//! forgotten when no transaction can fill it any more: read `V` = last value of the sequence, then draw an own transaction
//! id `X`; every transaction that drew an id up to `V` had its transaction id before, so below `X`; once the oldest running
//! transaction is above `X`, all of them are decided, and what a poll after that does not see up to `V` will never be there.

use std::collections::{BTreeMap, BTreeSet};

/// More holes than this are read as one range, at the price of reading seen rows again.
const MAX_HOLES: usize = 256;

/// A row that was handed to the producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Key, headers and payload.
    pub(crate) bytes: usize,
    /// Event time, microseconds since 1970.
    pub(crate) time_us: i64,
    /// Number of the topic.
    pub(crate) topic: i16,
}

/// The publisher's memory. Lost with the process or the session: then rows are sent again, never lost.
#[derive(Debug)]
pub(crate) struct Window {
    /// Ids not seen yet, low to high (both included), disjoint. The last one is open: its high is `i64::MAX`.
    unseen: BTreeMap<i64, i64>,
    in_flight: BTreeMap<i64, Sent>,
    in_flight_bytes: usize,
    /// Acknowledged, to be deleted.
    acknowledged: BTreeSet<i64>,
    candidate: Option<Candidate>,
    floor: i64,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    /// Last value of the sequence when it was drawn.
    last_id: i64,
    /// Drawn after `last_id` was read.
    xid: i64,
    /// Every transaction that can hold an id up to `last_id` has ended.
    decided: bool,
}

impl Window {
    pub(crate) fn new() -> Self {
        Self {
            unseen: BTreeMap::from([(1, i64::MAX)]),
            in_flight: BTreeMap::new(),
            in_flight_bytes: 0,
            acknowledged: BTreeSet::new(),
            candidate: None,
            floor: 0,
        }
    }

    /// Where the next poll has to look: lows and highs, ascending.
    pub(crate) fn ranges(&self) -> (Vec<i64>, Vec<i64>) {
        let holes = self.unseen.len() - 1;
        if holes > MAX_HOLES {
            let low = *self.unseen.keys().next().expect("the open end is always there");
            let (end, _) = self.unseen.last_key_value().expect("the open end is always there");
            return (vec![low, *end], vec![end - 1, i64::MAX]);
        }
        self.unseen.iter().unzip()
    }

    /// True if a poll brought a row that is under way already (holes read as one range).
    pub(crate) fn knows(&self, id: i64) -> bool {
        self.in_flight.contains_key(&id) || self.acknowledged.contains(&id)
    }

    /// A row was read and handed to the producer.
    pub(crate) fn sent(&mut self, id: i64, sent: Sent) {
        self.see(id);
        self.in_flight_bytes += sent.bytes;
        self.in_flight.insert(id, sent);
    }

    fn see(&mut self, id: i64) {
        let Some((&low, &high)) = self.unseen.range(..=id).next_back() else { return };
        if high < id {
            return;
        }
        self.unseen.remove(&low);
        if low < id {
            self.unseen.insert(low, id - 1);
        }
        // The open end stays open: ids never reach the last number.
        if id < high {
            self.unseen.insert(id + 1, high);
        }
    }

    /// The broker has it. None if it was not under way.
    pub(crate) fn acknowledge(&mut self, id: i64) -> Option<Sent> {
        let sent = self.in_flight.remove(&id)?;
        self.in_flight_bytes -= sent.bytes;
        self.acknowledged.insert(id);
        Some(sent)
    }

    /// The producer failed: what was not acknowledged is to be read and sent again, in order. Returns it.
    pub(crate) fn give_back(&mut self) -> BTreeMap<i64, Sent> {
        let given_back = std::mem::take(&mut self.in_flight);
        for id in given_back.keys() {
            self.unsee(*id);
        }
        self.in_flight_bytes = 0;
        given_back
    }

    fn unsee(&mut self, id: i64) {
        let mut low = id;
        let mut high = id;
        if let Some((&before_low, &before_high)) = self.unseen.range(..id).next_back()
            && before_high + 1 == id
        {
            low = before_low;
        }
        if let Some(after_high) = self.unseen.remove(&(id + 1)) {
            high = after_high;
        }
        self.unseen.insert(low, high);
    }

    /// At most `limit` ids that may be deleted.
    pub(crate) fn deletable(&self, limit: usize) -> Vec<i64> {
        self.acknowledged.iter().take(limit).copied().collect()
    }

    /// They are gone.
    pub(crate) fn deleted(&mut self, ids: &[i64]) {
        for id in ids {
            self.acknowledged.remove(id);
        }
    }

    /// True if the next step of the floor is to draw a candidate.
    pub(crate) fn wants_candidate(&self) -> bool {
        self.candidate.is_none()
    }

    /// True if there are ids up to `last_id` that were not seen.
    pub(crate) fn has_undecided(&self, last_id: i64) -> bool {
        self.unseen.first_key_value().is_some_and(|(low, _)| *low <= last_id)
    }

    /// `last_id` was read before `xid` was drawn.
    pub(crate) fn propose(&mut self, last_id: i64, xid: i64) {
        if last_id > self.floor {
            self.candidate = Some(Candidate { last_id, xid, decided: false });
        }
    }

    /// The oldest running transaction of a snapshot.
    pub(crate) fn oldest_running(&mut self, xmin: i64) {
        if let Some(candidate) = &mut self.candidate {
            candidate.decided |= xmin > candidate.xid;
        }
    }

    /// A poll whose snapshot is younger than every earlier call of this type has returned every unseen row up to `id`
    /// (`i64::MAX` if it was not cut off).
    pub(crate) fn polled_up_to(&mut self, id: i64) {
        let Some(candidate) = self.candidate else { return };
        if candidate.decided && id >= candidate.last_id {
            self.forget_up_to(candidate.last_id);
            self.candidate = None;
        }
    }

    /// Holes up to `id` are forgotten.
    fn forget_up_to(&mut self, id: i64) {
        self.floor = self.floor.max(id);
        let above = self.unseen.split_off(&(id + 1));
        if let Some((_, high)) = self.unseen.pop_last()
            && high > id
        {
            self.unseen = BTreeMap::from([(id + 1, high)]);
        } else {
            self.unseen.clear();
        }
        self.unseen.extend(above);
    }

    /// Everything up to the highest id that was seen counts as seen. Only for the test that shows what that breaks.
    pub(crate) fn forget_holes(&mut self) {
        while self.unseen.len() > 1 {
            self.unseen.pop_first();
        }
    }

    /// Where a poll without this type would look: everywhere. Only for the test that shows what that costs.
    pub(crate) fn forget_what_was_seen(&mut self) {
        self.unseen = BTreeMap::from([(1, i64::MAX)]);
    }

    /// Every id up to here is decided.
    #[cfg(test)]
    pub(crate) fn floor(&self) -> i64 {
        self.floor
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    pub(crate) fn in_flight_bytes(&self) -> usize {
        self.in_flight_bytes
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// Event time of the oldest row under way, microseconds since 1970.
    pub(crate) fn oldest_time_us(&self) -> Option<i64> {
        self.in_flight.first_key_value().map(|(_, sent)| sent.time_us)
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
