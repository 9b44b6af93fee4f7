//! Tables `webhook_call`, a ledger like `message`, and `webhook_endpoint`, which knows who has been silent for days.

use std::time::Duration;

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::{column, to_sql};

/// A call about to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCall {
    /// UUIDv5 of enrolment, step and time: the `webhook-id`, the same for every attempt.
    pub webhook_call_id: Uuid,
    /// Of the lead.
    pub lead_id: Uuid,
    /// Of the journey's run.
    pub enrollment_id: Uuid,
    /// Name in the configuration.
    pub endpoint: String,
    /// JSON.
    pub body: Vec<u8>,
    /// When it was due.
    pub queued_at: Timestamp,
}

/// A call that somebody has claimed.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// `webhook-id`.
    pub webhook_call_id: Uuid,
    /// Name in the configuration.
    pub endpoint: String,
    /// JSON.
    pub body: Vec<u8>,
    /// Attempts before this one.
    pub attempt: i32,
    /// Its endpoint is given up: nobody is to be asked.
    pub disabled: bool,
}

/// New calls.
///
/// # Errors
/// As the database says.
pub async fn insert(connection: &mut PgConnection, calls: &[NewCall]) -> Result<(), PgError> {
    if calls.is_empty() {
        return Ok(());
    }
    let calls: Vec<&NewCall> = calls.iter().collect();
    sqlx::query(
        "insert into webhook_call (webhook_call_id, lead_id, enrollment_id, endpoint, body, queued_at, not_before)
         select n.*, n.queued_at from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bytea[],
             $6::timestamptz[]) as n (webhook_call_id, lead_id, enrollment_id, endpoint, body, queued_at)",
    )
    .bind(column(&calls, |call| call.webhook_call_id))
    .bind(column(&calls, |call| call.lead_id))
    .bind(column(&calls, |call| call.enrollment_id))
    .bind(column(&calls, |call| call.endpoint.as_str()))
    .bind(column(&calls, |call| call.body.as_slice()))
    .bind(column(&calls, |call| to_sql(call.queued_at)))
    .execute(connection)
    .await?;
    Ok(())
}

/// Claims the oldest due calls of endpoints that are not among `busy`, one an endpoint.
///
/// # Errors
/// As the database says.
pub async fn claim(
    connection: &mut PgConnection,
    owner: Uuid,
    busy: &[String],
    now: Timestamp,
    lease: Duration,
) -> Result<Vec<Call>, PgError> {
    let until = now.checked_add(lease).unwrap_or(now);
    let rows: Vec<(Uuid, String, Vec<u8>, i32, bool)> = sqlx::query_as(
        "update webhook_call c set lease_owner = $1, lease_until = $4, attempt = c.attempt + 1
         from (select w.webhook_call_id from (
                 select distinct on (endpoint) webhook_call_id from webhook_call
                 where state = 1 and not_before <= $3 and (lease_until is null or lease_until <= $3)
                     and not (endpoint = any($2))
                 order by endpoint, not_before) w
             join webhook_call l using (webhook_call_id)
             for no key update of l skip locked) due
         where c.webhook_call_id = due.webhook_call_id and c.state = 1
         returning c.webhook_call_id, c.endpoint, c.body, c.attempt - 1, exists (
             select from webhook_endpoint e where e.endpoint = c.endpoint and e.disabled_at is not null)",
    )
    .bind(owner)
    .bind(busy)
    .bind(to_sql(now))
    .bind(to_sql(until))
    .fetch_all(connection)
    .await?;
    let read = |(webhook_call_id, endpoint, body, attempt, disabled)| Call {
        webhook_call_id,
        endpoint,
        body,
        attempt,
        disabled,
    };
    Ok(rows.into_iter().map(read).collect())
}

/// How long until the next call of an endpoint that is not among `busy` is due; none: there is none. Calls that somebody has
/// claimed are left out: one that takes long would else hide those behind it.
///
/// # Errors
/// As the database says.
pub async fn next(executor: impl PgExecutor<'_>, busy: &[String]) -> Result<Option<f64>, PgError> {
    let seconds = sqlx::query_scalar(
        "select extract(epoch from not_before - clock())::float8 from webhook_call
         where state = 1 and (lease_until is null or lease_until <= clock()) and not (endpoint = any($1))
         order by not_before limit 1",
    )
    .bind(busy)
    .fetch_optional(executor)
    .await?;
    Ok(seconds)
}

/// What became of a call: 2 delivered, 3 failed, 4 refused; or 1 again, not before a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// Which.
    pub webhook_call_id: Uuid,
    /// Who had claimed it.
    pub owner: Uuid,
    /// Number of the state.
    pub state: i16,
    /// Why.
    pub reason: String,
    /// Of state 1.
    pub not_before: Timestamp,
}

/// Settles a call; whoever lost his lease meanwhile changes nothing.
///
/// # Errors
/// As the database says.
pub async fn settle(connection: &mut PgConnection, settled: &Settled, now: Timestamp) -> Result<bool, PgError> {
    let done = sqlx::query(
        "update webhook_call set state = $3, reason = $4, not_before = $5, lease_owner = null, lease_until = null,
             settled_at = case when $3 = 1 then null else $6 end, body = case when $3 = 1 then body else ''::bytea end
         where webhook_call_id = $1 and lease_owner = $2 and state = 1",
    )
    .bind(settled.webhook_call_id)
    .bind(settled.owner)
    .bind(settled.state)
    .bind(&settled.reason)
    .bind(to_sql(settled.not_before))
    .bind(to_sql(now))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// When an endpoint began to fail, and whether it is given up.
///
/// # Errors
/// As the database says.
pub async fn endpoint(
    connection: &mut PgConnection,
    endpoint: &str,
) -> Result<(Option<Timestamp>, Option<Timestamp>), PgError> {
    type Row = (Option<jiff_sqlx::Timestamp>, Option<jiff_sqlx::Timestamp>);
    let row: Option<Row> =
        sqlx::query_as("select first_failure_at, disabled_at from webhook_endpoint where endpoint = $1")
            .bind(endpoint)
            .fetch_optional(connection)
            .await?;
    let (first, disabled) = row.unwrap_or_default();
    Ok((super::from_sql_option(first), super::from_sql_option(disabled)))
}

/// Notes how an endpoint does: none of both is well again.
///
/// # Errors
/// As the database says.
pub async fn note_endpoint(
    connection: &mut PgConnection,
    endpoint: &str,
    first_failure: Option<Timestamp>,
    disabled: Option<(Timestamp, &str)>,
) -> Result<(), PgError> {
    sqlx::query(
        "insert into webhook_endpoint (endpoint, first_failure_at, disabled_at, reason) values ($1, $2, $3, $4)
         on conflict (endpoint) do update set first_failure_at = excluded.first_failure_at,
             disabled_at = excluded.disabled_at, reason = excluded.reason",
    )
    .bind(endpoint)
    .bind(super::to_sql_option(first_failure))
    .bind(super::to_sql_option(disabled.map(|(at, _)| at)))
    .bind(disabled.map_or("", |(_, reason)| reason))
    .execute(connection)
    .await?;
    Ok(())
}
