//! Table `report`: bounces and complaints of our own mails, each once, for the brakes.

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::PgConnection;
use uuid::Uuid;

use super::to_sql;

/// Keeps a report about a mail of ours; a copy changes nothing, and one about a mail that is none of ours is not kept.
///
/// # Errors
/// As the database says.
pub async fn insert(connection: &mut PgConnection, message_id: Uuid, kind: &str, at: Timestamp) -> Result<(), PgError> {
    sqlx::query(
        "insert into report (message_id, kind, at) select $1, $2, $3 from message where message_id = $1
         on conflict do nothing",
    )
    .bind(message_id)
    .bind(kind)
    .bind(to_sql(at))
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether there is any report that pulls a brake since `from`.
///
/// # Errors
/// As the database says.
pub async fn any(connection: &mut PgConnection, from: Timestamp) -> Result<bool, PgError> {
    let any = sqlx::query_scalar(
        "select exists (select from report where kind = 'hard_bounce' and at > $1)
             or exists (select from report where kind = 'complaint' and at > $1)",
    )
    .bind(to_sql(from))
    .fetch_one(connection)
    .await?;
    Ok(any)
}

/// Of a period: mails that went out, hard bounces, complaints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// `sent | uncertain`.
    pub sent: i64,
    /// Addresses that bounced hard.
    pub bounced: i64,
    /// People who called one spam.
    pub complained: i64,
}

/// Since `from`.
///
/// # Errors
/// As the database says.
pub async fn rates(connection: &mut PgConnection, from: Timestamp) -> Result<Rates, PgError> {
    let (sent, bounced, complained) = sqlx::query_as(
        "select (select count(*) from message where state in (3, 5) and settled_at > $1),
             (select count(distinct email_hash) from report join message using (message_id)
                 where kind = 'hard_bounce' and at > $1),
             (select count(distinct email_hash) from report join message using (message_id)
                 where kind = 'complaint' and at > $1)",
    )
    .bind(to_sql(from))
    .fetch_one(connection)
    .await?;
    Ok(Rates { sent, bounced, complained })
}
