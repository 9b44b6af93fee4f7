//! Leads as qualification would tell of them: one event each on topic `lead`, as fast as the broker takes them, all of them
//! of the moment at which the clock stands.

use std::time::Duration;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use leadflow_proto::qualification::v1::lead_event::Fact;
use leadflow_proto::qualification::v1::{Consent, Contact, LeadEvent, LeadOpened, LeadSnapshot};
use prost::Message as _;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use uuid::Uuid;

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

/// An open lead that has allowed marketing mails.
fn opened(person: &Person, way: &Way, at: Timestamp) -> LeadEvent {
    let at = Some(pbjson_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() });
    let id = |name: &str| Uuid::new_v5(&person.lead_id, name.as_bytes()).to_string();
    let name = format!("Person {}", person.number);
    let contact = Contact {
        email: person.email(),
        given_name: name.clone(),
        name,
        time_zone: person.zone.to_owned(),
        ..Contact::default()
    };
    let consent =
        Consent { purpose: "marketing_email".to_owned(), given: true, occurred_at: at, event_id: id("consent") };
    let mut traits = vec![("way".to_owned(), way.id.clone())];
    if !person.date.is_empty() {
        traits.push(("date".to_owned(), person.date.clone()));
    }
    let lead = LeadSnapshot {
        person_id: id("person"),
        stage: "open".to_owned(),
        fit_grade: "B".to_owned(),
        contact: Some(contact),
        traits: traits.into_iter().collect(),
        consents: vec![consent],
        ..LeadSnapshot::default()
    };
    LeadEvent {
        event_id: id("opened"),
        lead_id: person.lead_id.to_string(),
        sequence: 1,
        incarnation: 1,
        occurred_at: at,
        r#type: "leadflow.lead.opened.v1".to_owned(),
        lead: Some(lead),
        fact: Some(Fact::Opened(LeadOpened { historical: false })),
        ..LeadEvent::default()
    }
}
