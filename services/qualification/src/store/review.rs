//! Tables `review` (on which day decay alone crosses a threshold) and `recompute` (whose timeline is to be folded anew).
//! Written by the fold, read by the workers.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use leadflow_platform::pg::PgError;
use sqlx::PgConnection;

use crate::domain::day::Day;
use crate::domain::identity::PersonId;

use super::tried;

/// Sets or deletes reviews. Under the lock of the person.
///
/// # Errors
/// [`PgError`].
pub async fn schedule(connection: &mut PgConnection, reviews: &[(PersonId, Option<Day>)]) -> Result<(), PgError> {
    sqlx::query(
        "with wanted as (select * from unnest($1::bigint[], $2::int[]) u(person_id, due_on)), \
         gone as (delete from review r using wanted w where r.person_id = w.person_id and w.due_on is null) \
         insert into review (person_id, due_on) select person_id, due_on from wanted where due_on is not null \
         on conflict (person_id) do update set due_on = excluded.due_on, attempts = 0 where review.due_on <> excluded.due_on",
    )
    .bind(reviews.iter().map(|(person, _)| person.0).collect::<Vec<_>>())
    .bind(reviews.iter().map(|(_, due)| due.map(|day| day.0)).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(tried("schedule reviews"))?;
    Ok(())
}

/// Persons whose review is due on `today` or was before, the oldest first. No lock.
///
/// # Errors
/// [`PgError`].
pub async fn due(connection: &mut PgConnection, today: Day, most: i64) -> Result<Vec<PersonId>, PgError> {
    let rows: Vec<i64> =
        sqlx::query_scalar("select person_id from review where due_on <= $1 order by due_on, person_id limit $2")
            .bind(today.0)
            .bind(most)
            .fetch_all(connection)
            .await
            .map_err(tried("find due reviews"))?;
    Ok(rows.into_iter().map(PersonId).collect())
}

/// Why a timeline is folded anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// An earlier link came late, a limit moved somebody, or links were undone.
    Identity = 1,
    /// Another scoring model.
    Model = 2,
    /// Somebody asked.
    Command = 3,
    /// Events were voided or came back.
    Reclassified = 4,
}

impl Reason {
    /// The reason with this number; what a newer binary noted is somebody's command.
    fn from_number(number: i16) -> Self {
        match number {
            1 => Self::Identity,
            2 => Self::Model,
            4 => Self::Reclassified,
            _ => Self::Command,
        }
    }
}

/// Notes persons whose timeline is to be folded anew; the earlier note stays.
///
/// # Errors
/// [`PgError`].
pub async fn note_recompute(
    connection: &mut PgConnection,
    persons: &[PersonId],
    reason: Reason,
    now: Timestamp,
) -> Result<(), PgError> {
    sqlx::query(
        "insert into recompute (person_id, reason, due_at) select person_id, $2, $3 from unnest($1::bigint[]) u(person_id) \
         on conflict (person_id) do nothing",
    )
    .bind(persons.iter().map(|person| person.0).collect::<Vec<_>>())
    .bind(reason as i16)
    .bind(now.to_sqlx())
    .execute(connection)
    .await
    .map_err(tried("note a recompute"))?;
    Ok(())
}

/// Who is to be folded anew, the oldest note first; without those that were put off. No lock.
///
/// # Errors
/// [`PgError`].
pub async fn pending_recompute(connection: &mut PgConnection, most: i64) -> Result<Vec<(PersonId, Reason)>, PgError> {
    let rows: Vec<(i64, i16)> = sqlx::query_as(
        "select person_id, reason from recompute where due_at <= clock() order by due_at, person_id limit $1",
    )
    .bind(most)
    .fetch_all(connection)
    .await
    .map_err(tried("find what is to be recomputed"))?;
    Ok(rows.into_iter().map(|(person, reason)| (PersonId(person), Reason::from_number(reason))).collect())
}

/// What is put off when it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chore {
    /// Looking at what decay alone changed: again tomorrow.
    Review,
    /// Folding the timeline anew: again in a minute.
    Recompute,
}

/// Puts a chore off and gives how often it has failed; none if it is not there any more.
///
/// # Errors
/// [`PgError`].
pub async fn put_off(connection: &mut PgConnection, chore: Chore, person: PersonId) -> Result<Option<i16>, PgError> {
    let statement = match chore {
        Chore::Review => {
            "update review set attempts = attempts + 1, due_on = (clock() at time zone 'UTC')::date - date '1970-01-01' + 1 \
             where person_id = $1 returning attempts"
        }
        Chore::Recompute => {
            "update recompute set attempts = attempts + 1, due_at = clock() + interval '1 minute' \
             where person_id = $1 returning attempts"
        }
    };
    sqlx::query_scalar(statement).bind(person.0).fetch_optional(connection).await.map_err(tried("put a chore off"))
}

/// Deletes notes: it is done.
///
/// # Errors
/// [`PgError`].
pub async fn forget_recompute(connection: &mut PgConnection, persons: &[PersonId]) -> Result<(), PgError> {
    sqlx::query("delete from recompute where person_id = any($1)")
        .bind(persons.iter().map(|person| person.0).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map_err(tried("delete recompute notes"))?;
    Ok(())
}

/// What was noted of persons who became one with another is the other's from now on; their reviews go.
///
/// # Errors
/// [`PgError`].
pub async fn hand_over(
    connection: &mut PgConnection,
    moves: &[(PersonId, PersonId)],
    now: Timestamp,
) -> Result<(), PgError> {
    sqlx::query(
        "with moves as (select * from unnest($1::bigint[], $2::bigint[]) u(from_id, into_id)), \
         gone as (delete from review r using moves m where r.person_id = m.from_id), \
         noted as (delete from recompute r using moves m where r.person_id = m.from_id returning m.into_id, r.reason) \
         insert into recompute (person_id, reason, due_at) select distinct on (into_id) into_id, reason, $3::timestamptz \
         from noted order by into_id, reason on conflict (person_id) do nothing",
    )
    .bind(moves.iter().map(|(from, _)| from.0).collect::<Vec<_>>())
    .bind(moves.iter().map(|(_, into)| into.0).collect::<Vec<_>>())
    .bind(now.to_sqlx())
    .execute(connection)
    .await
    .map_err(tried("hand reviews over"))?;
    Ok(())
}

/// Deletes reviews: they are looked at now.
///
/// # Errors
/// [`PgError`].
pub async fn forget_reviews(connection: &mut PgConnection, persons: &[PersonId]) -> Result<(), PgError> {
    sqlx::query("delete from review where person_id = any($1)")
        .bind(persons.iter().map(|person| person.0).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map_err(tried("delete reviews"))?;
    Ok(())
}

/// Deletes notes and reviews: done, or the person is gone.
///
/// # Errors
/// [`PgError`].
pub async fn forget(connection: &mut PgConnection, persons: &[PersonId]) -> Result<(), PgError> {
    let persons: Vec<i64> = persons.iter().map(|person| person.0).collect();
    sqlx::query(
        "with gone as (delete from review where person_id = any($1)) delete from recompute where person_id = any($1)",
    )
    .bind(persons)
    .execute(connection)
    .await
    .map_err(tried("delete reviews"))?;
    Ok(())
}
