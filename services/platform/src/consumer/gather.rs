//! Takes what a lane's queues hold, without waiting, up to the limits of a batch: one topic, several partitions, each in
//! offset order. A hole in the offsets is a transaction marker or an aborted record, and is skipped; but right after a claim
//! it could also be a leftover of the last assignment, and is believed only when a fresh fetch shows it again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;

use super::batch::Segment;
use super::lane::{Lane, Slot, Slots};
use super::route::{Class, Death, Route};
use super::shared::{Key, Request, Wish, locked};
use super::unpack::unpack;
use crate::record::Record;

/// The most a batch may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

/// Undecoded records of one route.
pub(crate) struct Gathered {
    pub(crate) route: usize,
    pub(crate) records: Vec<Record>,
    /// Per record: unreadable as a record already.
    pub(crate) deaths: Vec<Option<Death>>,
    pub(crate) segments: Vec<Segment>,
    /// A limit was reached: there is more.
    pub(crate) full: bool,
    bytes: usize,
}

/// Why reading of a queue ended.
enum Ended {
    Empty,
    Full,
    /// The first record after a claim is not the one that was expected.
    Hole(i64),
    /// The broker will not give this partition from here.
    Broken(KafkaError),
}

/// How long before a partition whose leader or name is unknown is claimed again.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(5);

impl Lane {
    /// Records of the first route of this class, by turns, that has any; and what the group thread has to mend.
    pub(crate) fn gather(&self, routes: &[Arc<Route>], class: Class, limit: Limit) -> (Option<Gathered>, Vec<Request>) {
        let mut slots = locked(&self.slots);
        slots.turn = slots.turn.wrapping_add(1);
        let mut requests = Vec::new();
        for offset in 0..routes.len() {
            let index = (slots.turn + offset) % routes.len();
            if routes[index].class != class {
                continue;
            }
            let gathered = slots.gather_route(index, &routes[index], limit, &mut requests);
            if gathered.is_some() {
                return (gathered, requests);
            }
        }
        (None, requests)
    }
}

impl Lane {
    /// Partitions of one route whose end was seen and whose position stands beyond what was read: behind a transaction's
    /// marker there is no record, and without this step `next_offset` would stay short of the end until retention passes it.
    pub(crate) fn gather_ends(&self, routes: &[Arc<Route>]) -> Option<Gathered> {
        let mut slots = locked(&self.slots);
        let slots = &mut *slots;
        let (first, slot) = slots.by_key.iter().find(|(_, slot)| slot.at_end)?;
        let route = first.route;
        let positions = slot.consumer.upgrade()?.position().ok()?;
        let mut segments = Vec::new();
        for (key, slot) in slots.by_key.iter_mut().filter(|(key, slot)| key.route == route && slot.at_end) {
            slot.at_end = false;
            let found = positions.find_partition(&routes[route].name, key.partition);
            if let Some(Offset::Offset(end)) = found.map(|element| element.offset())
                && end > slot.next
            {
                let (partition, epoch, start) = (key.partition, slot.epoch, slot.next);
                segments.push(Segment { partition, epoch, start, end, count: 0 });
                slot.next = end;
            }
        }
        (!segments.is_empty()).then(|| Gathered::markers(route, segments))
    }
}

impl Slots {
    fn gather_route(
        &mut self,
        index: usize,
        route: &Arc<Route>,
        limit: Limit,
        requests: &mut Vec<Request>,
    ) -> Option<Gathered> {
        let of_route = Key { route: index, partition: 0 }..Key { route: index + 1, partition: 0 };
        let keys: Vec<Key> = self.by_key.range(of_route).map(|(key, _)| *key).collect();
        let mut gathered = Gathered::new(index);
        for at in 0..keys.len() {
            let key = keys[(self.turn + at) % keys.len()];
            let Some(slot) = self.by_key.get_mut(&key) else { continue };
            let believed = self.holes.get(&key).copied();
            let ended = gathered.read(key.partition, slot, route, limit, believed);
            if !slot.fresh {
                self.holes.remove(&key);
            }
            let pause = match ended {
                Ended::Empty => continue,
                Ended::Full => {
                    gathered.full = true;
                    break;
                }
                Ended::Hole(seen) => {
                    let expected = slot.next;
                    tracing::warn!(topic = %route.name, partition = key.partition, expected, seen,
                        "the first record after the claim is not the next one; fetching again from there");
                    self.holes.insert(key, (expected, seen));
                    Duration::ZERO
                }
                Ended::Broken(error) => {
                    tracing::warn!(topic = %route.name, partition = key.partition, next_offset = slot.next, %error,
                        "the broker does not give the next record; claiming again");
                    if is_off_the_log(&error) { Duration::ZERO } else { UNKNOWN_PAUSE }
                }
            };
            let wish = Wish::ClaimAgain { at: Instant::now() + pause };
            requests.push(Request { key, epoch: slot.epoch, wish });
            self.by_key.remove(&key);
        }
        (!gathered.segments.is_empty()).then_some(gathered)
    }
}

impl Gathered {
    fn new(route: usize) -> Self {
        Self { route, records: Vec::new(), deaths: Vec::new(), segments: Vec::new(), full: false, bytes: 0 }
    }

    /// Only the step over what is no record: markers at the end of partitions.
    pub(crate) fn markers(route: usize, segments: Vec<Segment>) -> Self {
        Self { segments, ..Self::new(route) }
    }

    /// Reads one queue into a segment.
    fn read(
        &mut self,
        partition: i32,
        slot: &mut Slot,
        route: &Route,
        limit: Limit,
        believed: Option<(i64, i64)>,
    ) -> Ended {
        let start = slot.next;
        let before = self.records.len();
        let ended = loop {
            if self.records.len() >= limit.events || self.bytes >= limit.bytes {
                break Ended::Full;
            }
            match slot.queue.poll(Duration::ZERO) {
                None => break Ended::Empty,
                Some(Err(KafkaError::PartitionEOF(_))) => slot.at_end = true,
                Some(Err(error)) if is_passing(&error) => {
                    tracing::debug!(topic = %route.name, partition, %error, "fetch");
                }
                Some(Err(error)) => break Ended::Broken(error),
                Some(Ok(message)) => {
                    let offset = message.offset();
                    // Below what the row says: applied already.
                    if offset < slot.next {
                        continue;
                    }
                    if slot.fresh && offset > slot.next && believed != Some((slot.next, offset)) {
                        break Ended::Hole(offset);
                    }
                    let (record, death) = unpack(&route.name, &message);
                    self.bytes += record.key.len() + record.value.len();
                    self.records.push(record);
                    self.deaths.push(death);
                    slot.next = offset + 1;
                    slot.fresh = false;
                    slot.at_end = false;
                }
            }
        };
        if slot.next > start {
            let count = self.records.len() - before;
            self.segments.push(Segment { partition, epoch: slot.epoch, start, end: slot.next, count });
        }
        ended
    }
}

/// The offset is not on the broker.
fn is_off_the_log(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange))
}

/// librdkafka goes on by itself after these.
fn is_passing(error: &KafkaError) -> bool {
    !matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::AutoOffsetReset
                | RDKafkaErrorCode::OffsetOutOfRange
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::Fatal
        )
    )
}
