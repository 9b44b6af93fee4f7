//! Table `identifier`, its erased rows: how they come to be, and how their text comes back. A tombstone is for ever: what is
//! older than `erased_at` is dropped, whoever the identifier belongs to by then.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use leadflow_platform::pg::PgError;
use sqlx::PgConnection;

use crate::domain::identity::{IdentifierId, PersonId};

use super::tried;

/// Makes tombstones: no value, no link, erased now, each with a person id of its own for whoever comes later. The person is
/// locked; the rows of the new persons are for the caller to write.
///
/// # Errors
/// [`PgError`].
pub async fn bury(
    connection: &mut PgConnection,
    identifiers: &[IdentifierId],
    now: Timestamp,
) -> Result<Vec<(IdentifierId, PersonId)>, PgError> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "update identifier set value = null, parent_id = null, linked_at = null, linked_by = null, erased_at = $2, \
         person_id = nextval('person_id'), departures = 0 where identifier_id = any($1) returning identifier_id, person_id",
    )
    .bind(identifiers.iter().map(|id| id.0).collect::<Vec<_>>())
    .bind(now.to_sqlx())
    .fetch_all(connection)
    .await
    .map_err(tried("bury identifiers"))?;
    Ok(rows.into_iter().map(|(id, person)| (IdentifierId(id), PersonId(person))).collect())
}

/// Writes the plain text of tombstones that were named again; that they were erased, and when, stays. The persons are locked.
///
/// # Errors
/// [`PgError`].
pub async fn name_again(connection: &mut PgConnection, named: &[(IdentifierId, &str)]) -> Result<(), PgError> {
    sqlx::query(
        "update identifier i set value = u.value from unnest($1::bigint[], $2::text[]) u(identifier_id, value) \
         where i.identifier_id = u.identifier_id and i.value is null and i.erased_at is not null",
    )
    .bind(named.iter().map(|(id, _)| id.0).collect::<Vec<_>>())
    .bind(named.iter().map(|(_, value)| *value).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(tried("name identifiers again"))?;
    Ok(())
}
