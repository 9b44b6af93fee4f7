//! Forgetting: what says who somebody was goes, what was done stays as numbers.

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::PgConnection;
use uuid::Uuid;

use super::to_sql;

/// Removes contexts, inputs of decisions, destinations of links and who followed them, former addresses and bodies of calls of
/// a lead.
///
/// # Errors
/// As the database says.
pub async fn lead(connection: &mut PgConnection, lead_id: Uuid) -> Result<(), PgError> {
    for sql in [
        // The context is an empty State afterwards; whoever was in flight has been ended before.
        "update enrollment set context = null, trace = null, instance_key = '' where lead_id = $1 and state in (3, 4)",
        "update decision set input = null where lead_id = $1",
        "update message set links = '{}' where lead_id = $1",
        "delete from link_hit where message_id in (select message_id from message where lead_id = $1)",
        "delete from sample where lead_id = $1",
        "delete from former_address where lead_id = $1",
        "update webhook_call set body = ''::bytea, state = case when state = 1 then 4 else state end,
             reason = case when state = 1 then 'erased' else reason end,
             settled_at = case when state = 1 then clock() else settled_at end where lead_id = $1",
    ] {
        sqlx::query(sql).bind(lead_id).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Removes the address and what it wished, unless another lead that is not erased has it; a keyed hash under `erased`
/// stays, so that an old file that is imported again mails nobody.
///
/// # Errors
/// As the database says.
pub async fn contact(connection: &mut PgConnection, email_hash: &[u8], at: Timestamp) -> Result<(), PgError> {
    let used: bool = sqlx::query_scalar("select exists (select from lead where email_hash = $1 and erased_at is null)")
        .bind(email_hash)
        .fetch_one(&mut *connection)
        .await?;
    if used {
        return Ok(());
    }
    for sql in [
        "update contact set email = null, time_zone = '', locale = '', country = '' where email_hash = $1",
        "delete from consent where email_hash = $1",
        "delete from preference where email_hash = $1",
        "update consent_proof set address = null where email_hash = $1",
    ] {
        sqlx::query(sql).bind(email_hash).execute(&mut *connection).await?;
    }
    sqlx::query("insert into suppression (email_hash, reason, at) values ($1, 'erased', $2) on conflict do nothing")
        .bind(email_hash)
        .bind(to_sql(at))
        .execute(connection)
        .await?;
    Ok(())
}
