//! Numbers for marketers: by step, and those who went through against those who were held out.

use leadflow_platform::pg::PgError;
use sqlx::PgPool;

/// Step, what, how many.
pub type Count = (String, String, i64);

/// Everything that is counted of a journey, over all versions or one.
///
/// # Errors
/// As the database says.
pub async fn tallies(pool: &PgPool, journey_id: &str, version: Option<i32>) -> Result<Vec<Count>, PgError> {
    let rows = sqlx::query_as(
        "select step, what, sum(n)::bigint from tally where journey_id = $1 and ($2::int is null or version = $2)
         group by step, what order by step, what",
    )
    .bind(journey_id)
    .bind(version)
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// Step and how many rest in it now.
///
/// # Errors
/// As the database says.
pub async fn waiting(pool: &PgPool, journey_id: &str, version: Option<i32>) -> Result<Vec<(String, i64)>, PgError> {
    let rows = sqlx::query_as(
        "select step, count(*) from enrollment
         where journey_id = $1 and state = 1 and ($2::int is null or version = $2) group by step order by step",
    )
    .bind(journey_id)
    .bind(version)
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// Held out, how many, how many of them were qualified afterwards.
///
/// # Errors
/// As the database says.
pub async fn lift(pool: &PgPool, journey_id: &str, version: Option<i32>) -> Result<Vec<(bool, i64, i64)>, PgError> {
    let rows = sqlx::query_as(
        "select state in (2, 4), count(*), count(converted_at) from enrollment
         where journey_id = $1 and ($2::int is null or version = $2) group by 1 order by 1",
    )
    .bind(journey_id)
    .bind(version)
    .fetch_all(pool)
    .await?;
    Ok(rows)
}
