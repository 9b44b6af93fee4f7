//! Table `owner`: whose person or account it is, by keyed hash.

use std::collections::HashMap;

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::PgConnection;
use uuid::Uuid;

use super::to_sql;

/// What is owned. Numbers are those of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum OwnedKind {
    /// A person.
    Person = 1,
    /// A company, by its domain.
    Account = 2,
}

/// Something that somebody may own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwnerKey {
    /// What.
    pub kind: OwnedKind,
    /// Keyed hash.
    pub hash: Vec<u8>,
}

/// Who owns these.
///
/// # Errors
/// As the database says.
pub async fn load(connection: &mut PgConnection, keys: &[OwnerKey]) -> Result<HashMap<OwnerKey, String>, PgError> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(i16, Vec<u8>, String)> = sqlx::query_as(
        "select o.kind, o.key_hash, o.rep_id from unnest($1::smallint[], $2::bytea[]) as k (kind, key_hash)
         join owner o using (kind, key_hash)",
    )
    .bind(keys.iter().map(|key| key.kind as i16).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.hash.as_slice()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let kind = |number| if number == OwnedKind::Person as i16 { OwnedKind::Person } else { OwnedKind::Account };
    Ok(rows.into_iter().map(|(number, hash, rep_id)| (OwnerKey { kind: kind(number), hash }, rep_id)).collect())
}

/// These are the rep's from now on. The last owner counts. Keys are written in one order, so that two writers cannot
/// wait for each other.
///
/// # Errors
/// As the database says.
pub async fn put(connection: &mut PgConnection, owners: &[(OwnerKey, String)], now: Timestamp) -> Result<(), PgError> {
    if owners.is_empty() {
        return Ok(());
    }
    let mut sorted: Vec<&(OwnerKey, String)> = owners.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| (a.kind as i16, &a.hash).cmp(&(b.kind as i16, &b.hash)));
    // One statement must not touch a row twice: of several owners the last one given stays.
    sorted.reverse();
    sorted.dedup_by(|(a, _), (b, _)| a == b);
    sorted.reverse();
    sqlx::query(
        "insert into owner (kind, key_hash, rep_id, since)
         select kind, key_hash, rep_id, $4 from unnest($1::smallint[], $2::bytea[], $3::text[])
             with ordinality as n (kind, key_hash, rep_id, place) order by place
         on conflict (kind, key_hash) do update set rep_id = excluded.rep_id, since = excluded.since
         where owner.rep_id <> excluded.rep_id",
    )
    .bind(sorted.iter().map(|(key, _)| key.kind as i16).collect::<Vec<_>>())
    .bind(sorted.iter().map(|(key, _)| key.hash.as_slice()).collect::<Vec<_>>())
    .bind(sorted.iter().map(|(_, rep_id)| rep_id.as_str()).collect::<Vec<_>>())
    .bind(to_sql(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// The owner of a merged person becomes the owner of the person of that lead, unless that one has an owner, or the lead was
/// never heard of.
///
/// # Errors
/// As the database says.
pub async fn repoint(connection: &mut PgConnection, from: &[u8], into_lead: Uuid) -> Result<(), PgError> {
    sqlx::query(
        "insert into owner (kind, key_hash, rep_id, since)
         select o.kind, l.person_key, o.rep_id, o.since from owner o, lead l
         where o.kind = 1 and o.key_hash = $1 and l.lead_id = $2 and l.person_key is not null
         on conflict (kind, key_hash) do nothing",
    )
    .bind(from)
    .bind(into_lead)
    .execute(connection)
    .await?;
    Ok(())
}

/// Nobody owns these persons: they were forgotten.
///
/// # Errors
/// As the database says.
pub async fn forget(connection: &mut PgConnection, person_keys: &[Vec<u8>]) -> Result<(), PgError> {
    sqlx::query("delete from owner where kind = 1 and key_hash = any($1)")
        .bind(person_keys)
        .execute(connection)
        .await?;
    Ok(())
}
