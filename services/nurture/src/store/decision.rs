//! Table `decision`: what was decided, from what, by which rules.

use jiff::Timestamp;
use jiff_sqlx::Timestamp as SqlTimestamp;
use leadflow_platform::pg::PgError;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{column, to_sql};
use crate::domain::decision::Recorded;

/// One decision about to be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDecision {
    /// About which lead.
    pub lead_id: Uuid,
    /// enrol, hold_out, step, exit, send, skip, put_off.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// "journey/warm-up@3"
    pub rules: String,
    /// Of the journey.
    pub step: String,
    /// Events it stands on.
    pub inputs: Vec<Uuid>,
    /// Bytes, id, digest.
    pub recorded: Recorded,
}

/// One decision that was kept.
#[derive(Clone, Debug)]
pub struct DecisionRow {
    /// Its id.
    pub decision_id: Uuid,
    /// About which lead.
    pub lead_id: Uuid,
    /// As written.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// As written.
    pub rules: String,
    /// As written.
    pub step: String,
    /// None: erased.
    pub input: Option<Vec<u8>>,
    /// Events it stands on.
    pub inputs: Vec<Uuid>,
    /// Canonical bytes.
    pub outcome: Vec<u8>,
    /// SHA-256.
    pub digest: Vec<u8>,
}

type Row = (Uuid, Uuid, String, SqlTimestamp, String, String, Option<Vec<u8>>, Vec<Uuid>, Vec<u8>, Vec<u8>);

fn from_row(row: Row) -> DecisionRow {
    let (decision_id, lead_id, kind, at, rules, step, input, inputs, outcome, digest) = row;
    DecisionRow { decision_id, lead_id, kind, at: at.to_jiff(), rules, step, input, inputs, outcome, digest }
}

/// Keeps decisions. The same decision twice is one.
///
/// # Errors
/// As the database says.
pub async fn insert(connection: &mut PgConnection, new: &[NewDecision]) -> Result<(), PgError> {
    if new.is_empty() {
        return Ok(());
    }
    let new: Vec<&NewDecision> = new.iter().collect();
    let inputs = |each: &NewDecision| each.inputs.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",");
    sqlx::query(
        "insert into decision (decision_id, lead_id, kind, at, rules, step, input, inputs, outcome, digest)
         select decision_id, lead_id, kind, at, rules, step, input, string_to_array(inputs, ',')::uuid[], outcome, digest
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::bytea[],
             $8::text[], $9::bytea[], $10::bytea[])
             as n (decision_id, lead_id, kind, at, rules, step, input, inputs, outcome, digest)
         on conflict (decision_id) do nothing",
    )
    .bind(column(&new, |each| each.recorded.decision_id))
    .bind(column(&new, |each| each.lead_id))
    .bind(column(&new, |each| each.kind.as_str()))
    .bind(column(&new, |each| to_sql(each.at)))
    .bind(column(&new, |each| each.rules.as_str()))
    .bind(column(&new, |each| each.step.as_str()))
    .bind(column(&new, |each| each.recorded.input.as_slice()))
    .bind(column(&new, inputs))
    .bind(column(&new, |each| each.recorded.outcome.as_slice()))
    .bind(column(&new, |each| each.recorded.digest.as_slice()))
    .execute(connection)
    .await?;
    Ok(())
}

/// Of one lead, oldest first.
///
/// # Errors
/// As the database says.
pub async fn by_lead(pool: &PgPool, lead_id: Uuid) -> Result<Vec<DecisionRow>, PgError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select decision_id, lead_id, kind, at, rules, step, input, inputs, outcome, digest from decision
         where lead_id = $1 order by at, decision_id limit 2000",
    )
    .bind(lead_id)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(from_row).collect())
}

/// Of all leads, by id.
///
/// # Errors
/// As the database says.
pub async fn after(pool: &PgPool, decision_id: Uuid, limit: i64) -> Result<Vec<DecisionRow>, PgError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select decision_id, lead_id, kind, at, rules, step, input, inputs, outcome, digest from decision
         where decision_id > $1 order by decision_id limit $2",
    )
    .bind(decision_id)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(from_row).collect())
}
