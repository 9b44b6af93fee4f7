//! Table `message`: the one statement between a claim and DATA, and who is being written to at this moment.

use std::time::Duration;

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::to_sql;

/// What [`begin`] needs.
#[derive(Clone, Debug)]
pub struct Begin<'a> {
    /// Which mail.
    pub message_id: Uuid,
    /// Who claimed it.
    pub lease_owner: Uuid,
    /// Until when its DATA must be over; after that nobody waits for this sender.
    pub lease_until: Timestamp,
    /// The transaction's clock.
    pub now: Timestamp,
    /// Destinations by number.
    pub links: &'a [String],
    /// It needs consent.
    pub marketing: bool,
    /// To this purpose.
    pub purpose: &'a str,
    /// What the mail is about; empty: nothing that can be turned off.
    pub topic: &'a str,
}

/// The last look before DATA, and the mark that DATA begins, in one statement under the lock of the contact: still queued,
/// still ours, nobody said stop, took his consent back or turned the topic off, the journey goes on for him and for all, mails
/// go out at all. False: not this one any more.
///
/// # Errors
/// As the database says.
pub async fn begin(connection: &mut PgConnection, begin: &Begin<'_>) -> Result<bool, PgError> {
    let done = sqlx::query(
        "update message m set state = 2, sending_at = $4, lease_until = $3, links = $5, attempt = attempt + 1
         where m.message_id = $1 and m.state = 1 and m.lease_owner = $2
             and not exists (select from suppression s where s.email_hash = m.email_hash
                 and ($6 or s.reason not in ('unsubscribed', 'erased')))
             and (not $6 or exists (
                 select from consent c where c.email_hash = m.email_hash and c.purpose = $7 and c.given))
             and not exists (select from preference p
                 where p.email_hash = m.email_hash and p.topic = $8 and not p.wanted)
             and not exists (select from journey_state j where j.journey_id = m.journey_id and j.paused)
             and not exists (select from sending where paused)
             and (m.enrollment_id is null or exists (
                 select from enrollment e where e.enrollment_id = m.enrollment_id and e.state = 1))",
    )
    .bind(begin.message_id)
    .bind(begin.lease_owner)
    .bind(to_sql(begin.lease_until))
    .bind(to_sql(begin.now))
    .bind(begin.links)
    .bind(begin.marketing)
    .bind(begin.purpose)
    .bind(begin.topic)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Without the look; only for the test that shows what it is for.
///
/// # Errors
/// As the database says.
pub async fn begin_blindly(connection: &mut PgConnection, begin: &Begin<'_>) -> Result<bool, PgError> {
    let done = sqlx::query(
        "update message m set state = 2, sending_at = $4, lease_until = $3, links = $5, attempt = attempt + 1
         where m.message_id = $1 and m.state = 1 and m.lease_owner = $2",
    )
    .bind(begin.message_id)
    .bind(begin.lease_owner)
    .bind(to_sql(begin.lease_until))
    .bind(to_sql(begin.now))
    .bind(begin.links)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes a claim last for `lease` from now. False: it is somebody else's, or over.
///
/// # Errors
/// As the database says.
pub async fn renew(
    executor: impl PgExecutor<'_>,
    message_id: Uuid,
    lease_owner: Uuid,
    lease: Duration,
) -> Result<bool, PgError> {
    let done = sqlx::query(
        "update message set lease_until = clock() + make_interval(secs => $3)
         where message_id = $1 and state = 1 and lease_owner = $2",
    )
    .bind(message_id)
    .bind(lease_owner)
    .bind(lease.as_secs_f64())
    .execute(executor)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Those of these contacts to whom somebody is about to write at this moment: the cap counts a mail only from its DATA on,
/// so they go one by one.
///
/// # Errors
/// As the database says.
pub async fn busy(connection: &mut PgConnection, hashes: &[&[u8]], now: Timestamp) -> Result<Vec<Vec<u8>>, PgError> {
    let rows = sqlx::query_scalar(
        "select distinct email_hash from message
         where email_hash = any($1) and (state = 2 or (state = 1 and lease_until > $2))",
    )
    .bind(hashes)
    .bind(to_sql(now))
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Whether a mail to one of these contacts is in DATA at this moment.
///
/// # Errors
/// As the database says.
pub async fn is_sending(connection: &mut PgConnection, hashes: &[&[u8]]) -> Result<bool, PgError> {
    let found = sqlx::query_scalar("select exists (select from message where email_hash = any($1) and state = 2)")
        .bind(hashes)
        .fetch_one(connection)
        .await?;
    Ok(found)
}
