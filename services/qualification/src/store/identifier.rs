//! Table `identifier`: who is who. Rows of a person change only under the lock of that person's row.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use leadflow_platform::identity_key::KeyedHash;
use leadflow_platform::pg::PgError;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::identity::{IdentifierId, IdentifierKind, Node, Parent, PersonId};

use super::{optional_times, tried};

/// What an identifier is looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdentifierKey {
    /// Which kind.
    pub kind: IdentifierKind,
    /// Keyed hash of the normalised value.
    pub hash: KeyedHash,
}

/// One row, with what tells later whether it still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Kind, parent and person; the person is always there.
    pub node: Node,
    /// Whose it is.
    pub person: PersonId,
    /// Departures of that person when it was last moved. If the locked person has another number, it may have left since.
    pub departures: i32,
    /// Events up to then are dropped.
    pub erased_at: Option<Timestamp>,
    /// Plain text is there.
    pub has_value: bool,
}

/// One row of a person, with the person's version from the same snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The row.
    pub known: Known,
    /// `identity_version` of the person.
    pub identity_version: i32,
}

type Row = (
    i64,
    i64,
    i16,
    i64,
    i32,
    Option<i64>,
    Option<jiff_sqlx::Timestamp>,
    Option<Uuid>,
    Option<jiff_sqlx::Timestamp>,
    bool,
);

/// Looks identifiers up, without any lock. Gives the place in `keys` with each that exists.
///
/// # Errors
/// [`PgError`].
pub async fn resolve(connection: &mut PgConnection, keys: &[IdentifierKey]) -> Result<Vec<(usize, Known)>, PgError> {
    // The hash is made of kind and value: it is enough.
    let hashes: Vec<Uuid> = keys.iter().map(|key| Uuid::from_bytes(key.hash.0)).collect();
    let rows: Vec<Row> = sqlx::query_as(
        "select k.n, i.identifier_id, i.kind, i.person_id, i.departures, i.parent_id, i.linked_at, i.linked_by, i.erased_at, \
           i.value is not null \
         from unnest($1::uuid[]) with ordinality k(value_hash, n) join identifier i on i.value_hash = k.value_hash",
    )
    .bind(hashes)
    .fetch_all(connection)
    .await
    .map_err(tried("resolve identifiers"))?;
    Ok(rows.iter().filter_map(|row| Some((usize::try_from(row.0 - 1).ok()?, known(row)?))).collect())
}

/// All identifiers of these persons.
///
/// # Errors
/// [`PgError`].
pub async fn members(connection: &mut PgConnection, persons: &[PersonId]) -> Result<Vec<Member>, PgError> {
    let persons: Vec<i64> = persons.iter().map(|person| person.0).collect();
    let rows: Vec<Row> = sqlx::query_as(
        "select p.identity_version::bigint, i.identifier_id, i.kind, i.person_id, i.departures, i.parent_id, i.linked_at, \
         i.linked_by, i.erased_at, i.value is not null \
         from identifier i join person p on p.person_id = i.person_id where i.person_id = any($1)",
    )
    .bind(persons)
    .fetch_all(connection)
    .await
    .map_err(tried("read members"))?;
    Ok(rows.iter().filter_map(member).collect())
}

/// Identifiers that limits keep from their parents, which are among `parents`: for each kind the earliest `most`.
///
/// # Errors
/// [`PgError`].
pub async fn cut_children(
    connection: &mut PgConnection,
    parents: &[IdentifierId],
    most: usize,
) -> Result<Vec<Member>, PgError> {
    let parents: Vec<i64> = parents.iter().map(|id| id.0).collect();
    let rows: Vec<Row> = sqlx::query_as(
        "select p.identity_version::bigint, i.identifier_id, i.kind, i.person_id, i.departures, i.parent_id, i.linked_at, \
         i.linked_by, i.erased_at, i.value is not null \
         from generate_series(2, 4) k(kind) cross join lateral ( \
           select c.* from identifier c join identifier s on s.identifier_id = c.parent_id \
           where c.parent_id = any($1) and c.kind = k.kind and c.person_id <> s.person_id \
           order by c.linked_at, c.linked_by, c.identifier_id limit $2) i \
         join person p on p.person_id = i.person_id",
    )
    .bind(parents)
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await
    .map_err(tried("read what limits cut"))?;
    Ok(rows.iter().filter_map(member).collect())
}

/// One identifier to be inserted.
#[derive(Clone, Copy, Debug)]
pub struct NewIdentifier<'a> {
    /// Its key.
    pub key: IdentifierKey,
    /// Plain text, except of anonymous ids.
    pub value: Option<&'a str>,
}

/// Inserts the missing ones, sorted, each with a person id of its own; the person's row is for the caller to write. Waits
/// for whoever inserts the same at this moment; what they inserted is not returned.
///
/// # Errors
/// [`PgError`].
pub async fn insert_missing(
    connection: &mut PgConnection,
    missing: &mut Vec<NewIdentifier<'_>>,
    now: Timestamp,
) -> Result<Vec<(IdentifierKey, IdentifierId, PersonId)>, PgError> {
    missing.sort_unstable_by_key(|one| one.key);
    let keys: Vec<IdentifierKey> = missing.iter().map(|one| one.key).collect();
    let kinds: Vec<i16> = keys.iter().map(|key| key.kind.number()).collect();
    let hashes: Vec<Uuid> = keys.iter().map(|key| Uuid::from_bytes(key.hash.0)).collect();
    let values: Vec<Option<&str>> = missing.iter().map(|one| one.value).collect();
    let rows: Vec<(i16, Uuid, i64, i64)> = sqlx::query_as(
        "insert into identifier (kind, value_hash, value, person_id, departures, first_seen) \
         select kind, value_hash, value, nextval('person_id'), 0, $4 \
         from unnest($1::smallint[], $2::uuid[], $3::text[]) with ordinality k(kind, value_hash, value, n) order by n \
         on conflict (value_hash) do nothing returning kind, value_hash, identifier_id, person_id",
    )
    .bind(kinds)
    .bind(hashes)
    .bind(values)
    .bind(now.to_sqlx())
    .fetch_all(connection)
    .await
    .map_err(tried("insert identifiers"))?;
    let inserted = rows.into_iter().filter_map(|(kind, hash, identifier, person)| {
        let hash = KeyedHash(hash.into_bytes());
        Some((
            IdentifierKey { kind: IdentifierKind::from_number(kind)?, hash },
            IdentifierId(identifier),
            PersonId(person),
        ))
    });
    Ok(inserted.collect())
}

/// Where an identifier belongs from now on.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Which.
    pub id: IdentifierId,
    /// Whose.
    pub person: PersonId,
    /// Departures of that person.
    pub departures: i32,
    /// Its earliest link.
    pub parent: Option<Parent>,
}

/// Moves identifiers. Both persons are locked.
///
/// # Errors
/// [`PgError`].
pub async fn place(connection: &mut PgConnection, places: &[Place]) -> Result<(), PgError> {
    let ids: Vec<i64> = places.iter().map(|place| place.id.0).collect();
    let persons: Vec<i64> = places.iter().map(|place| place.person.0).collect();
    let parents: Vec<Option<i64>> = places.iter().map(|place| place.parent.map(|parent| parent.strong.0)).collect();
    let linked_at = optional_times(places.iter().map(|place| place.parent.map(|parent| parent.key.0)));
    let linked_by: Vec<Option<Uuid>> = places.iter().map(|place| place.parent.map(|parent| parent.key.1)).collect();
    sqlx::query(
        "update identifier i set person_id = u.person_id, parent_id = u.parent_id, linked_at = u.linked_at, \
         linked_by = u.linked_by, departures = u.departures \
         from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::uuid[], $6::int[]) \
           u(identifier_id, person_id, parent_id, linked_at, linked_by, departures) \
         where i.identifier_id = u.identifier_id",
    )
    .bind(ids)
    .bind(persons)
    .bind(parents)
    .bind(linked_at)
    .bind(linked_by)
    .bind(places.iter().map(|place| place.departures).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(tried("move identifiers"))?;
    Ok(())
}

/// Kinds and hashes of these identifiers.
///
/// # Errors
/// [`PgError`].
pub async fn keys(connection: &mut PgConnection, identifiers: &[IdentifierId]) -> Result<Vec<IdentifierKey>, PgError> {
    let rows: Vec<(i16, Uuid)> =
        sqlx::query_as("select kind, value_hash from identifier where identifier_id = any($1)")
            .bind(identifiers.iter().map(|id| id.0).collect::<Vec<_>>())
            .fetch_all(connection)
            .await
            .map_err(tried("read identifiers"))?;
    let key = |(kind, hash): (i16, Uuid)| {
        Some(IdentifierKey { kind: IdentifierKind::from_number(kind)?, hash: KeyedHash(hash.into_bytes()) })
    };
    Ok(rows.into_iter().filter_map(key).collect())
}

/// Takes the parent away. The persons are locked.
///
/// # Errors
/// [`PgError`].
pub async fn orphan(connection: &mut PgConnection, identifiers: &[IdentifierId]) -> Result<(), PgError> {
    sqlx::query(
        "update identifier set parent_id = null, linked_at = null, linked_by = null where identifier_id = any($1)",
    )
    .bind(identifiers.iter().map(|id| id.0).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(tried("take parents away"))?;
    Ok(())
}

/// Draws `count` ids for persons.
///
/// # Errors
/// [`PgError`].
pub async fn draw_person_ids(connection: &mut PgConnection, count: usize) -> Result<Vec<PersonId>, PgError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let ids: Vec<i64> = sqlx::query_scalar("select nextval('person_id') from generate_series(1, $1)")
        .bind(count)
        .fetch_all(connection)
        .await
        .map_err(tried("draw person ids"))?;
    Ok(ids.into_iter().map(PersonId).collect())
}

/// How somebody can be reached: e-mails, phones and user ids of a person in plain text, in the order in which they were
/// linked.
///
/// # Errors
/// [`PgError`].
pub async fn contacts(
    connection: &mut PgConnection,
    persons: &[PersonId],
) -> Result<Vec<(PersonId, IdentifierKind, String)>, PgError> {
    let persons: Vec<i64> = persons.iter().map(|person| person.0).collect();
    let rows: Vec<(i64, i16, String)> = sqlx::query_as(
        "select person_id, kind, value from identifier \
         where person_id = any($1) and kind < 4 and value is not null \
         order by person_id, kind, linked_at nulls first, linked_by, identifier_id",
    )
    .bind(persons)
    .fetch_all(connection)
    .await
    .map_err(tried("read contacts"))?;
    let contact = |(person, kind, value)| Some((PersonId(person), IdentifierKind::from_number(kind)?, value));
    Ok(rows.into_iter().filter_map(contact).collect())
}

fn member(row: &Row) -> Option<Member> {
    Some(Member { known: known(row)?, identity_version: i32::try_from(row.0).ok()? })
}

fn known(row: &Row) -> Option<Known> {
    let (_, id, kind, person, departures, parent, linked_at, linked_by, erased_at, has_value) = *row;
    let parent = match (parent, linked_at, linked_by) {
        (Some(strong), Some(at), Some(by)) => Some(Parent { strong: IdentifierId(strong), key: (at.to_jiff(), by) }),
        _ => None,
    };
    let person = PersonId(person);
    Some(Known {
        node: Node { id: IdentifierId(id), kind: IdentifierKind::from_number(kind)?, parent, person: Some(person) },
        person,
        departures,
        erased_at: erased_at.map(jiff_sqlx::Timestamp::to_jiff),
        has_value,
    })
}
