//! Leads as qualification would tell of them: one event each on topic `lead`, as fast as the broker takes them, all of them
//! of the moment at which the clock stands.

use std::time::Duration;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use leadflow_proto::qualification::v1::LeadEvent;
use leadflow_stand::OpenLead;
use prost::Message as _;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};

use super::people::Person;
use super::timetable::{START, Way};

/// Records under way.
const AT_ONCE: usize = 8_000;

/// Produces everybody.
pub(super) async fn produce(brokers: &str, people: &[Person], ways: &[Way]) -> anyhow::Result<()> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .set("compression.type", "zstd")
        .create()?;
    let at = START.parse::<Timestamp>().context("the beginning is no time")?;
    let told = futures::stream::iter(people).map(|person| {
        let (key, value) = (person.lead_id.to_string(), opened(person, &ways[person.way], at).encode_to_vec());
        let producer = producer.clone();
        async move {
            let record = FutureRecord::to("leadflow.lead.v1").key(&key).payload(&value);
            producer.send(record, Duration::from_secs(60)).await.map(|_| ()).map_err(|(error, _)| error)
        }
    });
    told.buffer_unordered(AT_ONCE).try_collect::<()>().await.context("a lead could not be told of")
}

/// As qualification would tell of him.
fn opened(person: &Person, way: &Way, at: Timestamp) -> LeadEvent {
    let date = (!person.date.is_empty()).then(|| ("date".to_owned(), person.date.clone()));
    let lead = OpenLead {
        lead_id: person.lead_id,
        email: person.email(),
        name: format!("Person {}", person.number),
        time_zone: person.zone.to_owned(),
        at,
        traits: date.into_iter().chain([("way".to_owned(), way.id.clone())]).collect(),
    };
    lead.event()
}
