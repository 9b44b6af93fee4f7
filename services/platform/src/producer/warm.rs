//! A producer that was just made lets its first record wait half a second or a whole one. librdkafka (2.12) asks for its
//! producer id when metadata arrives, from a broker that is connected at that moment; but the first metadata comes over the
//! bootstrap connection, which is closed right then, and the next attempt is a timer's. More metadata, as soon as the real
//! connections stand, is the next attempt.

use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::types::RDKafkaErrorCode;

/// Longest wait for one answer.
const METADATA_TIMEOUT: Duration = Duration::from_secs(10);
/// Rounds after the first one; the pauses give connections and the answer with the producer id their time.
const ROUNDS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// Where a topic is not, or who does not answer.
#[derive(Debug)]
pub(crate) struct Cold {
    pub(crate) topic: String,
    pub(crate) reason: String,
}

/// Learns where the partitions of these topics are and gets the producer id. Blocks.
pub(crate) fn warm_up<C: ClientContext>(client: &Client<C>, topics: &[String]) -> Result<(), Cold> {
    for topic in topics {
        look_up(client, topic)?;
    }
    for _ in 0..ROUNDS {
        std::thread::sleep(PAUSE);
        if let Some(topic) = topics.first() {
            look_up(client, topic)?;
        }
    }
    Ok(())
}

fn look_up<C: ClientContext>(client: &Client<C>, topic: &String) -> Result<(), Cold> {
    let cold = |reason: String| Cold { topic: topic.clone(), reason };
    let metadata = client.fetch_metadata(Some(topic), METADATA_TIMEOUT).map_err(|error| cold(error.to_string()))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    match found.map(|found| (found.error(), found.partitions().len())) {
        Some((None, 1..)) => Ok(()),
        Some((Some(error), _)) => Err(cold(RDKafkaErrorCode::from(error).to_string())),
        _ => Err(cold("has no partitions".to_owned())),
    }
}
