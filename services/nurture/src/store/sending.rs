//! Table `sending`: the switch that stops every mail of the deployment before its next DATA.

use jiff::Timestamp;
use jiff_sqlx::Timestamp as SqlTimestamp;
use leadflow_platform::pg::PgError;
use sqlx::{PgConnection, PgExecutor};

use super::{from_sql_option, to_sql};

/// The switch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sending {
    /// No mail goes out.
    pub paused: bool,
    /// The operator's words, or "brake: complaints".
    pub reason: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Reports before this pull no brake again.
    pub brakes_from: Option<Timestamp>,
}

/// How it stands.
///
/// # Errors
/// As the database says.
pub async fn load(executor: impl PgExecutor<'_>) -> Result<Sending, PgError> {
    let (paused, reason, since, brakes_from): (bool, String, Option<SqlTimestamp>, Option<SqlTimestamp>) =
        sqlx::query_as("select paused, reason, since, brakes_from from sending").fetch_one(executor).await?;
    Ok(Sending { paused, reason, since: from_sql_option(since), brakes_from: from_sql_option(brakes_from) })
}

/// Stops it. What is in DATA is finished. A pause that holds keeps its reason.
///
/// # Errors
/// As the database says.
pub async fn pause(connection: &mut PgConnection, reason: &str, now: Timestamp) -> Result<(), PgError> {
    sqlx::query("update sending set paused = true, reason = $1, since = $2 where not paused")
        .bind(reason)
        .bind(to_sql(now))
        .execute(connection)
        .await?;
    Ok(())
}

/// Sets it going; what was reported until now pulls no brake again.
///
/// # Errors
/// As the database says.
pub async fn resume(connection: &mut PgConnection, now: Timestamp) -> Result<(), PgError> {
    sqlx::query("update sending set paused = false, reason = '', since = $1, brakes_from = $1")
        .bind(to_sql(now))
        .execute(connection)
        .await?;
    Ok(())
}

/// Mails by state.
///
/// # Errors
/// As the database says.
pub async fn counts(executor: impl PgExecutor<'_>) -> Result<Vec<(i16, i64)>, PgError> {
    let rows =
        sqlx::query_as("select state, count(*) from message group by state order by state").fetch_all(executor).await?;
    Ok(rows)
}
