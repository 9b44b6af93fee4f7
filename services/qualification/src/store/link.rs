//! Table `link`: every pair of identifiers that events named together. Written under the locks of both persons.

use leadflow_platform::pg::PgError;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::identity::{Claim, IdentifierId, Link};

use super::{times, tried};

/// Which of these pairs are known already, with their earliest event.
///
/// # Errors
/// [`PgError`].
pub async fn find(connection: &mut PgConnection, claims: &[Claim]) -> Result<Vec<Claim>, PgError> {
    let rows: Vec<(i64, i64, jiff_sqlx::Timestamp, Uuid)> = sqlx::query_as(
        "select l.weak_id, l.strong_id, l.occurred_at, l.event_id \
         from unnest($1::bigint[], $2::bigint[]) c(weak_id, strong_id) \
         join link l on l.weak_id = c.weak_id and l.strong_id = c.strong_id",
    )
    .bind(claims.iter().map(|claim| claim.weak.0).collect::<Vec<_>>())
    .bind(claims.iter().map(|claim| claim.strong.0).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .map_err(tried("find links"))?;
    let claim = |(weak, strong, at, by): (i64, i64, jiff_sqlx::Timestamp, Uuid)| Claim {
        weak: IdentifierId(weak),
        strong: IdentifierId(strong),
        key: (at.to_jiff(), by),
    };
    Ok(rows.into_iter().map(claim).collect())
}

/// Writes links, each pair once; the earliest event of a pair stays.
///
/// # Errors
/// [`PgError`].
pub async fn save(connection: &mut PgConnection, links: &[Link]) -> Result<(), PgError> {
    sqlx::query(
        "insert into link (weak_id, strong_id, event_id, occurred_at, state, reason) \
         select * from unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::timestamptz[], $5::smallint[], $6::text[]) \
         on conflict (weak_id, strong_id) do update set state = excluded.state, reason = excluded.reason, \
           event_id = case when (excluded.occurred_at, excluded.event_id) < (link.occurred_at, link.event_id) \
             then excluded.event_id else link.event_id end, \
           occurred_at = least(excluded.occurred_at, link.occurred_at)",
    )
    .bind(links.iter().map(|link| link.claim.weak.0).collect::<Vec<_>>())
    .bind(links.iter().map(|link| link.claim.strong.0).collect::<Vec<_>>())
    .bind(links.iter().map(|link| link.claim.key.1).collect::<Vec<_>>())
    .bind(times(links.iter().map(|link| link.claim.key.0)))
    .bind(links.iter().map(|link| link.state.number()).collect::<Vec<_>>())
    .bind(links.iter().map(|link| link.reason).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(tried("save links"))?;
    Ok(())
}

/// Deletes every link of these identifiers.
///
/// # Errors
/// [`PgError`].
pub async fn delete(connection: &mut PgConnection, identifiers: &[IdentifierId]) -> Result<(), PgError> {
    sqlx::query("delete from link where weak_id = any($1) or strong_id = any($1)")
        .bind(identifiers.iter().map(|id| id.0).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map_err(tried("delete links"))?;
    Ok(())
}

/// Identifiers of others under which events named one of these.
///
/// # Errors
/// [`PgError`].
pub async fn strong_elsewhere(
    connection: &mut PgConnection,
    identifiers: &[IdentifierId],
) -> Result<Vec<IdentifierId>, PgError> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "select distinct strong_id from link where weak_id = any($1) and not strong_id = any($1) order by strong_id",
    )
    .bind(identifiers.iter().map(|id| id.0).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .map_err(tried("find links to others"))?;
    Ok(ids.into_iter().map(IdentifierId).collect())
}
