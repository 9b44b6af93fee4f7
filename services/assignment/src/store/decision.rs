//! Table `decision`: what was decided, from what, by which rules. Read by `stream` for explanations and audits.

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::PgConnection;
use uuid::Uuid;

use super::to_sql;
use crate::domain::decision::Recorded;

/// One decision about to be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDecision {
    /// About which lead.
    pub lead_id: Uuid,
    /// `kind_number` of its result.
    pub kind: i16,
    /// When.
    pub at: Timestamp,
    /// "pool/default@3"; of answers and ends: "offer".
    pub rules: String,
    /// Events it stands on.
    pub inputs: Vec<Uuid>,
    /// Bytes, id, digest.
    pub recorded: Recorded,
}

/// Results with their numbers in the table.
const KINDS: [(i16, &str); 10] = [
    (1, "offer"),
    (2, "assign"),
    (3, "wait"),
    (4, "accept"),
    (5, "decline"),
    (6, "expire"),
    (7, "outcome"),
    (8, "withdraw"),
    (9, "close"),
    (10, "renew"),
];

/// Number of a result; 0 if there is none.
#[must_use]
pub fn kind_number(result: &str) -> i16 {
    KINDS.iter().find(|(_, name)| *name == result).map_or(0, |(number, _)| *number)
}

/// Result of a number.
#[must_use]
pub fn kind_name(number: i16) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == number).map_or("unknown", |(_, name)| name)
}

/// Keeps decisions. The same decision twice is one.
///
/// # Errors
/// As the database says.
pub async fn insert(connection: &mut PgConnection, new: &[NewDecision]) -> Result<(), PgError> {
    if new.is_empty() {
        return Ok(());
    }
    let inputs = |each: &NewDecision| each.inputs.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",");
    sqlx::query(
        "insert into decision (decision_id, lead_id, kind, at, rules, input, inputs, outcome, digest)
         select decision_id, lead_id, kind, at, rules, input, string_to_array(inputs, ',')::uuid[], outcome, digest
         from unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::timestamptz[], $5::text[], $6::bytea[], $7::text[],
             $8::bytea[], $9::bytea[])
             as n (decision_id, lead_id, kind, at, rules, input, inputs, outcome, digest)
         on conflict (decision_id) do nothing",
    )
    .bind(new.iter().map(|each| each.recorded.decision_id).collect::<Vec<_>>())
    .bind(new.iter().map(|each| each.lead_id).collect::<Vec<_>>())
    .bind(new.iter().map(|each| each.kind).collect::<Vec<_>>())
    .bind(new.iter().map(|each| to_sql(each.at)).collect::<Vec<_>>())
    .bind(new.iter().map(|each| each.rules.as_str()).collect::<Vec<_>>())
    .bind(new.iter().map(|each| each.recorded.input.as_slice()).collect::<Vec<_>>())
    .bind(new.iter().map(inputs).collect::<Vec<_>>())
    .bind(new.iter().map(|each| each.recorded.outcome.as_slice()).collect::<Vec<_>>())
    .bind(new.iter().map(|each| each.recorded.digest.as_slice()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_go_both_ways() {
        for (number, name) in KINDS {
            assert_eq!((kind_number(name), kind_name(number)), (number, name));
        }
        assert_eq!((kind_number("refused"), kind_name(0)), (0, "unknown"));
    }
}
