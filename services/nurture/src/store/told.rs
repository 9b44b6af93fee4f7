//! Table `lead_told`: the sequence of our own facts about a lead. Behind the locks of contacts, each row under a lock of its own:
//! a mail to a former address is settled under that address's lock while the lead goes on under its present one's.

use std::collections::BTreeMap;

use leadflow_platform::pg::PgError;
use sqlx::PgConnection;
use uuid::Uuid;

/// The last sequences, locked in the order of the leads; a lead of which nothing was told is left out.
///
/// # Errors
/// As the database says.
pub async fn load(connection: &mut PgConnection, lead_ids: &[Uuid]) -> Result<BTreeMap<Uuid, i32>, PgError> {
    let rows: Vec<(Uuid, i32)> = sqlx::query_as(
        "select lead_id, sequence from lead_told where lead_id = any($1) order by lead_id for no key update",
    )
    .bind(lead_ids)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Keeps them.
///
/// # Errors
/// As the database says.
pub async fn save(connection: &mut PgConnection, told: &BTreeMap<Uuid, i32>) -> Result<(), PgError> {
    if told.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into lead_told (lead_id, sequence) select * from unnest($1::uuid[], $2::int[])
         on conflict (lead_id) do update set sequence = excluded.sequence",
    )
    .bind(told.keys().copied().collect::<Vec<_>>())
    .bind(told.values().copied().collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
