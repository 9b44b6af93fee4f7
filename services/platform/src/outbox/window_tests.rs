//! The window against a model of PostgreSQL: ids drawn in one order, committed in another, some rolled back, polls and
//! floor steps in between.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;

const SENT: Sent = Sent { bytes: 1, time_us: 0, topic: 4 };

fn ranges(window: &Window) -> Vec<(i64, i64)> {
    let (lows, highs) = window.ranges();
    lows.into_iter().zip(highs).collect()
}

#[test]
fn what_was_not_seen_stays_as_ranges() {
    let mut window = Window::new();
    for id in [1, 2, 4, 8] {
        window.sent(id, SENT);
    }
    assert_eq!(ranges(&window), [(3, 3), (5, 7), (9, i64::MAX)]);
    window.sent(6, SENT);
    assert_eq!(ranges(&window), [(3, 3), (5, 5), (7, 7), (9, i64::MAX)]);
    window.acknowledge(1);
    window.acknowledge(4);
    assert_eq!(window.give_back().into_keys().collect::<Vec<_>>(), [2, 6, 8]);
    assert_eq!(ranges(&window), [(2, 3), (5, i64::MAX)]);
    assert_eq!(window.deletable(10), [1, 4]);
    window.deleted(&[1]);
    assert_eq!((window.deletable(10), window.in_flight_bytes()), (vec![4], 0));
}

#[test]
fn holes_are_forgotten_only_after_a_poll_that_follows_the_decision() {
    let mut window = Window::new();
    window.sent(2, SENT);
    window.propose(5, 100);
    window.polled_up_to(i64::MAX);
    window.oldest_running(100);
    window.polled_up_to(i64::MAX);
    assert_eq!(window.floor(), 0, "transaction 100 itself may still run");
    window.oldest_running(101);
    assert_eq!(window.floor(), 0, "nothing was read since");
    window.polled_up_to(4);
    assert_eq!(window.floor(), 0, "the poll was cut off below");
    window.polled_up_to(5);
    assert_eq!(window.floor(), 5);
    assert_eq!(ranges(&window), [(6, i64::MAX)]);
}

#[test]
fn many_holes_are_read_as_one_range() {
    let mut window = Window::new();
    for id in 1..=1000 {
        window.sent(2 * id, SENT);
    }
    assert_eq!(ranges(&window), [(1, 2000), (2001, i64::MAX)]);
    assert!(window.knows(4) && !window.knows(5));
    window.acknowledge(4);
    assert!(window.knows(4), "not deleted yet");
}

/// What can happen next in the model.
#[derive(Clone, Debug)]
enum Step {
    /// Transaction `0..4` begins if it is not running, else it draws an id for key `0..3` if the key is free.
    Work { transaction: usize, key: usize },
    /// It ends.
    End { transaction: usize, commit: bool },
    /// The publisher reads at most so many rows.
    Poll { limit: usize },
    /// The broker acknowledges everything, and it is deleted.
    Acknowledge,
    /// The producer fails.
    Fail,
    /// One step of the floor.
    Floor,
}

fn step(random: &mut StdRng) -> Step {
    let (transaction, key) = (random.random_range(0..4), random.random_range(0..3));
    match random.random_range(0..21) {
        0..8 => Step::Work { transaction, key },
        8..12 => Step::End { transaction, commit: random.random_bool(0.8) },
        12..15 => Step::Poll { limit: random.random_range(1..5) },
        15..17 => Step::Acknowledge,
        17 => Step::Fail,
        _ => Step::Floor,
    }
}

#[derive(Default)]
struct Model {
    last_id: i64,
    next_xid: i64,
    running: BTreeMap<usize, (i64, Vec<(i64, usize)>)>,
    /// Who holds the lock of a key.
    locks: BTreeMap<usize, usize>,
    /// Committed and not deleted.
    visible: BTreeMap<i64, usize>,
    committed: Vec<(i64, usize)>,
    published: Vec<(i64, usize)>,
}

impl Model {
    fn xmin(&self) -> i64 {
        self.running.values().map(|(xid, _)| *xid).min().unwrap_or(self.next_xid)
    }

    fn work(&mut self, transaction: usize, key: usize) {
        let Some((_, rows)) = self.running.get_mut(&transaction) else {
            self.running.insert(transaction, (self.next_xid, Vec::new()));
            self.next_xid += 1;
            return;
        };
        // The id is drawn after the aggregate's lock is held.
        if *self.locks.entry(key).or_insert(transaction) == transaction {
            self.last_id += 1;
            rows.push((self.last_id, key));
        }
    }

    fn end(&mut self, transaction: usize, commit: bool) {
        let Some((_, rows)) = self.running.remove(&transaction) else { return };
        if commit {
            self.visible.extend(rows.iter().copied());
            self.committed.extend(rows);
        }
        self.locks.retain(|_, holder| *holder != transaction);
    }

    fn poll(&mut self, window: &mut Window, limit: usize) {
        let inside = |id: i64| ranges(window).iter().any(|(low, high)| (*low..=*high).contains(&id));
        let rows: Vec<_> =
            self.visible.iter().map(|(id, key)| (*id, *key)).filter(|(id, _)| inside(*id)).take(limit).collect();
        for (id, key) in &rows {
            if !window.knows(*id) {
                window.sent(*id, SENT);
                self.published.push((*id, *key));
            }
        }
        let cut_off = rows.len() == limit;
        window.polled_up_to(if cut_off { rows.last().expect("at least one").0 } else { i64::MAX });
    }

    fn acknowledge(&mut self, window: &mut Window) {
        let ids: Vec<i64> = window.in_flight.keys().copied().collect();
        for id in &ids {
            window.acknowledge(*id);
            self.visible.remove(id);
        }
        window.deleted(&ids);
    }

    fn floor(&mut self, window: &mut Window) {
        if window.wants_candidate() {
            window.propose(self.last_id, self.next_xid);
            self.next_xid += 1;
        } else {
            window.oldest_running(self.xmin());
        }
    }

    fn play(&mut self, window: &mut Window, steps: &[Step], after_poll: fn(&mut Window)) {
        for step in steps {
            match *step {
                Step::Work { transaction, key } => self.work(transaction, key),
                Step::End { transaction, commit } => self.end(transaction, commit),
                Step::Poll { limit } => {
                    self.poll(window, limit);
                    after_poll(window);
                }
                Step::Acknowledge => self.acknowledge(window),
                Step::Fail => drop(window.give_back()),
                Step::Floor => self.floor(window),
            }
        }
        for transaction in 0..4 {
            self.end(transaction, true);
        }
        self.poll(window, usize::MAX);
        self.acknowledge(window);
    }
}

/// Each committed id, in the order in which it was published for the first time.
fn first_occurrences(published: &[(i64, usize)], key: usize) -> Vec<i64> {
    let mut seen = BTreeSet::new();
    published.iter().filter(|(id, of)| *of == key && seen.insert(*id)).map(|(id, _)| *id).collect()
}

#[test]
fn ten_thousand_interleavings_publish_all_in_order_per_key() {
    for seed in 0..10_000 {
        let mut random = StdRng::seed_from_u64(seed);
        let steps: Vec<Step> = (0..random.random_range(1..120)).map(|_| step(&mut random)).collect();
        let (mut model, mut window) = (Model { next_xid: 1, ..Model::default() }, Window::new());
        model.play(&mut window, &steps, |_| ());
        for key in 0..3 {
            let committed: Vec<i64> = model.committed.iter().filter(|(_, of)| *of == key).map(|(id, _)| *id).collect();
            assert_eq!(first_occurrences(&model.published, key), committed, "seed {seed}: {steps:?}");
        }
        assert!(model.visible.is_empty(), "seed {seed}");
        assert!(window.floor() <= model.last_id, "seed {seed}");
    }
}

/// A transaction that commits late is the case for which the holes are there.
#[test]
fn above_the_last_seen_alone_loses_a_late_commit() {
    let work = |transaction, key| Step::Work { transaction, key };
    let end = |transaction| Step::End { transaction, commit: true };
    let steps = [work(0, 0), work(0, 0), work(1, 1), work(1, 1), end(1), Step::Poll { limit: 9 }, end(0)];
    let published = |after_poll| {
        let (mut model, mut window) = (Model { next_xid: 1, ..Model::default() }, Window::new());
        model.play(&mut window, &steps, after_poll);
        model.published
    };
    assert_eq!(published(|_| ()), [(2, 1), (1, 0)]);
    assert_eq!(published(Window::forget_holes), [(2, 1)], "the mechanism was off and nothing broke");
}
