//! Table `outbox`, which the platform writes and empties: what of ours the broker has not acknowledged. Only read here.

use leadflow_platform::pg::PgError;
use leadflow_platform::topics::Topic;
use sqlx::PgConnection;
use uuid::Uuid;

/// Records about these leads that wait for the broker, as `AssignmentEvent` bytes. What was acknowledged a moment ago may
/// still be among them. Reads the whole outbox, which is empty but for milliseconds' worth of rows while the broker is there.
///
/// # Errors
/// As the database says.
pub async fn about(connection: &mut PgConnection, lead_ids: &[Uuid]) -> Result<Vec<Vec<u8>>, PgError> {
    let keys: Vec<Vec<u8>> = lead_ids.iter().map(|lead_id| lead_id.to_string().into_bytes()).collect();
    Ok(sqlx::query_scalar("select payload from outbox where topic = $1 and key = any($2)")
        .bind(Topic::Assignment as i16)
        .bind(keys)
        .fetch_all(connection)
        .await?)
}
