//! Table `external_record`: which records of other systems a lead became.

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use leadflow_proto::assignment::v1::ExternalId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::to_sql;

/// Remembers a record of a lead whose lock is held. True if it is new.
///
/// # Errors
/// As the database says.
pub async fn link(
    connection: &mut PgConnection,
    lead_id: Uuid,
    record: &ExternalId,
    linked_by: &str,
    now: Timestamp,
) -> Result<bool, PgError> {
    let done = sqlx::query(
        "insert into external_record (lead_id, system, kind, record_id, linked_by, at) values ($1, $2, $3, $4, $5, $6)
         on conflict (lead_id, system, kind, record_id) do nothing",
    )
    .bind(lead_id)
    .bind(&record.system)
    .bind(&record.r#type)
    .bind(&record.id)
    .bind(linked_by)
    .bind(to_sql(now))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
