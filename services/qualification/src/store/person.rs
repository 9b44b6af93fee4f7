//! Table `person`, the hot row: locked once per batch in the order of ids, rewritten when it changed.

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::identity::PersonId;

use super::{times, tried};

/// One row, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRow {
    /// Row number.
    pub id: PersonId,
    /// Public id.
    pub uid: Uuid,
    /// Moves with every write.
    pub version: i32,
    /// Moves with every change of the person's identifiers.
    pub identity_version: i32,
    /// Moves when an identifier leaves the person.
    pub departures: i32,
    /// Whose identifiers they are now, if not this person's.
    pub merged_into: Option<PersonId>,
    /// Company.
    pub account_id: Option<Uuid>,
    /// Which model the accumulator is made with.
    pub model_no: i32,
    /// See `people::Marks`.
    pub flags: i32,
    /// Score of `scored_on`.
    pub score_milli: i32,
    /// 0 for A to 3 for D.
    pub grade: i16,
    /// UTC day.
    pub scored_on: i32,
    /// Latest occurrence.
    pub last_seen: Timestamp,
    /// Accumulator.
    pub acc: Vec<u8>,
    /// First and last touch.
    pub touch: Vec<u8>,
}

type Row = (
    i64,
    Uuid,
    i32,
    i32,
    Option<i64>,
    Option<Uuid>,
    i32,
    i32,
    i32,
    i16,
    i32,
    jiff_sqlx::Timestamp,
    Vec<u8>,
    Vec<u8>,
    i32,
);

/// Locks these persons in the order of their ids and reads them.
///
/// # Errors
/// [`PgError`].
pub async fn lock(connection: &mut PgConnection, persons: &[PersonId]) -> Result<Vec<PersonRow>, PgError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select person_id, person_uid, version, identity_version, merged_into, account_id, model_no, flags, score_milli, \
         grade, scored_on, last_seen, acc, touch, departures from person \
         where person_id = any($1) order by person_id for no key update",
    )
    .bind(persons.iter().map(|person| person.0).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .map_err(tried("lock persons"))?;
    Ok(rows.into_iter().map(from_row).collect())
}

/// Reads persons without a lock.
///
/// # Errors
/// [`PgError`].
pub async fn read(connection: &mut PgConnection, persons: &[PersonId]) -> Result<Vec<PersonRow>, PgError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select person_id, person_uid, version, identity_version, merged_into, account_id, model_no, flags, score_milli, \
         grade, scored_on, last_seen, acc, touch, departures from person where person_id = any($1) order by person_id",
    )
    .bind(persons.iter().map(|person| person.0).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .map_err(tried("read persons"))?;
    Ok(rows.into_iter().map(from_row).collect())
}

/// Inserts new persons.
///
/// # Errors
/// [`PgError`].
pub async fn insert(connection: &mut PgConnection, persons: &[PersonRow]) -> Result<(), PgError> {
    sqlx::query(
        "insert into person (person_id, version, identity_version, merged_into, account_id, model_no, flags, score_milli, \
           grade, scored_on, last_seen, acc, touch, person_uid, slot, departures) \
         select * from unnest($1::bigint[], $2::int[], $3::int[], $4::bigint[], $5::uuid[], $6::int[], $7::int[], \
           $8::int[], $9::smallint[], $10::int[], $11::timestamptz[], $12::bytea[], $13::bytea[], $14::uuid[], \
           $15::smallint[], $16::int[])",
    )
    .bind(persons.iter().map(|row| row.id.0).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.version).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.identity_version).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.merged_into.map(|into| into.0)).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.account_id).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.model_no).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.flags).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.score_milli).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.grade).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.scored_on).collect::<Vec<_>>())
    .bind(times(persons.iter().map(|row| row.last_seen)))
    .bind(persons.iter().map(|row| row.acc.as_slice()).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.touch.as_slice()).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.uid).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| slot(row.uid)).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.departures).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(tried("insert persons"))?;
    Ok(())
}

/// Rewrites persons that are locked.
///
/// # Errors
/// [`PgError`].
pub async fn update(connection: &mut PgConnection, persons: &[PersonRow]) -> Result<(), PgError> {
    sqlx::query(
        "update person p set version = u.version, identity_version = u.identity_version, merged_into = u.merged_into, \
           account_id = u.account_id, model_no = u.model_no, flags = u.flags, score_milli = u.score_milli, \
           grade = u.grade, scored_on = u.scored_on, last_seen = u.last_seen, acc = u.acc, touch = u.touch, \
           departures = u.departures \
         from unnest($1::bigint[], $2::int[], $3::int[], $4::bigint[], $5::uuid[], $6::int[], $7::int[], $8::int[], \
           $9::smallint[], $10::int[], $11::timestamptz[], $12::bytea[], $13::bytea[], $14::int[]) \
           u(person_id, version, identity_version, merged_into, account_id, model_no, flags, score_milli, grade, \
             scored_on, last_seen, acc, touch, departures) \
         where p.person_id = u.person_id",
    )
    .bind(persons.iter().map(|row| row.id.0).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.version).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.identity_version).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.merged_into.map(|into| into.0)).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.account_id).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.model_no).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.flags).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.score_milli).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.grade).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.scored_on).collect::<Vec<_>>())
    .bind(times(persons.iter().map(|row| row.last_seen)))
    .bind(persons.iter().map(|row| row.acc.as_slice()).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.touch.as_slice()).collect::<Vec<_>>())
    .bind(persons.iter().map(|row| row.departures).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(tried("update persons"))?;
    Ok(())
}

/// Follows a chain of merges to the person who goes on.
///
/// # Errors
/// [`PgError`].
pub async fn follow(connection: &mut PgConnection, person: PersonId) -> Result<Option<PersonId>, PgError> {
    let id: Option<i64> = sqlx::query_scalar(
        "with recursive chain(person_id, merged_into) as ( \
           select person_id, merged_into from person where person_id = $1 \
           union all select p.person_id, p.merged_into from person p join chain c on p.person_id = c.merged_into) \
         select person_id from chain where merged_into is null",
    )
    .bind(person.0)
    .fetch_optional(connection)
    .await
    .map_err(tried("follow merges"))?;
    Ok(id.map(PersonId))
}

/// The person with this public id, followed through merges.
///
/// # Errors
/// [`PgError`].
pub async fn find_by_uid(connection: &mut PgConnection, uid: Uuid) -> Result<Option<PersonId>, PgError> {
    let id: Option<i64> = sqlx::query_scalar("select person_id from person where person_uid = $1 order by person_id")
        .bind(uid)
        .fetch_optional(&mut *connection)
        .await
        .map_err(tried("find a person"))?;
    match id {
        Some(id) => follow(connection, PersonId(id)).await,
        None => Ok(None),
    }
}

/// For sharding by person later: 0 to 4095.
fn slot(uid: Uuid) -> i16 {
    let [.., high, low] = *uid.as_bytes();
    i16::from_be_bytes([high & 0x0f, low])
}

fn from_row(row: Row) -> PersonRow {
    let (id, uid, version, identity_version, merged_into, account_id, model_no, flags, score_milli, grade, ..) = row;
    PersonRow {
        id: PersonId(id),
        uid,
        version,
        identity_version,
        merged_into: merged_into.map(PersonId),
        account_id,
        model_no,
        flags,
        score_milli,
        grade,
        scored_on: row.10,
        last_seen: row.11.to_jiff(),
        acc: row.12,
        touch: row.13,
        departures: row.14,
    }
}
