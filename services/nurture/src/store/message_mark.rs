//! Table `message`: what came back to a mail, and mails that go to another address.

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::PgConnection;
use uuid::Uuid;

use super::to_sql;

/// Waiting mails of a lead go to its new address. Locks of both contacts are held.
///
/// # Errors
/// As the database says.
pub async fn readdress(connection: &mut PgConnection, lead_id: Uuid, email_hash: &[u8]) -> Result<(), PgError> {
    // Whoever has claimed one has looked at the old address: it is to be claimed anew.
    sqlx::query(
        "update message set email_hash = $2, lease_owner = null, lease_until = null where lead_id = $1 and state = 1",
    )
    .bind(lead_id)
    .bind(email_hash)
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks what came back to a mail, the first time only.
///
/// # Errors
/// As the database says.
pub async fn mark(connection: &mut PgConnection, message_id: Uuid, what: Mark, at: Timestamp) -> Result<bool, PgError> {
    let sql = match what {
        Mark::Clicked => "update message set clicked_at = $2 where message_id = $1 and clicked_at is null",
        Mark::Replied => "update message set replied_at = $2 where message_id = $1 and replied_at is null",
        Mark::Delivered => "update message set delivered_at = $2 where message_id = $1 and delivered_at is null",
    };
    let done = sqlx::query(sql).bind(message_id).bind(to_sql(at)).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}

/// What can come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A click that counts.
    Clicked,
    /// An answer of a person.
    Replied,
    /// The receiver's server has it.
    Delivered,
}
