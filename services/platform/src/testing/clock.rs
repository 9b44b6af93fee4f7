//! Moves the database clock of one schema, by replacing the SQL function through which all time is read.

use sqlx::AssertSqlSafe;

use crate::pg::{Database, PgError};

/// From now on the clock of this schema is `seconds` ahead of the server's (behind, if negative).
///
/// # Errors
/// [`PgError`].
pub async fn shift(database: &Database, seconds: i64) -> Result<(), PgError> {
    replace(database, &format!("clock_timestamp() + make_interval(secs => {seconds})")).await
}

/// From now on the clock of this schema runs `factor` times as fast, starting at the present time.
///
/// # Errors
/// [`PgError`].
pub async fn speed(database: &Database, factor: f64) -> Result<(), PgError> {
    let (shifted, real): (jiff_sqlx::Timestamp, jiff_sqlx::Timestamp) =
        sqlx::query_as("select clock(), clock_timestamp()").fetch_one(database.pool()).await?;
    let (shifted, real) = (shifted.to_jiff(), real.to_jiff());
    replace(
        database,
        &format!("timestamptz '{shifted}' + (clock_timestamp() - timestamptz '{real}') * {factor}::double precision"),
    )
    .await
}

/// The clock stands still at this time until it is moved again.
///
/// # Errors
/// [`PgError`].
pub async fn stop_at(database: &Database, time: jiff::Timestamp) -> Result<(), PgError> {
    replace(database, &format!("timestamptz '{time}'")).await
}

/// The server's clock again.
///
/// # Errors
/// [`PgError`].
pub async fn reset(database: &Database) -> Result<(), PgError> {
    replace(database, "clock_timestamp()").await
}

async fn replace(database: &Database, expression: &str) -> Result<(), PgError> {
    let statement = format!(
        "create or replace function clock() returns timestamptz language sql volatile parallel safe \
         as $$ select {expression} $$"
    );
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(database.pool()).await?;
    Ok(())
}
