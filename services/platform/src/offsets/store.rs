//! Statements of the operator's hand on `kafka_offset` and `kafka_offset_history`.

use sqlx::{AssertSqlSafe, PgConnection, PgExecutor};

use super::{Hand, OffsetRow, Which};
use crate::pg::PgError;

const COLUMNS: &str = "consumer, topic, partition, incarnation, first_offset, next_offset, epoch, owner, state, \
    stopped_reason, applied, duplicate, ignored, parked, dead, skipped, \
    next_offset - first_offset - applied - duplicate - ignored - parked - dead - skipped as difference";

pub(super) async fn rows(executor: impl PgExecutor<'_>) -> Result<Vec<OffsetRow>, PgError> {
    let statement = format!("select {COLUMNS} from kafka_offset order by consumer, topic, partition");
    sqlx::query_as(AssertSqlSafe(statement))
        .fetch_all(executor)
        .await
        .map_err(|source| PgError::new("list offsets", source))
}

/// Waits for the batch in flight; gives `next_offset`.
pub(super) async fn lock(connection: &mut PgConnection, which: &Which) -> Result<Option<i64>, PgError> {
    sqlx::query_scalar(
        "select next_offset from kafka_offset where consumer = $1 and topic = $2 and partition = $3 for update",
    )
    .bind(&which.consumer)
    .bind(&which.topic)
    .bind(which.partition)
    .fetch_optional(connection)
    .await
    .map_err(|source| PgError::new("lock offset", source))
}

/// Keeps the row as it is before the change, with who changes it and why.
pub(super) async fn remember(
    connection: &mut PgConnection,
    which: &Which,
    what: &str,
    hand: &Hand,
) -> Result<(), PgError> {
    sqlx::query(
        "insert into kafka_offset_history (consumer, topic, partition, epoch, first_offset, next_offset, applied,
           duplicate, ignored, parked, dead, skipped, by, at, reason)
         select consumer, topic, partition, epoch, first_offset, next_offset, applied, duplicate, ignored, parked, dead,
           skipped, $4, clock(), $5
         from kafka_offset where consumer = $1 and topic = $2 and partition = $3",
    )
    .bind(&which.consumer)
    .bind(&which.topic)
    .bind(which.partition)
    .bind(&hand.by)
    .bind(format!("{what}: {}", hand.reason))
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|source| PgError::new("keep offset history", source))
}

pub(super) async fn begin_stretch(
    connection: &mut PgConnection,
    which: &Which,
    target: i64,
) -> Result<OffsetRow, PgError> {
    let statement = format!(
        "update kafka_offset set
           first_offset = $4, next_offset = $4, epoch = epoch + 1, owner = null, state = 'running', stopped_reason = null,
           incarnation = (select incarnation from incarnation), claims_since_progress = 0,
           applied = 0, duplicate = 0, ignored = 0, parked = 0, dead = 0, skipped = 0
         where consumer = $1 and topic = $2 and partition = $3
         returning {COLUMNS}"
    );
    change(connection, statement, which, target).await
}

pub(super) async fn accept_loss(connection: &mut PgConnection, which: &Which, low: i64) -> Result<OffsetRow, PgError> {
    let statement = format!(
        "update kafka_offset set
           skipped = skipped + $4 - next_offset, next_offset = $4, epoch = epoch + 1, owner = null, state = 'running',
           stopped_reason = null, claims_since_progress = 0
         where consumer = $1 and topic = $2 and partition = $3
         returning {COLUMNS}"
    );
    change(connection, statement, which, low).await
}

async fn change(
    connection: &mut PgConnection,
    statement: String,
    which: &Which,
    offset: i64,
) -> Result<OffsetRow, PgError> {
    sqlx::query_as(AssertSqlSafe(statement))
        .bind(&which.consumer)
        .bind(&which.topic)
        .bind(which.partition)
        .bind(offset)
        .fetch_one(connection)
        .await
        .map_err(|source| PgError::new("change offset", source))
}
