//! Table `model`: scoring models as they were published. Immutable but for which one is active.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use leadflow_platform::pg::PgError;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;

use super::tried;

/// One published version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRow {
    /// From 1 up, in the order of publishing.
    pub model_no: i32,
    /// As its author called it.
    pub name: String,
    /// Of the body.
    pub sha256: Vec<u8>,
    /// Whether new persons get it.
    pub active: bool,
    /// Database clock.
    pub published_at: Timestamp,
}

/// Number of the active model; none before the first was published.
///
/// # Errors
/// [`PgError`].
pub async fn active(connection: &mut PgConnection) -> Result<Option<i32>, PgError> {
    sqlx::query_scalar("select model_no from model where active")
        .fetch_optional(connection)
        .await
        .map_err(tried("find the active model"))
}

/// Body of a model.
///
/// # Errors
/// [`PgError`].
pub async fn body(connection: &mut PgConnection, model_no: i32) -> Result<Option<Vec<u8>>, PgError> {
    sqlx::query_scalar("select body from model where model_no = $1")
        .bind(model_no)
        .fetch_optional(connection)
        .await
        .map_err(tried("read a model"))
}

/// Newest first.
///
/// # Errors
/// [`PgError`].
pub async fn list(connection: &mut PgConnection) -> Result<Vec<ModelRow>, PgError> {
    let rows: Vec<(i32, String, Vec<u8>, bool, jiff_sqlx::Timestamp)> =
        sqlx::query_as("select model_no, name, sha256, active, published_at from model order by model_no desc")
            .fetch_all(connection)
            .await
            .map_err(tried("list models"))?;
    let model = |(model_no, name, sha256, active, at): (i32, String, Vec<u8>, bool, jiff_sqlx::Timestamp)| ModelRow {
        model_no,
        name,
        sha256,
        active,
        published_at: at.to_jiff(),
    };
    Ok(rows.into_iter().map(model).collect())
}

/// Makes a checked body the active version. The same body again gets its number again. Returns the number, and whether
/// anything is different now.
///
/// # Errors
/// [`PgError`].
pub async fn publish(
    connection: &mut PgConnection,
    name: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<(i32, bool), PgError> {
    // One publisher at a time; readers go on.
    sqlx::query("lock table model in share row exclusive mode")
        .execute(&mut *connection)
        .await
        .map_err(tried("lock models"))?;
    let sha256 = Sha256::digest(body).to_vec();
    let known: Option<(i32, bool)> = sqlx::query_as("select model_no, active from model where sha256 = $1")
        .bind(&sha256)
        .fetch_optional(&mut *connection)
        .await
        .map_err(tried("find a model"))?;
    if let Some((model_no, true)) = known {
        return Ok((model_no, false));
    }
    sqlx::query("update model set active = false where active")
        .execute(&mut *connection)
        .await
        .map_err(tried("retire a model"))?;
    if let Some((model_no, false)) = known {
        sqlx::query("update model set active = true, swept = false, swept_to = 0 where model_no = $1")
            .bind(model_no)
            .execute(&mut *connection)
            .await
            .map_err(tried("activate a model"))?;
        return Ok((model_no, true));
    }
    let model_no = sqlx::query_scalar(
        "insert into model (model_no, name, sha256, body, active, published_at) \
         select coalesce(max(model_no), 0) + 1, $1, $2, $3, true, $4 from model returning model_no",
    )
    .bind(name)
    .bind(sha256)
    .bind(body)
    .bind(now.to_sqlx())
    .fetch_one(connection)
    .await
    .map_err(tried("insert a model"))?;
    Ok((model_no, true))
}

/// Notes the next page of persons who are not on the active model, and how far the sweep has come; gives how many were
/// looked at, 0 when it is done.
///
/// # Errors
/// [`PgError`].
pub async fn sweep(connection: &mut PgConnection, most: i64, now: Timestamp) -> Result<i64, PgError> {
    let looked_at: Option<i64> = sqlx::query_scalar(
        "with active as (select model_no, swept_to from model where active and not swept for update), \
         page as (select p.person_id, p.model_no from active a, lateral ( \
           select person_id, model_no, merged_into from person where person_id > a.swept_to order by person_id limit $1) p), \
         noted as (insert into recompute (person_id, reason, due_at) \
           select p.person_id, 2, $2 from page p, active a where p.model_no <> a.model_no on conflict (person_id) do nothing), \
         moved as (update model m set swept_to = coalesce((select max(person_id) from page), m.swept_to), \
             swept = not exists (select from page) \
           from active a where m.model_no = a.model_no) \
         select count(*) from page",
    )
    .bind(most)
    .bind(now.to_sqlx())
    .fetch_optional(connection)
    .await
    .map_err(tried("sweep to the active model"))?;
    Ok(looked_at.unwrap_or(0))
}

/// How many recompute notes wait, counted to `most`.
///
/// # Errors
/// [`PgError`].
pub async fn waiting_for_recompute(connection: &mut PgConnection, most: i64) -> Result<i64, PgError> {
    sqlx::query_scalar("select count(*) from (select from recompute limit $1) noted")
        .bind(most)
        .fetch_one(connection)
        .await
        .map_err(tried("count recompute notes"))
}
