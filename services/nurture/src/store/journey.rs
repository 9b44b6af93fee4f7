//! Tables `journey` (immutable versions) and `journey_state` (which is active, and whether it stands still).

use jiff::Timestamp;
use jiff_sqlx::Timestamp as SqlTimestamp;
use leadflow_platform::pg::PgError;
use sqlx::{PgConnection, PgExecutor};

use super::to_sql;

/// A version.
#[derive(Clone, Debug, PartialEq)]
pub struct JourneyRow {
    /// Stable name.
    pub journey_id: String,
    /// From 1.
    pub version: i32,
    /// Of the text.
    pub sha256: Vec<u8>,
    /// For people.
    pub title: String,
    /// YAML.
    pub body: Vec<u8>,
    /// When.
    pub published_at: Timestamp,
    /// Name of the key.
    pub published_by: String,
}

type Row = (String, i32, Vec<u8>, String, Vec<u8>, SqlTimestamp, String);

fn from_row(row: Row) -> JourneyRow {
    let (journey_id, version, sha256, title, body, published_at, published_by) = row;
    JourneyRow { journey_id, version, sha256, title, body, published_at: published_at.to_jiff(), published_by }
}

/// Name, active version, paused.
pub type Active = (String, i32, bool);

/// What is active, by name.
///
/// # Errors
/// As the database says.
pub async fn active(executor: impl PgExecutor<'_>) -> Result<Vec<Active>, PgError> {
    let rows = sqlx::query_as("select journey_id, version, paused from journey_state order by journey_id")
        .fetch_all(executor)
        .await?;
    Ok(rows)
}

/// A version.
///
/// # Errors
/// As the database says.
pub async fn load(
    executor: impl PgExecutor<'_>,
    journey_id: &str,
    version: i32,
) -> Result<Option<JourneyRow>, PgError> {
    let row: Option<Row> = sqlx::query_as(
        "select journey_id, version, sha256, title, body, published_at, published_by from journey
         where journey_id = $1 and version = $2",
    )
    .bind(journey_id)
    .bind(version)
    .fetch_optional(executor)
    .await?;
    Ok(row.map(from_row))
}

/// Locks the state of a journey, or takes the lock under which a new one is made. Returns the active version, 0: none.
///
/// # Errors
/// As the database says.
pub async fn lock(connection: &mut PgConnection, journey_id: &str) -> Result<i32, PgError> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 7))")
        .bind(journey_id)
        .execute(&mut *connection)
        .await?;
    let version = sqlx::query_scalar("select version from journey_state where journey_id = $1 for update")
        .bind(journey_id)
        .fetch_optional(connection)
        .await?;
    Ok(version.unwrap_or(0))
}

/// The version with this text, if there is one.
///
/// # Errors
/// As the database says.
pub async fn by_text(connection: &mut PgConnection, journey_id: &str, sha256: &[u8]) -> Result<Option<i32>, PgError> {
    let version = sqlx::query_scalar("select version from journey where journey_id = $1 and sha256 = $2")
        .bind(journey_id)
        .bind(sha256)
        .fetch_optional(connection)
        .await?;
    Ok(version)
}

/// A new version; the lock is held.
///
/// # Errors
/// As the database says.
pub async fn insert(connection: &mut PgConnection, row: &JourneyRow) -> Result<(), PgError> {
    sqlx::query(
        "insert into journey (journey_id, version, sha256, title, body, published_at, published_by)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&row.journey_id)
    .bind(row.version)
    .bind(&row.sha256)
    .bind(&row.title)
    .bind(&row.body)
    .bind(to_sql(row.published_at))
    .bind(&row.published_by)
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes a version the active one; the lock is held.
///
/// # Errors
/// As the database says.
pub async fn activate(connection: &mut PgConnection, journey_id: &str, version: i32) -> Result<(), PgError> {
    sqlx::query(
        "insert into journey_state (journey_id, version) values ($1, $2)
         on conflict (journey_id) do update set version = excluded.version",
    )
    .bind(journey_id)
    .bind(version)
    .execute(connection)
    .await?;
    Ok(())
}

/// Stands still, or goes on. False: there is no such journey.
///
/// # Errors
/// As the database says.
pub async fn pause(connection: &mut PgConnection, journey_id: &str, paused: bool) -> Result<bool, PgError> {
    let done = sqlx::query("update journey_state set paused = $2 where journey_id = $1")
        .bind(journey_id)
        .bind(paused)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// The newest version of a number: 0 is none.
///
/// # Errors
/// As the database says.
pub async fn newest(connection: &mut PgConnection, journey_id: &str) -> Result<i32, PgError> {
    let version: Option<i32> = sqlx::query_scalar("select max(version) from journey where journey_id = $1")
        .bind(journey_id)
        .fetch_one(connection)
        .await?;
    Ok(version.unwrap_or(0))
}

/// People in flight by version.
///
/// # Errors
/// As the database says.
pub async fn in_flight(executor: impl PgExecutor<'_>, journey_id: &str) -> Result<Vec<(i32, i64)>, PgError> {
    let rows = sqlx::query_as(
        "select version, count(*) from enrollment where journey_id = $1 and state = 1 group by version order by version",
    )
    .bind(journey_id)
    .fetch_all(executor)
    .await?;
    Ok(rows)
}
