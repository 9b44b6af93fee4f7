//! The topics file against a real cluster: what is missing is created, what differs is named.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::{Mismatch, Topic, TopicsFile};
use crate::kafka::KafkaConfig;
use crate::outage::Outage;

/// Longest wait for one answer of the cluster.
const PATIENCE: Duration = Duration::from_secs(15);
/// Segments are closed daily, so that retention is exact to a day also on quiet topics.
const SEGMENT: Duration = Duration::from_secs(24 * 60 * 60);

/// What `apply` did.
#[derive(Debug, Default)]
pub struct Applied {
    /// Full names of the topics that were created.
    pub created: Vec<String>,
    /// What differs in topics that were there before: never changed by us.
    pub mismatches: Vec<Mismatch>,
}

/// Why the cluster could not be asked, or what it refused.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// Nobody answered.
    #[error("the brokers {brokers} did not answer: {source}")]
    Unreachable {
        /// Bootstrap servers.
        brokers: String,
        /// The client's error.
        #[source]
        source: KafkaError,
    },
    /// It answered with an error.
    #[error("topic {topic}: {code}")]
    Refused {
        /// Full name.
        topic: String,
        /// The broker's code.
        code: RDKafkaErrorCode,
    },
    /// Differences that a role must not start with.
    #[error("{}", .0.iter().map(Mismatch::to_string).collect::<Vec<_>>().join("\n"))]
    Mismatches(Vec<Mismatch>),
}

/// Creates what is missing and compares the rest. Safe to run at any time and by several at once.
///
/// # Errors
/// [`TopicsError`] if the cluster does not answer or refuses.
pub async fn apply(kafka: &KafkaConfig, file: &TopicsFile) -> Result<Applied, TopicsError> {
    let cluster = Cluster::connect(kafka)?;
    let brokers = cluster.brokers().await?;
    let mut applied = Applied::default();
    for topic in Topic::ALL {
        let name = kafka.topic_name(topic);
        match cluster.partitions(&name).await? {
            None => {
                if cluster.create(&name, topic, file, brokers).await? {
                    applied.created.push(name);
                }
            }
            Some(partitions) => applied.mismatches.extend(cluster.compare(&name, topic, &partitions, file).await?),
        }
    }
    Ok(applied)
}

/// Differences in these topics, warnings included.
///
/// # Errors
/// [`TopicsError`] if the cluster does not answer.
pub async fn check(kafka: &KafkaConfig, file: &TopicsFile, topics: &[Topic]) -> Result<Vec<Mismatch>, TopicsError> {
    let cluster = Cluster::connect(kafka)?;
    let mut mismatches = Vec::new();
    for topic in topics {
        let name = kafka.topic_name(*topic);
        match cluster.partitions(&name).await? {
            None => mismatches.push(Mismatch::Missing { topic: name }),
            Some(partitions) => mismatches.extend(cluster.compare(&name, *topic, &partitions, file).await?),
        }
    }
    Ok(mismatches)
}

/// For the start of a role: logs warnings, refuses the rest.
///
/// # Errors
/// [`TopicsError::Mismatches`] with one sentence each, or as [`check`].
pub async fn require(kafka: &KafkaConfig, file: &TopicsFile, topics: &[Topic]) -> Result<(), TopicsError> {
    let (stop, warn): (Vec<_>, Vec<_>) = check(kafka, file, topics).await?.into_iter().partition(Mismatch::stops);
    for mismatch in warn {
        tracing::warn!("{mismatch}");
    }
    if stop.is_empty() { Ok(()) } else { Err(TopicsError::Mismatches(stop)) }
}

/// Replicas of each partition.
type Partitions = Vec<usize>;

struct Cluster {
    admin: Arc<AdminClient<DefaultClientContext>>,
    brokers: String,
    outage: Outage,
}

impl Cluster {
    fn connect(kafka: &KafkaConfig) -> Result<Self, TopicsError> {
        let brokers = kafka.brokers.clone();
        match kafka.client("leadflow-topics").create() {
            Ok(admin) => Ok(Self { admin: Arc::new(admin), brokers, outage: kafka.outage() }),
            Err(source) => Err(TopicsError::Unreachable { brokers, source }),
        }
    }

    fn unreachable(&self, source: KafkaError) -> TopicsError {
        // Nobody polls this client, so it says nothing by itself; and it has tried for long enough.
        self.outage.lost_since(Instant::now().checked_sub(PATIENCE), &source.to_string());
        TopicsError::Unreachable { brokers: self.brokers.clone(), source }
    }

    /// Number of brokers, and for one topic its partitions, `None` if it does not exist.
    async fn metadata(&self, topic: Option<&str>) -> Result<(usize, Option<Partitions>), TopicsError> {
        let admin = Arc::clone(&self.admin);
        // Without a name the whole cluster would answer; this one exists nowhere.
        let name = topic.unwrap_or("leadflow-no-such-topic").to_owned();
        let asked = tokio::task::spawn_blocking(move || {
            let metadata = admin.inner().fetch_metadata(Some(&name), PATIENCE)?;
            let found = metadata.topics().iter().find(|found| found.name() == name && found.error().is_none());
            let partitions =
                found.map(|found| found.partitions().iter().map(|partition| partition.replicas().len()).collect());
            Ok((metadata.brokers().len(), partitions))
        });
        let answer =
            asked.await.expect("fetching metadata does not panic").map_err(|source| self.unreachable(source))?;
        self.outage.served();
        Ok(answer)
    }

    async fn brokers(&self) -> Result<usize, TopicsError> {
        Ok(self.metadata(None).await?.0)
    }

    async fn partitions(&self, name: &str) -> Result<Option<Partitions>, TopicsError> {
        Ok(self.metadata(Some(name)).await?.1)
    }

    /// False if somebody else was faster.
    async fn create(&self, name: &str, topic: Topic, file: &TopicsFile, brokers: usize) -> Result<bool, TopicsError> {
        let replicas = file.environment.replicas(brokers);
        let settings = settings(file, replicas);
        let retention = file.spec(topic).retention().as_millis().to_string();
        let segment = SEGMENT.as_millis().to_string();
        let mut new = NewTopic::new(name, file.partitions(topic), TopicReplication::Fixed(replicas))
            .set("retention.ms", &retention)
            .set("segment.ms", &segment);
        for (setting, value) in &settings {
            new = new.set(setting, value);
        }
        let results = self.admin.create_topics([&new], &options()).await.map_err(|source| self.unreachable(source))?;
        match results.into_iter().next() {
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(false),
            Some(Err((topic, code))) => Err(TopicsError::Refused { topic, code }),
            _ => Ok(true),
        }
    }

    async fn compare(
        &self,
        name: &str,
        topic: Topic,
        partitions: &Partitions,
        file: &TopicsFile,
    ) -> Result<Vec<Mismatch>, TopicsError> {
        let mut mismatches = Vec::new();
        let expected = file.partitions(topic);
        if i32::try_from(partitions.len()) != Ok(expected) {
            mismatches.push(Mismatch::Partitions { topic: name.to_owned(), found: partitions.len(), expected });
        }
        let found = self.settings(name).await?;
        let replicas = partitions.iter().min().and_then(|least| i32::try_from(*least).ok()).unwrap_or(1);
        for (setting, expected) in settings(file, replicas) {
            let found = found.get(setting).cloned().unwrap_or_default();
            if found != expected {
                mismatches.push(Mismatch::Setting { topic: name.to_owned(), setting, found, expected });
            }
        }
        mismatches.extend(compare_retention(name, found.get("retention.ms"), file.spec(topic).retention()));
        Ok(mismatches)
    }

    async fn settings(&self, name: &str) -> Result<HashMap<String, String>, TopicsError> {
        let topic = ResourceSpecifier::Topic(name);
        let described =
            self.admin.describe_configs([&topic], &options()).await.map_err(|source| self.unreachable(source))?;
        match described.into_iter().next() {
            Some(Ok(resource)) => {
                Ok(resource.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect())
            }
            Some(Err(code)) => Err(TopicsError::Refused { topic: name.to_owned(), code }),
            None => Ok(HashMap::new()),
        }
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

/// The settings that the spine stands on, the same for every topic.
fn settings(file: &TopicsFile, replicas: i32) -> [(&'static str, String); 5] {
    [
        ("cleanup.policy", "delete".to_owned()),
        ("message.timestamp.type", "LogAppendTime".to_owned()),
        ("max.message.bytes", file.environment.max_message_bytes.to_string()),
        ("min.insync.replicas", file.environment.in_sync(replicas).to_string()),
        ("unclean.leader.election.enable", "false".to_owned()),
    ]
}

fn compare_retention(name: &str, found: Option<&String>, expected: Duration) -> Option<Mismatch> {
    let topic = name.to_owned();
    // -1 is for ever.
    let found = found.and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
    match found {
        Some(found) if found < expected => Some(Mismatch::ShorterRetention { topic, found, expected }),
        Some(found) if found == expected => None,
        found => Some(Mismatch::LongerRetention { topic, found, expected }),
    }
}
