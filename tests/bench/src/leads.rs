//! Leads on topic `lead`, as qualification would tell of them: open, with an address and consent, one event each.

use std::collections::HashMap;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use leadflow_proto::qualification::v1::LeadEvent;
use leadflow_stand::{OpenLead, Stand};
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
    let lead = OpenLead {
        lead_id: Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("bench-{seed}-{number}").as_bytes()),
        email: format!("lead-{seed}-{number}@buyer.example"),
        name: format!("Person {number}"),
        time_zone: "Europe/Berlin".to_owned(),
        at: traffic::now(),
        traits: HashMap::new(),
    };
    lead.event()
}
