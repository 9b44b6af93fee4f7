//! Every statement of the stream: its rows, contact versions joined at delivery, subscriptions, the floor of what is kept.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use leadflow_platform::pg::PgError;
use sqlx::{PgConnection, PgPool, Row as _};
use uuid::Uuid;

mod questions;

use super::cursor::Cursor;
pub use questions::{
    CurrentRow, DecisionRow, current_by_external_record, current_by_lead, current_by_rep, decision_by_id,
    decisions_after, decisions_by_lead,
};

/// One event of the topic, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRow {
    /// Partition of the topic.
    pub partition: i32,
    /// Offset in it.
    pub offset: i64,
    /// Of the event.
    pub lead_id: Uuid,
    /// Of the event.
    pub sequence: i32,
    /// Event type.
    pub kind: String,
    /// Smoke-test lead.
    pub test: bool,
    /// Rep of its assignment, or empty.
    pub rep_id: String,
    /// Pool of its assignment, or empty.
    pub pool_id: String,
    /// Contact-only snapshot as protobuf; empty: none.
    pub contact: Vec<u8>,
    /// Event without contact as protobuf.
    pub payload: Vec<u8>,
    /// LogAppendTime.
    pub at: Timestamp,
}

/// One event at delivery.
#[derive(Clone, Debug)]
pub struct StreamRow {
    /// Partition of the topic.
    pub partition: i32,
    /// Offset in it.
    pub offset: i64,
    /// Event type.
    pub kind: String,
    /// Smoke-test lead.
    pub test: bool,
    /// Rep of its assignment, or empty.
    pub rep_id: String,
    /// Pool of its assignment, or empty.
    pub pool_id: String,
    /// Contact-only snapshot; none if there was none or the person was erased.
    pub contact: Option<Vec<u8>>,
    /// Event without contact.
    pub payload: Vec<u8>,
    /// LogAppendTime.
    pub at: Timestamp,
}

/// Inserts what is new; returns `(partition, offset)` of the rows that were inserted. Repeats by (lead, incarnation,
/// sequence) are left out. The contact's number is found by its bytes: the topic carries the contact, not its number.
pub async fn insert_rows(
    connection: &mut PgConnection,
    incarnation: i32,
    rows: &[NewRow],
) -> Result<Vec<(i32, i64)>, PgError> {
    let inserted = sqlx::query_as(
        "insert into assignment_stream
           (incarnation, partition, \"offset\", lead_id, sequence, kind, test, rep_id, pool_id, contact_no, payload, at)
         select $1, new.partition, new.\"offset\", new.lead_id, new.sequence, new.kind, new.test, new.rep_id, new.pool_id,
                coalesce((select max(lead_contact.contact_no) from lead_contact
                          where lead_contact.lead_id = new.lead_id and lead_contact.contact = new.contact), 0),
                new.payload, new.at
         from unnest($2::int[], $3::bigint[], $4::uuid[], $5::int[], $6::text[], $7::bool[], $8::text[], $9::text[],
                     $10::bytea[], $11::bytea[], $12::timestamptz[])
           as new(partition, \"offset\", lead_id, sequence, kind, test, rep_id, pool_id, contact, payload, at)
         on conflict do nothing
         returning partition, \"offset\"",
    )
    .bind(incarnation)
    .bind(rows.iter().map(|row| row.partition).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.offset).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.lead_id).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.sequence).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.kind.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.test).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.rep_id.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.pool_id.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.contact.as_slice()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.payload.as_slice()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.at.to_sqlx()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(inserted)
}

/// At most `limit` rows of each partition after the cursor, in order of offset within a partition.
pub async fn load_after(
    pool: &PgPool,
    cursor: &Cursor,
    partitions: i32,
    limit: i64,
) -> Result<Vec<StreamRow>, PgError> {
    let numbers: Vec<i32> = (0..partitions).collect();
    let next: Vec<i64> = numbers.iter().map(|partition| cursor.next_of(*partition)).collect();
    let rows = sqlx::query(
        "select stream.partition, stream.\"offset\", stream.kind, stream.test, stream.rep_id, stream.pool_id,
                lead_contact.contact, stream.payload, stream.at
         from unnest($2::int[], $3::bigint[]) as place(partition, next)
         cross join lateral (
           select * from assignment_stream
           where incarnation = $1 and partition = place.partition and \"offset\" >= place.next
           order by \"offset\" limit $4
         ) as stream
         left join lead_contact
           on lead_contact.lead_id = stream.lead_id and lead_contact.contact_no = stream.contact_no
         order by stream.partition, stream.\"offset\"",
    )
    .bind(cursor.incarnation)
    .bind(numbers)
    .bind(next)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    rows.iter().map(stream_row).collect::<Result<_, sqlx::Error>>().map_err(PgError::from)
}

fn stream_row(row: &sqlx::postgres::PgRow) -> Result<StreamRow, sqlx::Error> {
    Ok(StreamRow {
        partition: row.try_get(0)?,
        offset: row.try_get(1)?,
        kind: row.try_get(2)?,
        test: row.try_get(3)?,
        rep_id: row.try_get(4)?,
        pool_id: row.try_get(5)?,
        contact: row.try_get(6)?,
        payload: row.try_get(7)?,
        at: row.try_get::<jiff_sqlx::Timestamp, _>(8)?.to_jiff(),
    })
}

/// Where the stream ends now.
pub async fn latest(pool: &PgPool, incarnation: i32, partitions: i32) -> Result<Cursor, PgError> {
    let rows: Vec<(i32, i64)> = sqlx::query_as(
        "select place.partition, stream.\"offset\" + 1
         from generate_series(0, $2 - 1) as place(partition)
         cross join lateral (
           select \"offset\" from assignment_stream
           where incarnation = $1 and partition = place.partition order by \"offset\" desc limit 1
         ) as stream",
    )
    .bind(incarnation)
    .bind(partitions)
    .fetch_all(pool)
    .await?;
    Ok(Cursor { incarnation, next: rows.into_iter().collect() })
}

/// Before the first record that the broker appended at `since` or later.
pub async fn since(pool: &PgPool, incarnation: i32, partitions: i32, since: Timestamp) -> Result<Cursor, PgError> {
    let rows: Vec<(i32, i64)> = sqlx::query_as(
        "select partition, min(\"offset\") from assignment_stream
         where incarnation = $1 and at >= $2 group by partition",
    )
    .bind(incarnation)
    .bind(since.to_sqlx())
    .fetch_all(pool)
    .await?;
    let mut cursor = latest(pool, incarnation, partitions).await?;
    cursor.next.extend(rows);
    Ok(cursor)
}

/// What is still kept: next offset of each partition below which rows were removed.
pub async fn floor(pool: &PgPool, incarnation: i32) -> Result<Cursor, PgError> {
    let rows: Vec<(i32, i64)> =
        sqlx::query_as("select partition, \"offset\" from assignment_stream_floor where incarnation = $1")
            .bind(incarnation)
            .fetch_all(pool)
            .await?;
    Ok(Cursor { incarnation, next: rows.into_iter().collect() })
}

/// Removes at most `limit` rows appended before `before` and raises the floor; returns how many.
pub async fn trim(connection: &mut PgConnection, before: Timestamp, limit: i64) -> Result<u64, PgError> {
    let removed: i64 = sqlx::query_scalar(
        "with old as (
           select incarnation, partition, \"offset\" from assignment_stream where at < $1 order by at limit $2
         ), removed as (
           delete from assignment_stream using old
           where assignment_stream.incarnation = old.incarnation and assignment_stream.partition = old.partition
             and assignment_stream.\"offset\" = old.\"offset\"
           returning assignment_stream.incarnation, assignment_stream.partition, assignment_stream.\"offset\"
         ), raised as (
           insert into assignment_stream_floor (incarnation, partition, \"offset\")
           select incarnation, partition, max(\"offset\") + 1 from removed group by incarnation, partition
           on conflict (incarnation, partition)
           do update set \"offset\" = greatest(assignment_stream_floor.\"offset\", excluded.\"offset\")
         )
         select count(*) from removed",
    )
    .bind(before.to_sqlx())
    .bind(limit)
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(removed).unwrap_or(0))
}

/// Progress of a named subscription.
pub async fn subscription(pool: &PgPool, name: &str) -> Result<Option<String>, PgError> {
    let cursor = sqlx::query_scalar("select cursor from subscription where subscription = $1")
        .bind(name)
        .fetch_optional(pool)
        .await?;
    Ok(cursor)
}

/// Keeps the progress of a named subscription.
pub async fn save_subscription(
    connection: &mut PgConnection,
    name: &str,
    cursor: &str,
    now: Timestamp,
) -> Result<(), PgError> {
    sqlx::query(
        "insert into subscription (subscription, cursor, at) values ($1, $2, $3)
         on conflict (subscription) do update set cursor = excluded.cursor, at = excluded.at",
    )
    .bind(name)
    .bind(cursor)
    .bind(now.to_sqlx())
    .execute(connection)
    .await?;
    Ok(())
}

/// Tells the readers of every process that rows were added.
pub async fn notify(pool: &PgPool) -> Result<(), PgError> {
    sqlx::query("select pg_notify($1, '')").bind(CHANNEL).execute(pool).await?;
    Ok(())
}

/// Name of the notification channel; the schema's name is in it, since channels are of the whole database.
pub const CHANNEL: &str = "assignment_stream";
