//! Every statement of the consumer: the claim, the fence, the step forward, the stop. Rows are locked in the order
//! (topic, partition) everywhere; the caller opens the transaction.

use sqlx::{PgConnection, PgExecutor};

use super::ledger::Tally;
use crate::pg::PgError;

/// An offset row as the fence sees it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct FenceRow {
    pub(crate) partition: i32,
    pub(crate) next_offset: i64,
    pub(crate) epoch: i32,
    /// The process of the last claim; none after an operator's hand.
    pub(crate) owner: Option<String>,
    pub(crate) stopped: bool,
}

/// An offset row as the claim sees it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct ClaimRow {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) next_offset: i64,
    /// Not none: it waits for a human.
    pub(crate) stopped_reason: Option<String>,
    pub(crate) epoch: i32,
}

/// S1: reads and locks the rows of a batch. First statement of its transaction.
pub(crate) async fn fence(
    connection: &mut PgConnection,
    consumer: &str,
    topic: &str,
    partitions: &[i32],
) -> Result<Vec<FenceRow>, PgError> {
    sqlx::query_as(
        "select partition, next_offset, epoch, owner, state = 'stopped' as stopped from kafka_offset
         where consumer = $1 and topic = $2 and partition = any ($3)
         order by partition
         for no key update",
    )
    .bind(consumer)
    .bind(topic)
    .bind(partitions)
    .fetch_all(connection)
    .await
    .map_err(|source| PgError::new("fence", source))
}

/// One row's step forward.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) partition: i32,
    pub(crate) next_offset: i64,
    pub(crate) tally: Tally,
}

/// S9: moves the rows of a batch; gives how many there were.
pub(crate) async fn advance(
    connection: &mut PgConnection,
    consumer: &str,
    topic: &str,
    steps: &[Step],
) -> Result<u64, PgError> {
    let column = |read: fn(&Step) -> i64| steps.iter().map(read).collect::<Vec<i64>>();
    sqlx::query(
        "update kafka_offset as k set
           next_offset = v.next_offset, claims_since_progress = 0,
           applied = k.applied + v.applied, duplicate = k.duplicate + v.duplicate, ignored = k.ignored + v.ignored,
           parked = k.parked + v.parked, dead = k.dead + v.dead, skipped = k.skipped + v.skipped
         from unnest($3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
                     $10::bigint[])
           as v (partition, next_offset, applied, duplicate, ignored, parked, dead, skipped)
         where k.consumer = $1 and k.topic = $2 and k.partition = v.partition",
    )
    .bind(consumer)
    .bind(topic)
    .bind(steps.iter().map(|step| step.partition).collect::<Vec<i32>>())
    .bind(column(|step| step.next_offset))
    .bind(column(|step| step.tally.applied))
    .bind(column(|step| step.tally.duplicate))
    .bind(column(|step| step.tally.ignored))
    .bind(column(|step| step.tally.parked))
    .bind(column(|step| step.tally.dead))
    .bind(column(|step| step.tally.skipped))
    .execute(connection)
    .await
    .map(|done| done.rows_affected())
    .map_err(|source| PgError::new("advance offsets", source))
}

/// Names of partitions as two columns of the same length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Partitions {
    pub(crate) topics: Vec<String>,
    pub(crate) partitions: Vec<i32>,
}

/// Inserts the rows that are missing, beginning at `starts`, which is from now on their recorded first offset.
pub(crate) async fn insert_missing(
    connection: &mut PgConnection,
    consumer: &str,
    partitions: &Partitions,
    starts: &[i64],
) -> Result<(), PgError> {
    sqlx::query(
        "insert into kafka_offset (consumer, topic, partition, incarnation, first_offset, next_offset)
         select $1, v.topic, v.partition, i.incarnation, v.start, v.start
         from unnest($2::text[], $3::int[], $4::bigint[]) as v (topic, partition, start), incarnation as i
         order by v.topic, v.partition
         on conflict on constraint kafka_offset_pkey do nothing",
    )
    .bind(consumer)
    .bind(&partitions.topics)
    .bind(&partitions.partitions)
    .bind(starts)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|source| PgError::new("insert offsets", source))
}

/// Reads the rows of a claim. `lock`: waits for the batches that the old owners have in flight, and holds new ones off.
pub(crate) async fn claim_rows(
    connection: &mut PgConnection,
    consumer: &str,
    partitions: &Partitions,
    lock: bool,
) -> Result<Vec<ClaimRow>, PgError> {
    const READ: &str = "select k.topic, k.partition, k.next_offset, k.stopped_reason, k.epoch
         from kafka_offset as k
         join unnest($2::text[], $3::int[]) as v (topic, partition) on k.topic = v.topic and k.partition = v.partition
         where k.consumer = $1
         order by k.topic, k.partition";
    const READ_AND_LOCK: &str = "select k.topic, k.partition, k.next_offset, k.stopped_reason, k.epoch
         from kafka_offset as k
         join unnest($2::text[], $3::int[]) as v (topic, partition) on k.topic = v.topic and k.partition = v.partition
         where k.consumer = $1
         order by k.topic, k.partition
         for update of k";
    sqlx::query_as(if lock { READ_AND_LOCK } else { READ })
        .bind(consumer)
        .bind(&partitions.topics)
        .bind(&partitions.partitions)
        .fetch_all(connection)
        .await
        .map_err(|source| PgError::new("read offsets", source))
}

/// Makes `owner` the owner of the rows: from here on every batch of an older epoch is refused. `reasons`: why a row is
/// stopped, none if it runs.
pub(crate) async fn take(
    connection: &mut PgConnection,
    consumer: &str,
    owner: &str,
    partitions: &Partitions,
    reasons: &[Option<String>],
) -> Result<(), PgError> {
    sqlx::query(
        "update kafka_offset as k set
           epoch = k.epoch + 1, owner = $2, claims_since_progress = k.claims_since_progress + 1,
           state = case when v.reason is null then 'running' else 'stopped' end, stopped_reason = v.reason
         from unnest($3::text[], $4::int[], $5::text[]) as v (topic, partition, reason)
         where k.consumer = $1 and k.topic = v.topic and k.partition = v.partition",
    )
    .bind(consumer)
    .bind(owner)
    .bind(&partitions.topics)
    .bind(&partitions.partitions)
    .bind(reasons)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|source| PgError::new("take offsets", source))
}

/// Stops a partition under the claim that holds it; false if another claim holds it now.
pub(crate) async fn stop(
    executor: impl PgExecutor<'_>,
    consumer: &str,
    topic: &str,
    (partition, epoch): (i32, i32),
    reason: &str,
) -> Result<bool, PgError> {
    sqlx::query(
        "update kafka_offset set state = 'stopped', stopped_reason = $5
         where consumer = $1 and topic = $2 and partition = $3 and epoch = $4",
    )
    .bind(consumer)
    .bind(topic)
    .bind(partition)
    .bind(epoch)
    .bind(reason)
    .execute(executor)
    .await
    .map(|done| done.rows_affected() == 1)
    .map_err(|source| PgError::new("stop partition", source))
}

/// Which of these partitions an operator set going again.
pub(crate) async fn running_again(
    executor: impl PgExecutor<'_>,
    consumer: &str,
    partitions: &Partitions,
) -> Result<Vec<(String, i32)>, PgError> {
    sqlx::query_as(
        "select k.topic, k.partition from kafka_offset as k
         join unnest($2::text[], $3::int[]) as v (topic, partition) on k.topic = v.topic and k.partition = v.partition
         where k.consumer = $1 and k.state = 'running'",
    )
    .bind(consumer)
    .bind(&partitions.topics)
    .bind(&partitions.partitions)
    .fetch_all(executor)
    .await
    .map_err(|source| PgError::new("read stopped offsets", source))
}

/// Those of these running partitions that stand under another epoch than the one they were claimed with.
pub(crate) async fn moved(
    executor: impl PgExecutor<'_>,
    consumer: &str,
    partitions: &Partitions,
    epochs: &[i32],
) -> Result<Vec<(String, i32)>, PgError> {
    sqlx::query_as(
        "select k.topic, k.partition from unnest($2::text[], $3::int[], $4::int[]) as v (topic, partition, epoch)
         join kafka_offset as k on k.consumer = $1 and k.topic = v.topic and k.partition = v.partition
         where k.epoch <> v.epoch",
    )
    .bind(consumer)
    .bind(&partitions.topics)
    .bind(&partitions.partitions)
    .bind(epochs)
    .fetch_all(executor)
    .await
    .map_err(|source| PgError::new("read epochs", source))
}

/// An offset row and what its counters add up to.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct LedgerRow {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) next_offset: i64,
    pub(crate) difference: i64,
    pub(crate) stopped: bool,
}

/// The ledger of a consumer, for its gauges.
pub(crate) async fn ledger(executor: impl PgExecutor<'_>, consumer: &str) -> Result<Vec<LedgerRow>, PgError> {
    sqlx::query_as(
        "select topic, partition, next_offset, state = 'stopped' as stopped,
           next_offset - first_offset - applied - duplicate - ignored - parked - dead - skipped as difference
         from kafka_offset where consumer = $1",
    )
    .bind(consumer)
    .fetch_all(executor)
    .await
    .map_err(|source| PgError::new("read ledger", source))
}
