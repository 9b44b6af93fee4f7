//! Leads on topic `lead`, as qualification would tell of them: open, with an address and consent, one event each.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use leadflow_proto::qualification::v1::lead_event::Fact;
use leadflow_proto::qualification::v1::{Consent, Contact, LeadEvent, LeadOpened, LeadSnapshot};
use leadflow_stand::Stand;
use prost::Message as _;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use uuid::Uuid;

use crate::traffic;

const IN_FLIGHT: usize = 5_000;

/// Produces `leads` new ones, each acknowledged.
///
/// # Errors
/// If the broker does not take one.
pub(crate) async fn produce(stand: &Stand, seed: u64, leads: u32) -> anyhow::Result<()> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", stand.service("KAFKA_BROKERS"))
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        .create()?;
    let send = |number: u32| {
        let event = opened(seed, number);
        let producer = producer.clone();
        async move {
            let (key, value) = (event.lead_id.clone(), event.encode_to_vec());
            let record = FutureRecord::to("leadflow.lead.v1").key(&key).payload(&value);
            producer.send(record, Duration::from_secs(60)).await.map_err(|(error, _)| error).map(|_| ())
        }
    };
    Ok(futures::stream::iter((0..leads).map(send))
        .buffer_unordered(IN_FLIGHT)
        .try_for_each(|()| async { Ok(()) })
        .await?)
}

fn opened(seed: u64, number: u32) -> LeadEvent {
    let lead_id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("bench-{seed}-{number}").as_bytes());
    let id = |name: &str| Uuid::new_v5(&lead_id, name.as_bytes()).to_string();
    let now = traffic::now();
    let at = Some(pbjson_types::Timestamp { seconds: now.as_second(), nanos: now.subsec_nanosecond() });
    let contact = Contact {
        email: format!("lead-{seed}-{number}@buyer.example"),
        given_name: format!("Person {number}"),
        name: format!("Person {number}"),
        company: format!("Company {}", number % 997),
        time_zone: "Europe/Berlin".to_owned(),
        ..Contact::default()
    };
    let consent =
        Consent { purpose: "marketing_email".to_owned(), given: true, occurred_at: at, event_id: id("consent") };
    let lead = LeadSnapshot {
        person_id: id("person"),
        stage: "open".to_owned(),
        fit_grade: "B".to_owned(),
        contact: Some(contact),
        consents: vec![consent],
        ..LeadSnapshot::default()
    };
    LeadEvent {
        event_id: id("opened"),
        lead_id: lead_id.to_string(),
        sequence: 1,
        incarnation: 1,
        occurred_at: at,
        r#type: "leadflow.lead.opened.v1".to_owned(),
        lead: Some(lead),
        fact: Some(Fact::Opened(LeadOpened { historical: false })),
        ..LeadEvent::default()
    }
}
