//! Table `former_address`: addresses that a lead had before its present one. What somebody says by an old mail, and what is
//! forgotten when he asks for it, is about the person, whatever the address is by now.

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::PgConnection;
use uuid::Uuid;

use super::to_sql;

/// These leads had these addresses until now. Locks of the leads and of the contacts are held.
///
/// # Errors
/// As the database says.
pub async fn note(connection: &mut PgConnection, moves: &[(Uuid, Vec<u8>)], now: Timestamp) -> Result<(), PgError> {
    if moves.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into former_address (lead_id, email_hash, until)
         select distinct lead_id, email_hash, $3::timestamptz from unnest($1::uuid[], $2::bytea[]) as n (lead_id, email_hash)
         on conflict (lead_id, email_hash) do update set until = excluded.until",
    )
    .bind(moves.iter().map(|one| one.0).collect::<Vec<_>>())
    .bind(moves.iter().map(|one| one.1.as_slice()).collect::<Vec<_>>())
    .bind(to_sql(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// Every address that these leads ever had, as far as anything names it: this table, and for what was before it the mails and
/// enrolments. Locks of the leads are held.
///
/// # Errors
/// As the database says.
pub async fn of_leads(connection: &mut PgConnection, lead_ids: &[Uuid]) -> Result<Vec<Vec<u8>>, PgError> {
    if lead_ids.is_empty() {
        return Ok(Vec::new());
    }
    let hashes = sqlx::query_scalar(
        "select email_hash from lead where lead_id = any($1)
         union select email_hash from former_address where lead_id = any($1)
         union select email_hash from message where lead_id = any($1)
         union select email_hash from enrollment where lead_id = any($1)
         order by email_hash",
    )
    .bind(lead_ids)
    .fetch_all(connection)
    .await?;
    Ok(hashes)
}
