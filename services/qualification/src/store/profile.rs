//! Table `person_profile`, the cold row; written under the lock of its person.

use leadflow_platform::pg::PgError;
use sqlx::PgConnection;

use crate::domain::identity::PersonId;
use crate::domain::person::Profile;
use crate::wire::stored::{decode_profile, encode_profile};

use super::{corrupt, tried};

/// Profiles of those who have one.
///
/// # Errors
/// [`PgError`].
pub async fn read(connection: &mut PgConnection, persons: &[PersonId]) -> Result<Vec<(PersonId, Profile)>, PgError> {
    let rows: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("select person_id, profile from person_profile where person_id = any($1)")
            .bind(persons.iter().map(|person| person.0).collect::<Vec<_>>())
            .fetch_all(connection)
            .await
            .map_err(tried("read profiles"))?;
    rows.into_iter().map(|(id, bytes)| Ok((PersonId(id), decode_profile(&bytes).map_err(corrupt)?))).collect()
}

/// Writes profiles.
///
/// # Errors
/// [`PgError`].
pub async fn save(connection: &mut PgConnection, profiles: &[(PersonId, &Profile)]) -> Result<(), PgError> {
    let bytes: Vec<Vec<u8>> = profiles.iter().map(|(_, profile)| encode_profile(profile)).collect();
    sqlx::query(
        "insert into person_profile (person_id, profile) select * from unnest($1::bigint[], $2::bytea[]) \
         on conflict (person_id) do update set profile = excluded.profile",
    )
    .bind(profiles.iter().map(|(id, _)| id.0).collect::<Vec<_>>())
    .bind(bytes)
    .execute(connection)
    .await
    .map_err(tried("save profiles"))?;
    Ok(())
}

/// Deletes profiles: of persons who became one with another, or were erased.
///
/// # Errors
/// [`PgError`].
pub async fn delete(connection: &mut PgConnection, persons: &[PersonId]) -> Result<(), PgError> {
    sqlx::query("delete from person_profile where person_id = any($1)")
        .bind(persons.iter().map(|person| person.0).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map_err(tried("delete profiles"))?;
    Ok(())
}
