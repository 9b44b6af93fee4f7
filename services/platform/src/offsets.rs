//! What an operator may do to offsets: look, move, accept a loss, set going again. Offsets live in PostgreSQL alone: resetting
//! the group in Kafka has no effect.
//!
//! Every change raises the epoch and takes the owner away, so a consumer that runs meanwhile drops what it has in flight and
//! claims the partition again from the new place; it need not be stopped for it. Each change is kept with who and why.

mod store;

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use serde::Serialize;

use crate::kafka::KafkaConfig;
use crate::pg::{Database, PgError};

/// One question to the broker.
const BROKER_TIMEOUT: Duration = Duration::from_secs(10);

/// One partition as `offsets list` shows it. Always: `applied + duplicate + ignored + parked + dead + skipped =
/// next_offset - first_offset`, so `high_watermark - first_offset` = the six counters + `lag`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct OffsetRow {
    /// The role that reads it.
    pub consumer: String,
    /// Full topic name.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// Of the deployment, when the row was made.
    pub incarnation: i32,
    /// Where this stretch of the ledger began.
    pub first_offset: i64,
    /// The next record to be applied.
    pub next_offset: i64,
    /// Raised by every claim and every operator's hand.
    pub epoch: i32,
    /// The process of the last claim.
    pub owner: Option<String>,
    /// `running` or `stopped`.
    pub state: String,
    /// Why it is stopped, and what to do.
    pub stopped_reason: Option<String>,
    /// Changed something.
    pub applied: i64,
    /// Copies.
    pub duplicate: i64,
    /// Not meant to change anything.
    pub ignored: i64,
    /// Kept aside.
    pub parked: i64,
    /// Dead letters.
    pub dead: i64,
    /// Holes in the offsets and accepted losses.
    pub skipped: i64,
    /// `next_offset - first_offset` minus the six counters: anything but 0 is a defect.
    pub difference: i64,
    /// Oldest offset on the broker; none if it did not answer.
    #[sqlx(default)]
    pub low_watermark: Option<i64>,
    /// One past the newest offset on the broker that a reader may see; none if it did not answer.
    #[sqlx(default)]
    pub high_watermark: Option<i64>,
    /// `high_watermark - next_offset`: not yet applied, what is in flight included.
    #[sqlx(default)]
    pub lag: Option<i64>,
}

/// Which partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Which {
    /// The role that reads it.
    pub consumer: String,
    /// Full topic name.
    pub topic: String,
    /// Its number.
    pub partition: i32,
}

/// Who changes something, and why; kept in `kafka_offset_history`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hand {
    /// A person.
    pub by: String,
    /// Free text.
    pub reason: String,
}

/// Where `restart` goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartAt {
    /// Where it stopped.
    Here,
    /// At the oldest record on the broker.
    Earliest,
    /// At the next record to come.
    Latest,
}

/// What cannot be done to offsets.
#[derive(Debug, thiserror::Error)]
pub enum OffsetsError {
    /// No such row: nobody has read this partition yet.
    #[error("{consumer} has no offset for {topic}/{partition}; see `offsets list`")]
    Unknown {
        /// As asked.
        consumer: String,
        /// As asked.
        topic: String,
        /// As asked.
        partition: i32,
    },
    /// The broker does not have this offset.
    #[error("offset {offset} is not on the broker, which has {low} to {high}; {remedy}")]
    OffTheLog {
        /// As asked, or where the partition stands.
        offset: i64,
        /// Oldest.
        low: i64,
        /// One past the newest.
        high: i64,
        /// What to type instead.
        remedy: &'static str,
    },
    /// `accept-loss` where nothing is lost.
    #[error("nothing is lost: {next} is still on the broker, whose oldest offset is {low}")]
    NothingLost {
        /// Where the partition stands.
        next: i64,
        /// Oldest.
        low: i64,
    },
    /// The broker did not answer.
    #[error("the broker did not tell its offsets: {0}")]
    Broker(String),
    /// The database did not do it.
    #[error(transparent)]
    Pg(#[from] PgError),
}

/// Every partition that a role of this schema has read, with what the broker has of it now. Rows and watermarks are not read
/// at one moment: under traffic `lag` is an estimate, without traffic it is exact. If the broker does not answer, the rows
/// come without watermarks.
///
/// # Errors
/// [`OffsetsError::Pg`].
pub async fn list(database: &Database, kafka: &KafkaConfig) -> Result<Vec<OffsetRow>, OffsetsError> {
    let mut rows = store::rows(database.pool()).await?;
    let names = rows.iter().map(|row| (row.topic.clone(), row.partition)).collect();
    match watermarks(kafka, names).await {
        Ok(marks) => {
            for row in &mut rows {
                if let Some((low, high)) = marks.get(&(row.topic.clone(), row.partition)) {
                    row.low_watermark = Some(*low);
                    row.high_watermark = Some(*high);
                    row.lag = Some(high - row.next_offset);
                }
            }
        }
        Err(error) => tracing::warn!(%error, "offsets without watermarks"),
    }
    Ok(rows)
}

/// Moves a partition to `offset` and begins a new stretch of the ledger there: the counters go to the history.
///
/// # Errors
/// [`OffsetsError`]; then nothing has changed.
pub async fn set(
    database: &Database,
    kafka: &KafkaConfig,
    which: &Which,
    offset: i64,
    hand: &Hand,
) -> Result<OffsetRow, OffsetsError> {
    let (low, high) = watermark(kafka, which).await?;
    if !(low..=high).contains(&offset) {
        let remedy = "give one of these";
        return Err(OffsetsError::OffTheLog { offset, low, high, remedy });
    }
    new_stretch(database, which, "set", hand, |_| Ok(offset)).await
}

/// Sets a stopped partition going again with a new stretch of the ledger.
///
/// # Errors
/// [`OffsetsError::OffTheLog`] with [`RestartAt::Here`] if the broker does not have the place where it stopped; else as
/// [`set`].
pub async fn restart(
    database: &Database,
    kafka: &KafkaConfig,
    which: &Which,
    at: RestartAt,
    hand: &Hand,
) -> Result<OffsetRow, OffsetsError> {
    let (low, high) = watermark(kafka, which).await?;
    new_stretch(database, which, "restart", hand, |next| match at {
        RestartAt::Earliest => Ok(low),
        RestartAt::Latest => Ok(high),
        RestartAt::Here if (low..=high).contains(&next) => Ok(next),
        RestartAt::Here => Err(OffsetsError::OffTheLog {
            offset: next,
            low,
            high,
            remedy: "restart at `earliest` or `latest`, or `accept-loss` if retention has passed",
        }),
    })
    .await
}

/// Counts what retention has deleted before it was read as skipped, and goes on at the oldest record on the broker. The
/// stretch goes on too: the loss stays visible in the ledger.
///
/// # Errors
/// [`OffsetsError::NothingLost`] if the next record is still there; else as [`set`].
pub async fn accept_loss(
    database: &Database,
    kafka: &KafkaConfig,
    which: &Which,
    hand: &Hand,
) -> Result<OffsetRow, OffsetsError> {
    let (low, _) = watermark(kafka, which).await?;
    let mut tx = database.write_tx("offsets_accept_loss").await?;
    let next = store::lock(tx.connection(), which).await?.ok_or_else(|| unknown(which))?;
    if next >= low {
        return Err(OffsetsError::NothingLost { next, low });
    }
    store::remember(tx.connection(), which, "accept-loss", hand).await?;
    let row = store::accept_loss(tx.connection(), which, low).await?;
    tx.commit().await?;
    Ok(row)
}

async fn new_stretch(
    database: &Database,
    which: &Which,
    what: &str,
    hand: &Hand,
    target: impl FnOnce(i64) -> Result<i64, OffsetsError>,
) -> Result<OffsetRow, OffsetsError> {
    let mut tx = database.write_tx("offsets_new_stretch").await?;
    let next = store::lock(tx.connection(), which).await?.ok_or_else(|| unknown(which))?;
    let target = target(next)?;
    store::remember(tx.connection(), which, what, hand).await?;
    let row = store::begin_stretch(tx.connection(), which, target).await?;
    tx.commit().await?;
    Ok(row)
}

fn unknown(which: &Which) -> OffsetsError {
    OffsetsError::Unknown { consumer: which.consumer.clone(), topic: which.topic.clone(), partition: which.partition }
}

async fn watermark(kafka: &KafkaConfig, which: &Which) -> Result<(i64, i64), OffsetsError> {
    let name = (which.topic.clone(), which.partition);
    let marks = watermarks(kafka, vec![name.clone()]).await?;
    marks.get(&name).copied().ok_or_else(|| OffsetsError::Broker("no answer for the partition".to_owned()))
}

type Marks = BTreeMap<(String, i32), (i64, i64)>;

async fn watermarks(kafka: &KafkaConfig, names: Vec<(String, i32)>) -> Result<Marks, OffsetsError> {
    let mut config = kafka.client("leadflow-offsets");
    // As the roles read: an open transaction of somebody else is not the end of the topic.
    config.set("isolation.level", "read_committed");
    let asked = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = config.create()?;
        names
            .into_iter()
            .map(|(topic, partition)| {
                let marks = consumer.fetch_watermarks(&topic, partition, BROKER_TIMEOUT)?;
                Ok(((topic, partition), marks))
            })
            .collect::<Result<Marks, rdkafka::error::KafkaError>>()
    });
    match asked.await {
        Ok(Ok(marks)) => Ok(marks),
        Ok(Err(error)) => Err(OffsetsError::Broker(error.to_string())),
        Err(error) => Err(OffsetsError::Broker(error.to_string())),
    }
}
