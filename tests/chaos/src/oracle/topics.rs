//! The topics `lead` and `assignment` from the first record to the last, as any foreign consumer would read them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use leadflow_proto::assignment::v1::AssignmentEvent;
use leadflow_proto::qualification::v1::LeadEvent;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

/// First copies by lead and sequence, and what was wrong with the rest.
#[derive(Default)]
pub(crate) struct Sequenced<E> {
    pub(crate) events: BTreeMap<String, BTreeMap<i32, E>>,
    pub(crate) repeats: u64,
    pub(crate) faults: Vec<String>,
}

pub(crate) struct Topics {
    pub(super) leads: Sequenced<LeadEvent>,
    pub(super) assignments: Sequenced<AssignmentEvent>,
}

impl Topics {
    pub(super) fn read(brokers: &str) -> anyhow::Result<Self> {
        let leads =
            sequenced(brokers, "leadflow.lead.v1", |event: &LeadEvent| (event.lead_id.clone(), event.sequence))?;
        let assignments = sequenced(brokers, "leadflow.assignment.v1", |event: &AssignmentEvent| {
            (event.lead_id.clone(), event.sequence)
        })?;
        Ok(Self { leads, assignments })
    }
}

/// Reads one topic and checks: key equals lead id, sequences begin at 1 and are dense in order, repeats are byte-equal.
pub(crate) fn sequenced<E: prost::Message + Default>(
    brokers: &str,
    topic: &str,
    identity: impl Fn(&E) -> (String, i32),
) -> anyhow::Result<Sequenced<E>> {
    let mut result = Sequenced { events: BTreeMap::new(), repeats: 0, faults: Vec::new() };
    let mut bytes: BTreeMap<(String, i32), Vec<u8>> = BTreeMap::new();
    for (key, value) in records(brokers, topic)? {
        let event = E::decode(value.as_slice()).with_context(|| format!("a record of {topic} is no event"))?;
        let (lead_id, sequence) = identity(&event);
        if key != lead_id.as_bytes() {
            result.faults.push(format!("{topic}: record key of lead {lead_id} is another"));
        }
        if let Some(first) = bytes.get(&(lead_id.clone(), sequence)) {
            result.repeats += 1;
            if *first != value {
                result.faults.push(format!("{topic}: a repeat of {lead_id} #{sequence} has other bytes"));
            }
            continue;
        }
        let of_lead = result.events.entry(lead_id.clone()).or_default();
        let next = of_lead.last_key_value().map_or(1, |(last, _)| last + 1);
        if sequence != next {
            result.faults.push(format!("{topic}: lead {lead_id} goes from #{} to #{sequence}", next - 1));
        }
        of_lead.insert(sequence, event);
        bytes.insert((lead_id, sequence), value);
    }
    Ok(result)
}

/// Key and value of every record, in order within each partition.
fn records(brokers: &str, topic: &str) -> anyhow::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "chaos-oracle")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error")
        .create()?;
    let wait = Duration::from_secs(10);
    let metadata = consumer.fetch_metadata(Some(topic), wait)?;
    let partitions: Vec<i32> =
        metadata.topics().iter().flat_map(|topic| topic.partitions()).map(|partition| partition.id()).collect();
    let mut assignment = TopicPartitionList::new();
    let mut open = BTreeMap::new();
    for partition in partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition, wait)?;
        if low < high {
            assignment.add_partition_offset(topic, partition, Offset::Offset(low))?;
            open.insert(partition, high);
        }
    }
    consumer.assign(&assignment)?;
    let mut records = Vec::new();
    while !open.is_empty() {
        let record = consumer.poll(wait).with_context(|| format!("{topic} ended before its high watermark"))??;
        records.push((record.key().unwrap_or_default().to_vec(), record.payload().unwrap_or_default().to_vec()));
        if open.get(&record.partition()).is_some_and(|high| record.offset() + 1 >= *high) {
            open.remove(&record.partition());
        }
    }
    Ok(records)
}
