//! What is due: plain looks, and the locks that follow them. `wake_at` and `not_before` stand against the database clock.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::to_sql;

/// Something that is due, and the contact to be locked for it.
pub type Due = Vec<(Uuid, Vec<u8>)>;

fn pause(seconds: Option<f64>) -> Option<Duration> {
    let seconds = seconds?;
    if seconds <= 0.0 {
        return Some(Duration::ZERO);
    }
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).saturating_add(Duration::from_millis(1)))
}

/// How long until the next enrolment is due; none: nothing is set.
///
/// # Errors
/// As the database says.
pub async fn next_enrollment(pool: &PgPool) -> Result<Option<Duration>, PgError> {
    let seconds: Option<f64> = sqlx::query_scalar(
        "select extract(epoch from wake_at - clock())::float8 from enrollment
         where wake_at is not null order by wake_at limit 1",
    )
    .fetch_optional(pool)
    .await?;
    Ok(pause(seconds))
}

/// Enrolments that are due, oldest first. Those of paused journeys stay where they are.
///
/// # Errors
/// As the database says.
pub async fn enrollments(connection: &mut PgConnection, now: Timestamp, limit: i64) -> Result<Due, PgError> {
    let rows = sqlx::query_as(
        "select enrollment_id, email_hash from enrollment e where wake_at <= $1
         and not exists (select from journey_state j where j.journey_id = e.journey_id and j.paused)
         order by wake_at limit $2",
    )
    .bind(to_sql(now))
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// How long until the next mail may be claimed; none: the ledger has nothing queued. Somebody else's claim that hangs hides
/// nothing that is due behind it.
///
/// # Errors
/// As the database says.
pub async fn next_message(pool: &PgPool) -> Result<Option<Duration>, PgError> {
    let seconds: Option<f64> = sqlx::query_scalar(
        "select extract(epoch from least(
             (select not_before from message where state = 1 and (lease_until is null or lease_until <= n.now)
                 order by not_before limit 1),
             (select min(lease_until) from message where state = 1 and lease_until > n.now)) - n.now)::float8
         from (select clock() as now) n",
    )
    .fetch_one(pool)
    .await?;
    Ok(pause(seconds))
}

/// Mails that may be claimed: queued, due, leased by nobody who is alive, and to nobody to whom another one is on its way:
/// those of one person must not fill the page of everybody.
///
/// # Errors
/// As the database says.
pub async fn messages(connection: &mut PgConnection, now: Timestamp, limit: i64) -> Result<Due, PgError> {
    let rows = sqlx::query_as(
        "select message_id, email_hash from message m
         where state = 1 and not_before <= $1 and (lease_until is null or lease_until <= $1)
             and not exists (select from message b where b.email_hash = m.email_hash and b.state in (1, 2)
                 and (b.state = 2 or b.lease_until > $1))
         order by not_before limit $2",
    )
    .bind(to_sql(now))
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Mails whose sender has not come back: nobody knows what became of them.
///
/// # Errors
/// As the database says.
pub async fn lost(connection: &mut PgConnection, now: Timestamp, limit: i64) -> Result<Due, PgError> {
    let rows = sqlx::query_as(
        "select message_id, email_hash from message where state = 2 and lease_until <= $1 order by lease_until limit $2",
    )
    .bind(to_sql(now))
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// The contacts of what is due.
#[must_use]
pub fn contacts(due: &Due) -> BTreeSet<Vec<u8>> {
    due.iter().map(|(_, email_hash)| email_hash.clone()).collect()
}
