//! Leads that wait for something: a rep, a pool, the end of an offer. Nothing here ever waits for a lock: a lead that
//! somebody else holds is left out, and whoever holds it wakes the planner when he is done.

use std::time::Duration;

use jiff::Timestamp;
use jiff_sqlx::Timestamp as SqlTimestamp;
use leadflow_platform::pg::PgError;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use uuid::Uuid;

use super::lead::{COLUMNS, Lead, from_row};
use super::{to_sql, to_sql_option};
use crate::domain::lead::LeadState;

/// Where a pass over a pool's queue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuePlace {
    /// `Priority`.
    pub priority: i16,
    /// Of the last one looked at.
    pub waiting_since: Timestamp,
    /// Of the last one looked at.
    pub lead_id: Uuid,
}

/// Leads that were looked for, and those of them that could be locked at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Locked; in the order they were looked for in.
    pub leads: Vec<Lead>,
    /// How many there were, locked or not.
    pub found: usize,
    /// The last of them, locked or not.
    pub last: Option<QueuePlace>,
}

/// The first `limit` leads that wait in a pool, behind `after`, and are not pausing.
///
/// # Errors
/// As the database says.
pub async fn lock_waiting(
    connection: &mut PgConnection,
    pool_id: &str,
    now: Timestamp,
    after: Option<QueuePlace>,
    limit: i64,
) -> Result<Found, PgError> {
    let found: Vec<(Uuid, i16, SqlTimestamp)> = sqlx::query_as(
        "select lead_id, priority, waiting_since from lead
         where state = 1 and pool_id = $1 and (wake_at is null or wake_at <= $2)
           and ($3::smallint is null or priority < $3 or (priority = $3 and (waiting_since, lead_id) > ($4, $5)))
         order by priority desc, waiting_since, lead_id limit $6",
    )
    .bind(pool_id)
    .bind(to_sql(now))
    .bind(after.map(|place| place.priority))
    .bind(to_sql_option(after.map(|place| place.waiting_since)))
    .bind(after.map(|place| place.lead_id))
    .bind(limit)
    .fetch_all(&mut *connection)
    .await?;
    let last = found.last().map(|(lead_id, priority, since)| QueuePlace {
        priority: *priority,
        waiting_since: since.to_jiff(),
        lead_id: *lead_id,
    });
    let lead_ids: Vec<Uuid> = found.into_iter().map(|(lead_id, ..)| lead_id).collect();
    let mut leads = lock_at_once(connection, &lead_ids, LeadState::Waiting, true).await?;
    leads.sort_by_key(|lead| (std::cmp::Reverse(lead.priority), lead.waiting_since, lead.lead_id));
    Ok(Found { leads, found: lead_ids.len(), last })
}

/// Up to `limit` waiting leads of a pool of which no decision says why they wait.
///
/// # Errors
/// As the database says.
pub async fn lock_not_noted(connection: &mut PgConnection, pool_id: &str, limit: i64) -> Result<Found, PgError> {
    let lead_ids: Vec<Uuid> =
        sqlx::query_scalar("select lead_id from lead where state = 1 and not noted and pool_id = $1 limit $2")
            .bind(pool_id)
            .bind(limit)
            .fetch_all(&mut *connection)
            .await?;
    let leads = lock_at_once(connection, &lead_ids, LeadState::Waiting, true).await?;
    Ok(Found { leads, found: lead_ids.len(), last: None })
}

/// Up to `limit` leads whose offer is over; with their locks, unless a test wants to see what happens without.
///
/// # Errors
/// As the database says.
pub async fn lock_expired(
    connection: &mut PgConnection,
    now: Timestamp,
    limit: i64,
    locks: bool,
) -> Result<Found, PgError> {
    let lead_ids: Vec<Uuid> =
        sqlx::query_scalar("select lead_id from lead where state = 2 and wake_at <= $1 order by wake_at limit $2")
            .bind(to_sql(now))
            .bind(limit)
            .fetch_all(&mut *connection)
            .await?;
    let mut leads = lock_at_once(connection, &lead_ids, LeadState::Offered, locks).await?;
    // He may have answered, and another been asked, between the two statements.
    leads.retain(|lead| lead.wake_at.is_some_and(|due| due <= now));
    Ok(Found { leads, found: lead_ids.len(), last: None })
}

/// Two statements, because one that finds and locks is planned as a loop over both when statistics are missing: 88 ms
/// for 300 leads, against 2.
async fn lock_at_once(
    connection: &mut PgConnection,
    lead_ids: &[Uuid],
    state: LeadState,
    locks: bool,
) -> Result<Vec<Lead>, PgError> {
    if lead_ids.is_empty() {
        return Ok(Vec::new());
    }
    let lock = if locks { "for no key update skip locked" } else { "" };
    let sql = format!("select {COLUMNS} from lead where lead_id = any($1) and state = $2 order by lead_id {lock}");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(lead_ids).bind(state as i16).fetch_all(connection).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// Gives a pool the waiting leads that no pool wanted before: those of its product line, and as the default those of lines
/// that no pool takes. Never waits. Returns how many.
///
/// # Errors
/// As the database says.
pub async fn adopt(connection: &mut PgConnection, pool_id: &str, limit: i64) -> Result<u64, PgError> {
    let done = sqlx::query(
        "with orphan as (
             select l.lead_id from lead l, pool p
             where l.state = 1 and l.pool_id is null and p.pool_id = $1
               and ((p.product_line <> '' and l.product_line = p.product_line)
                    or (p.is_default and not exists (
                            select from pool o where o.product_line <> '' and o.product_line = l.product_line)))
             order by l.lead_id limit $2 for no key update of l skip locked)
         update lead set pool_id = $1 from orphan where lead.lead_id = orphan.lead_id",
    )
    .bind(pool_id)
    .bind(limit)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// How long until the next offer expires, by the database clock; zero if one is due. None: there is none.
///
/// # Errors
/// As the database says.
pub async fn next_expiry(pool: &PgPool) -> Result<Option<Duration>, PgError> {
    let seconds: Option<f64> = sqlx::query_scalar(
        "select extract(epoch from min(wake_at) - clock())::float8 from lead where state = 2 and wake_at is not null",
    )
    .fetch_one(pool)
    .await?;
    Ok(seconds.map(super::pause))
}
