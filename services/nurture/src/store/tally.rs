//! Table `tally`: how many came to a step and what became of them. Written last in a transaction, in the order of its key;
//! sixteen rows each, so that writers seldom wait for each other.

use std::collections::BTreeMap;

use leadflow_platform::pg::PgError;
use sqlx::PgConnection;

/// What is counted: journey, version, step, what.
pub type Counted = BTreeMap<(String, i32, String, &'static str), i64>;

/// Adds.
///
/// # Errors
/// As the database says.
pub async fn add(connection: &mut PgConnection, counted: &Counted) -> Result<(), PgError> {
    if counted.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into tally (journey_id, version, step, what, bucket, n)
         select journey_id, version, step, what, pg_backend_pid() % 16, n
         from unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::bigint[]) as c (journey_id, version, step, what, n)
         order by journey_id, version, step, what
         on conflict (journey_id, version, step, what, bucket) do update set n = tally.n + excluded.n",
    )
    .bind(counted.keys().map(|(journey_id, ..)| journey_id.as_str()).collect::<Vec<_>>())
    .bind(counted.keys().map(|(_, version, ..)| *version).collect::<Vec<_>>())
    .bind(counted.keys().map(|(_, _, step, _)| step.as_str()).collect::<Vec<_>>())
    .bind(counted.keys().map(|(.., what)| *what).collect::<Vec<_>>())
    .bind(counted.values().copied().collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
