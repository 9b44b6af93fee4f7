//! Leads as qualification would tell of them: one event each on topic `lead`, at a rate.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use leadflow_proto::qualification::v1::LeadEvent;
use leadflow_stand::OpenLead;
use prost::Message as _;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::sync::mpsc;

use super::journal::now;
use super::people::Person;

/// How many leads are on the topic, per mille.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<AtomicU32>);

impl Progress {
    pub(super) fn per_mille(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Produces everybody at `rate` a second; `told` gets each person after his acknowledgement.
pub(super) async fn produce(
    brokers: &str,
    people: Vec<Person>,
    rate: u32,
    progress: Progress,
    told: mpsc::Sender<Person>,
) -> anyhow::Result<()> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "0")
        .create()?;
    let (start, all) = (tokio::time::Instant::now(), people.len());
    for (number, person) in people.into_iter().enumerate() {
        let due = Duration::from_secs_f64(f64::from(person.number) / f64::from(rate.max(1)));
        tokio::time::sleep_until(start + due).await;
        let (key, value) = (person.lead_id.to_string(), opened(&person).encode_to_vec());
        let record = FutureRecord::to("leadflow.lead.v1").key(&key).payload(&value);
        producer.send(record, Duration::from_secs(30)).await.map_err(|(error, _)| error)?;
        progress.0.store(u32::try_from((number + 1) * 1000 / all).unwrap_or(1000), Ordering::Relaxed);
        // Whoever reads it has ended only if the run has.
        told.send(person).await?;
    }
    Ok(())
}

/// As qualification would tell of him.
fn opened(person: &Person) -> LeadEvent {
    let lead = OpenLead {
        lead_id: person.lead_id,
        email: person.email.clone(),
        name: format!("Person {}", person.number),
        time_zone: "Europe/Berlin".to_owned(),
        at: now(),
        traits: HashMap::new(),
    };
    lead.event()
}
