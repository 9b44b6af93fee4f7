//! Table `decision`: what was decided, with all that it stood on. Written once; erasure takes the input away.

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::decide::DecisionKind;
use crate::domain::identity::PersonId;

use super::{times, tried};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionRow {
    /// UUIDv5 of its inputs.
    pub decision_id: Uuid,
    /// About whom.
    pub person: PersonId,
    /// None of visitors and the disqualified.
    pub lead_id: Option<Uuid>,
    /// What it is about.
    pub kind: DecisionKind,
    /// Database clock.
    pub at: Timestamp,
    /// "scoring/default@7"
    pub rules: String,
    /// Canonical bytes of what `decide` got; none once erased.
    pub input: Option<Vec<u8>>,
    /// Ids of the events it stands on.
    pub inputs: Vec<Uuid>,
    /// Explanation with the events behind each line.
    pub lines: Vec<u8>,
    /// Canonical bytes of the answer.
    pub outcome: Vec<u8>,
    /// SHA-256 of input and outcome.
    pub digest: Vec<u8>,
}

/// Writes decisions.
///
/// # Errors
/// [`PgError`].
pub async fn insert(connection: &mut PgConnection, rows: &[DecisionRow]) -> Result<(), PgError> {
    // PostgreSQL has no ragged arrays: the ids of all rows in one array, with the end of each row's share.
    let mut ends = Vec::with_capacity(rows.len());
    let mut all = Vec::new();
    for row in rows {
        all.extend_from_slice(&row.inputs);
        ends.push(i32::try_from(all.len()).unwrap_or(i32::MAX));
    }
    let starts: Vec<i32> = std::iter::once(1).chain(ends.iter().map(|end| end + 1)).take(rows.len()).collect();
    sqlx::query(
        "insert into decision (decision_id, person_id, lead_id, kind, at, rules, input, inputs, lines, outcome, digest) \
         select decision_id, person_id, lead_id, kind, at, rules, input, ($12::uuid[])[first:last], lines, outcome, digest \
         from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::smallint[], $5::timestamptz[], $6::text[], $7::bytea[], \
           $8::int[], $9::int[], $10::bytea[], $11::bytea[], $13::bytea[]) \
           u(decision_id, person_id, lead_id, kind, at, rules, input, first, last, lines, outcome, digest)",
    )
    .bind(rows.iter().map(|row| row.decision_id).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.person.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.lead_id).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.kind.number()).collect::<Vec<_>>())
    .bind(times(rows.iter().map(|row| row.at)))
    .bind(rows.iter().map(|row| row.rules.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.input.as_deref()).collect::<Vec<_>>())
    .bind(starts)
    .bind(ends)
    .bind(rows.iter().map(|row| row.lines.as_slice()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.outcome.as_slice()).collect::<Vec<_>>())
    .bind(all)
    .bind(rows.iter().map(|row| row.digest.as_slice()).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(tried("write decisions"))?;
    Ok(())
}

/// Decisions about somebody who became one with another are the other's from now on.
///
/// # Errors
/// [`PgError`].
pub async fn move_to(connection: &mut PgConnection, moves: &[(PersonId, PersonId)]) -> Result<(), PgError> {
    sqlx::query(
        "update decision d set person_id = u.into_id from unnest($1::bigint[], $2::bigint[]) u(from_id, into_id) \
         where d.person_id = u.from_id",
    )
    .bind(moves.iter().map(|(from, _)| from.0).collect::<Vec<_>>())
    .bind(moves.iter().map(|(_, into)| into.0).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(tried("move decisions"))?;
    Ok(())
}

/// Takes the inputs of all decisions about a person away; numbers and digests stay.
///
/// # Errors
/// [`PgError`].
pub async fn take_inputs(connection: &mut PgConnection, person: PersonId) -> Result<(), PgError> {
    sqlx::query("update decision set input = null where person_id = $1 and input is not null")
        .bind(person.0)
        .execute(connection)
        .await
        .map_err(tried("take inputs away"))?;
    Ok(())
}

/// Which decisions to read.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// One.
    Decision(Uuid),
    /// All of a lead.
    Lead(Uuid),
    /// All of a person.
    Person(PersonId),
}

type Row =
    (Uuid, i64, Option<Uuid>, i16, jiff_sqlx::Timestamp, String, Option<Vec<u8>>, Vec<Uuid>, Vec<u8>, Vec<u8>, Vec<u8>);

/// Reads decisions, the oldest first.
///
/// # Errors
/// [`PgError`].
pub async fn read(connection: &mut PgConnection, wanted: Wanted) -> Result<Vec<DecisionRow>, PgError> {
    let (decision, lead, person) = match wanted {
        Wanted::Decision(id) => (Some(id), None, None),
        Wanted::Lead(id) => (None, Some(id), None),
        Wanted::Person(id) => (None, None, Some(id.0)),
    };
    let rows: Vec<Row> = sqlx::query_as(
        "select decision_id, person_id, lead_id, kind, at, rules, input, inputs, lines, outcome, digest from decision \
         where decision_id = $1 or lead_id = $2 or person_id = $3 order by at, kind, decision_id",
    )
    .bind(decision)
    .bind(lead)
    .bind(person)
    .fetch_all(connection)
    .await
    .map_err(tried("read decisions"))?;
    Ok(rows.into_iter().filter_map(from_row).collect())
}

/// A page of all decisions, in the order of their ids, after `after`.
///
/// # Errors
/// [`PgError`].
pub async fn page(connection: &mut PgConnection, after: Uuid, most: i64) -> Result<Vec<DecisionRow>, PgError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select decision_id, person_id, lead_id, kind, at, rules, input, inputs, lines, outcome, digest from decision \
         where decision_id > $1 order by decision_id limit $2",
    )
    .bind(after)
    .bind(most)
    .fetch_all(connection)
    .await
    .map_err(tried("read decisions"))?;
    Ok(rows.into_iter().filter_map(from_row).collect())
}

fn from_row(row: Row) -> Option<DecisionRow> {
    let (decision_id, person, lead_id, kind, at, rules, input, inputs, lines, outcome, digest) = row;
    let kind = DecisionKind::from_number(kind)?;
    let person = PersonId(person);
    Some(DecisionRow {
        decision_id,
        person,
        lead_id,
        kind,
        at: at.to_jiff(),
        rules,
        input,
        inputs,
        lines,
        outcome,
        digest,
    })
}
