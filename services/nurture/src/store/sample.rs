//! Table `sample`: mails that marketers sent to themselves, so that the links of these can be tried too.

use jiff::{SignedDuration, Timestamp};
use leadflow_platform::pg::PgError;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::to_sql;

/// Kept so long.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Keeps where the links of a test mail lead, and forgets old ones. `lead_id`: whose data filled it.
///
/// # Errors
/// As the database says.
pub async fn insert(
    connection: &mut PgConnection,
    message_id: Uuid,
    lead_id: Option<Uuid>,
    links: &[String],
    now: Timestamp,
) -> Result<(), PgError> {
    sqlx::query("delete from sample where sent_at < $1")
        .bind(to_sql(now.checked_sub(KEPT).unwrap_or(now)))
        .execute(&mut *connection)
        .await?;
    sqlx::query("insert into sample (message_id, lead_id, links, sent_at) values ($1, $2, $3, $4)")
        .bind(message_id)
        .bind(lead_id)
        .bind(links)
        .bind(to_sql(now))
        .execute(connection)
        .await?;
    Ok(())
}

/// Destinations of the links of a test mail by number; none: there is no such mail.
///
/// # Errors
/// As the database says.
pub async fn links(executor: impl PgExecutor<'_>, message_id: Uuid) -> Result<Option<Vec<String>>, PgError> {
    let links = sqlx::query_scalar("select links from sample where message_id = $1")
        .bind(message_id)
        .fetch_optional(executor)
        .await?;
    Ok(links)
}
