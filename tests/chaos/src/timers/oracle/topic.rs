//! The topic of nurture from the first record to the last, as any foreign consumer would read it. Of the facts only what is
//! needed to know a copy stays in memory: there are millions.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::time::Duration;

use anyhow::Context as _;
use leadflow_proto::nurture::v1::NurtureEvent;
use prost::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use uuid::Uuid;

const TOPIC: &str = "leadflow.nurture.v1";
const WAIT: Duration = Duration::from_secs(10);

/// What was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// Facts, each id once.
    pub(super) facts: u64,
    /// Copies of them.
    pub(super) repeats: u64,
    /// Sequences with gaps, copies that differ.
    pub(super) faults: Vec<String>,
}

/// What is kept of a fact.
#[derive(Clone, Copy, Debug)]
struct Kept {
    sequence: i32,
    id: Uuid,
    bytes: u64,
}

impl Heard {
    /// Reads it; `tell` gets each fact once, with the number of its lead if it is one of ours.
    pub(super) fn read(
        brokers: &str,
        numbers: &HashMap<Uuid, usize>,
        mut tell: impl FnMut(Option<usize>, &NurtureEvent),
    ) -> anyhow::Result<Self> {
        let (mut heard, mut kept) = (Self::default(), vec![Vec::<Kept>::new(); numbers.len()]);
        each_record(brokers, |key, value| {
            let event = NurtureEvent::decode(value).with_context(|| format!("a record of {TOPIC} is no event"))?;
            if key != event.lead_id.as_bytes() {
                heard.faults.push(format!("record key of lead {} is another", event.lead_id));
            }
            let number = Uuid::parse_str(&event.lead_id).ok().and_then(|id| numbers.get(&id)).copied();
            let Some(number) = number else {
                tell(None, &event);
                return Ok(());
            };
            if heard.is_new(&event, value, &mut kept[number]) {
                tell(Some(number), &event);
            }
            Ok(())
        })?;
        Ok(heard)
    }

    /// Whether nobody has heard of it. Sequences are dense, and copies have the same bytes.
    fn is_new(&mut self, event: &NurtureEvent, value: &[u8], kept: &mut Vec<Kept>) -> bool {
        let mut hasher = DefaultHasher::new();
        hasher.write(value);
        let id = Uuid::parse_str(&event.event_id).unwrap_or_default();
        let new = Kept { sequence: event.sequence, id, bytes: hasher.finish() };
        if let Some(first) = kept.iter().find(|first| first.id == new.id) {
            self.repeats += 1;
            if first.bytes != new.bytes {
                self.faults.push(format!("a copy of {} #{} has other bytes", event.lead_id, event.sequence));
            }
            return false;
        }
        let next = kept.last().map_or(1, |last| last.sequence + 1);
        if new.sequence != next {
            self.faults.push(format!("lead {} goes from #{} to #{}", event.lead_id, next - 1, new.sequence));
        }
        self.facts += 1;
        kept.push(new);
        true
    }
}

/// Key and value of every record, in order within each partition.
fn each_record(brokers: &str, mut record: impl FnMut(&[u8], &[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "chaos-oracle")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(TOPIC), WAIT)?;
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    let (mut assignment, mut open) = (TopicPartitionList::new(), HashMap::new());
    for partition in partitions.map(|partition| partition.id()) {
        let (low, high) = consumer.fetch_watermarks(TOPIC, partition, WAIT)?;
        if low < high {
            assignment.add_partition_offset(TOPIC, partition, Offset::Offset(low))?;
            open.insert(partition, high);
        }
    }
    consumer.assign(&assignment)?;
    while !open.is_empty() {
        let next = consumer.poll(WAIT).with_context(|| format!("{TOPIC} ended before its high watermark"))??;
        record(next.key().unwrap_or_default(), next.payload().unwrap_or_default())?;
        if open.get(&next.partition()).is_some_and(|high| next.offset() + 1 >= *high) {
            open.remove(&next.partition());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_gaps_and_other_bytes_are_seen() {
        let event = |sequence: i32, name: &str| NurtureEvent {
            event_id: Uuid::new_v5(&Uuid::nil(), name.as_bytes()).to_string(),
            sequence,
            ..NurtureEvent::default()
        };
        let (mut heard, mut kept) = (Heard::default(), Vec::new());
        let mut hear = |event: &NurtureEvent, bytes: &[u8]| {
            let new = heard.is_new(event, bytes, &mut kept);
            (new, std::mem::take(&mut heard.faults).join("\n"))
        };
        assert_eq!(hear(&event(1, "a"), b"a"), (true, String::new()));
        assert_eq!(hear(&event(2, "b"), b"b"), (true, String::new()));
        assert_eq!(hear(&event(1, "a"), b"a"), (false, String::new()), "a copy is no news");
        assert!(hear(&event(2, "b"), b"other").1.contains("other bytes"));
        assert!(hear(&event(2, "c"), b"c").1.contains("goes from #2 to #2"), "another fact of the same number");
        assert!(hear(&event(5, "d"), b"d").1.contains("goes from #2 to #5"));
    }
}
