//! Table `timeline`: what people did, and the one place where copies of an event are recognised.

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::identity::IdentifierId;

use super::{times, tried};

/// One event to be noted.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    /// Its strongest identifier as it came.
    pub subject: IdentifierId,
    /// As it came with the event.
    pub week: i32,
    /// Its id.
    pub event_id: Uuid,
    /// Whose act it is, where the subject is junk.
    pub credited: Option<IdentifierId>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When the door took it.
    pub received_at: Timestamp,
    /// 1 to 21.
    pub kind: i16,
    /// Where it came from.
    pub origin_hash: i32,
    /// The event as it came.
    pub data: &'a [u8],
}

/// Notes events; gives (subject, week, event id) of those that were not there yet.
///
/// # Errors
/// [`PgError`]; a missing partition is of the kind that stops.
pub async fn insert(
    connection: &mut PgConnection,
    entries: &[NewEntry<'_>],
) -> Result<Vec<(IdentifierId, i32, Uuid)>, PgError> {
    let rows: Vec<(i64, i32, Uuid)> = sqlx::query_as(
        "insert into timeline (subject_id, week, event_id, credited_id, occurred_at, received_at, kind, origin_hash, data) \
         select * from unnest($1::bigint[], $2::int[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], \
           $7::smallint[], $8::int[], $9::bytea[]) \
         on conflict do nothing returning subject_id, week, event_id",
    )
    .bind(entries.iter().map(|entry| entry.subject.0).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.week).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.event_id).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.credited.map(|id| id.0)).collect::<Vec<_>>())
    .bind(times(entries.iter().map(|entry| entry.occurred_at)))
    .bind(times(entries.iter().map(|entry| entry.received_at)))
    .bind(entries.iter().map(|entry| entry.kind).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.origin_hash).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.data).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .map_err(tried("note events"))?;
    Ok(rows.into_iter().map(|(subject, week, event)| (IdentifierId(subject), week, event)).collect())
}

/// One event read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its subject, or who is credited with it.
    pub identifier: IdentifierId,
    /// The event as it came.
    pub data: Vec<u8>,
}

/// Most events looked at per identifier and week for an explanation, and most of them that are read.
const MOST_EVIDENCE: (i64, i64) = (64, 24);

/// Events of these identifiers in these weeks, for explanations: of at most 64 per pair the 24 that say most (page views
/// last), and at most 24 undated ones per identifier. Each pair is one look into one partition.
///
/// # Errors
/// [`PgError`].
pub async fn evidence(connection: &mut PgConnection, pairs: &[(IdentifierId, i32)]) -> Result<Vec<Entry>, PgError> {
    let mut ids: Vec<i64> = pairs.iter().map(|(id, _)| id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let most_undated = MOST_EVIDENCE.1.saturating_mul(i64::try_from(ids.len()).unwrap_or(i64::MAX));
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "select p.id, t.data from unnest($1::bigint[], $2::int[]) p(id, week) \
         cross join lateral (select few.data from (select t.kind, t.data from timeline t \
             where t.subject_id = p.id and t.week = p.week and t.credited_id is null and not t.voided limit $4) few \
           order by few.kind = 1 limit $5) t \
         union all \
         (select subject_id, data from timeline \
           where subject_id = any($3) and week = -719162 and credited_id is null and not voided limit $6) \
         union all \
         select t.credited_id, t.data from timeline t \
         where t.credited_id = any($3) and t.week between $7 and $8 and not t.voided",
    )
    .bind(pairs.iter().map(|(id, _)| id.0).collect::<Vec<_>>())
    .bind(pairs.iter().map(|(_, week)| *week).collect::<Vec<_>>())
    .bind(ids)
    .bind(MOST_EVIDENCE.0)
    .bind(MOST_EVIDENCE.1)
    .bind(most_undated)
    .bind(pairs.iter().map(|(_, week)| *week).min())
    .bind(pairs.iter().map(|(_, week)| *week).max())
    .fetch_all(connection)
    .await
    .map_err(tried("read evidence"))?;
    Ok(rows.into_iter().map(|(id, data)| Entry { identifier: IdentifierId(id), data }).collect())
}

/// Everything that came under these subjects since `first_week` (undated events included), if that is at most `most`
/// events; else `most + 1` of them. Events that are credited to somebody else, or voided, are left out.
///
/// # Errors
/// [`PgError`].
pub async fn of_subjects(
    connection: &mut PgConnection,
    subjects: &[IdentifierId],
    first_week: i32,
    most: i64,
) -> Result<Vec<Vec<u8>>, PgError> {
    sqlx::query_scalar(
        "(select data from timeline where subject_id = any($1) and week >= $2 and credited_id is null and not voided limit $3) \
         union all \
         (select data from timeline where subject_id = any($1) and week = -719162 and credited_id is null and not voided \
           limit $3)",
    )
    .bind(subjects.iter().map(|id| id.0).collect::<Vec<_>>())
    .bind(first_week)
    .bind(most + 1)
    .fetch_all(connection)
    .await
    .map_err(tried("read the timeline"))
}

/// One page of what came under this subject in the weeks from `weeks.0` to `weeks.1`, in the order of (event id, week),
/// beginning after `after`: week, event id, data. Events that are credited to somebody else, or voided, are left out.
///
/// # Errors
/// [`PgError`].
pub async fn of_subject(
    connection: &mut PgConnection,
    subject: IdentifierId,
    weeks: (i32, i32),
    after: Option<(i32, Uuid)>,
    most: i64,
) -> Result<Vec<(i32, Uuid, Vec<u8>)>, PgError> {
    let (after_week, after_event) = after.unwrap_or((i32::MIN, Uuid::nil()));
    sqlx::query_as(
        "select week, event_id, data from timeline \
         where subject_id = $1 and credited_id is null and not voided and week between $2 and $3 \
           and (event_id, week) > ($4, $5) \
         order by event_id, week limit $6",
    )
    .bind(subject.0)
    .bind(weeks.0)
    .bind(weeks.1)
    .bind(after_event)
    .bind(after_week)
    .bind(most)
    .fetch_all(connection)
    .await
    .map_err(tried("read the timeline"))
}

/// What these identifiers are credited with although the subject is junk.
///
/// # Errors
/// [`PgError`].
pub async fn credited(
    connection: &mut PgConnection,
    identifiers: &[IdentifierId],
    first_week: i32,
) -> Result<Vec<Vec<u8>>, PgError> {
    sqlx::query_scalar(
        "select data from timeline where credited_id = any($1) and not voided and (week >= $2 or week = -719162)",
    )
    .bind(identifiers.iter().map(|id| id.0).collect::<Vec<_>>())
    .bind(first_week)
    .fetch_all(connection)
    .await
    .map_err(tried("read credited events"))
}

/// Deletes everything that came under these subjects, or is credited to them; gives how many events that were.
///
/// # Errors
/// [`PgError`].
pub async fn delete(connection: &mut PgConnection, identifiers: &[IdentifierId]) -> Result<u64, PgError> {
    let ids: Vec<i64> = identifiers.iter().map(|id| id.0).collect();
    let deleted = sqlx::query("delete from timeline where subject_id = any($1) or credited_id = any($1)")
        .bind(ids)
        .execute(connection)
        .await
        .map_err(tried("delete from the timeline"))?;
    Ok(deleted.rows_affected())
}

/// An event with other data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Its subject.
    pub subject: IdentifierId,
    /// Its week.
    pub week: i32,
    /// Its id.
    pub event_id: Uuid,
    /// What it says from now on.
    pub data: Vec<u8>,
}

/// Replaces what events say. Only erasure does so.
///
/// # Errors
/// [`PgError`].
pub async fn rewrite(connection: &mut PgConnection, events: &[Rewritten]) -> Result<(), PgError> {
    sqlx::query(
        "update timeline t set data = u.data from unnest($1::bigint[], $2::int[], $3::uuid[], $4::bytea[]) \
           u(subject_id, week, event_id, data) \
         where t.subject_id = u.subject_id and t.week = u.week and t.event_id = u.event_id",
    )
    .bind(events.iter().map(|event| event.subject.0).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.week).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.event_id).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.data.as_slice()).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(tried("rewrite events"))?;
    Ok(())
}
