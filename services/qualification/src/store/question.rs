//! Statements of the questions: pages of leads and of timelines, newest first.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use leadflow_platform::pg::PgError;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::identity::IdentifierId;
use crate::domain::lifecycle::Stage;

use super::lead::{LeadRow, from_row};
use super::tried;

/// Which leads.
#[derive(Clone, Debug, Default)]
pub struct LeadFilter {
    /// Empty: every stage.
    pub stages: Vec<Stage>,
    /// Of this owner.
    pub owner_rep_id: Option<String>,
    /// Changed at or after.
    pub updated_since: Option<Timestamp>,
    /// Older than this place of an earlier page.
    pub before: Option<(Timestamp, Uuid)>,
}

/// A page of leads, the latest change first.
///
/// # Errors
/// [`PgError`].
pub async fn list_leads(
    connection: &mut PgConnection,
    filter: &LeadFilter,
    limit: i64,
) -> Result<Vec<LeadRow>, PgError> {
    let (before_at, before_id) = filter.before.unzip();
    let rows = sqlx::query(
        "select * from lead \
         where (cardinality($1::smallint[]) = 0 or stage = any($1)) and ($2::text is null or owner_rep_id = $2) \
           and ($3::timestamptz is null or updated_at >= $3) \
           and ($4::timestamptz is null or (updated_at, lead_id) < ($4, $5)) \
         order by updated_at desc, lead_id desc limit $6",
    )
    .bind(filter.stages.iter().map(|stage| stage.number()).collect::<Vec<_>>())
    .bind(filter.owner_rep_id.as_deref())
    .bind(filter.updated_since.map(|at| at.to_sqlx()))
    .bind(before_at.map(|at| at.to_sqlx()))
    .bind(before_id)
    .bind(limit)
    .fetch_all(connection)
    .await
    .map_err(tried("list leads"))?;
    rows.iter().map(from_row).collect()
}

/// One row of a timeline.
#[derive(Clone, Debug)]
pub struct TimelineRow {
    /// Of the event.
    pub event_id: Uuid,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When the door took it.
    pub received_at: Timestamp,
    /// Does not count any more.
    pub voided: bool,
    /// The event as it came.
    pub data: Vec<u8>,
}

/// A page of what these identifiers did, newest first, voided ones too.
///
/// # Errors
/// [`PgError`].
pub async fn timeline_before(
    connection: &mut PgConnection,
    identifiers: &[IdentifierId],
    before: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<TimelineRow>, PgError> {
    let (before_at, before_id) = before.unzip();
    let rows: Vec<(Uuid, jiff_sqlx::Timestamp, jiff_sqlx::Timestamp, bool, Vec<u8>)> = sqlx::query_as(
        "select event_id, occurred_at, received_at, voided, data from timeline \
         where (subject_id = any($1) or credited_id = any($1)) \
           and ($2::timestamptz is null or (occurred_at, event_id) < ($2, $3)) \
         order by occurred_at desc, event_id desc limit $4",
    )
    .bind(identifiers.iter().map(|id| id.0).collect::<Vec<_>>())
    .bind(before_at.map(|at| at.to_sqlx()))
    .bind(before_id)
    .bind(limit)
    .fetch_all(connection)
    .await
    .map_err(tried("read a timeline"))?;
    let row = |(event_id, occurred_at, received_at, voided, data): (
        Uuid,
        jiff_sqlx::Timestamp,
        jiff_sqlx::Timestamp,
        bool,
        Vec<u8>,
    )| {
        TimelineRow { event_id, occurred_at: occurred_at.to_jiff(), received_at: received_at.to_jiff(), voided, data }
    };
    Ok(rows.into_iter().map(row).collect())
}
