//! Table `assignment`: each offer and what became of it. At most one of a lead is active, by a unique index.

use std::collections::HashMap;

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::{from_sql_option, to_sql, to_sql_option, unreadable};
use crate::domain::lead::AssignmentState;

/// One offer.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// UUIDv5 of the lead and the decision.
    pub assignment_id: Uuid,
    /// Which lead.
    pub lead_id: Uuid,
    /// Whose.
    pub rep_id: String,
    /// Whose shares.
    pub pool_id: String,
    /// Where it stands.
    pub state: AssignmentState,
    /// When it was offered or assigned.
    pub offered_at: Timestamp,
    /// None: no answer needed.
    pub respond_by: Option<Timestamp>,
    /// `respond_by` is the end of the rep's schedule.
    pub schedule_cut: bool,
    /// First human touch.
    pub touched_at: Option<Timestamp>,
    /// When the rep took it.
    pub accepted_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// Why him.
    pub decision_id: Uuid,
    /// Whose shares were used; None: nothing was shared out.
    pub stretch_no: Option<i32>,
}

fn from_row(row: &PgRow) -> Result<Assignment, sqlx::Error> {
    let at = |column| row.try_get(column).map(from_sql_option);
    Ok(Assignment {
        assignment_id: row.try_get("assignment_id")?,
        lead_id: row.try_get("lead_id")?,
        rep_id: row.try_get("rep_id")?,
        pool_id: row.try_get("pool_id")?,
        state: AssignmentState::from_number(row.try_get("state")?).ok_or_else(|| unreadable("state"))?,
        offered_at: at("offered_at")?.ok_or_else(|| unreadable("offered_at"))?,
        respond_by: at("respond_by")?,
        schedule_cut: row.try_get("schedule_cut")?,
        touched_at: at("touched_at")?,
        accepted_at: at("accepted_at")?,
        ended_at: at("ended_at")?,
        decision_id: row.try_get("decision_id")?,
        stretch_no: row.try_get("stretch_no")?,
    })
}

/// The active assignments of these leads, whose locks are held.
///
/// # Errors
/// As the database says.
pub async fn active(connection: &mut PgConnection, lead_ids: &[Uuid]) -> Result<HashMap<Uuid, Assignment>, PgError> {
    if lead_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(
        "select assignment_id, lead_id, rep_id, pool_id, state, offered_at, respond_by, schedule_cut, touched_at,
             accepted_at, ended_at, decision_id, stretch_no
         from assignment where lead_id = any($1) and state in (1, 2)",
    )
    .bind(lead_ids)
    .fetch_all(connection)
    .await?;
    let assignments = rows.iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
    Ok(assignments.into_iter().map(|assignment| (assignment.lead_id, assignment)).collect())
}

/// New offers.
///
/// # Errors
/// As the database says; 23505 on `assignment_one_active_per_lead` would be a defect of the planner.
pub async fn insert(connection: &mut PgConnection, new: &[Assignment]) -> Result<(), PgError> {
    if new.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into assignment (assignment_id, lead_id, rep_id, pool_id, state, offered_at, respond_by, schedule_cut,
             accepted_at, decision_id, stretch_no)
         select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::timestamptz[],
             $7::timestamptz[], $8::boolean[], $9::timestamptz[], $10::uuid[], $11::int[])",
    )
    .bind(new.iter().map(|each| each.assignment_id).collect::<Vec<_>>())
    .bind(new.iter().map(|each| each.lead_id).collect::<Vec<_>>())
    .bind(new.iter().map(|each| each.rep_id.as_str()).collect::<Vec<_>>())
    .bind(new.iter().map(|each| each.pool_id.as_str()).collect::<Vec<_>>())
    .bind(new.iter().map(|each| each.state as i16).collect::<Vec<_>>())
    .bind(new.iter().map(|each| to_sql(each.offered_at)).collect::<Vec<_>>())
    .bind(new.iter().map(|each| to_sql_option(each.respond_by)).collect::<Vec<_>>())
    .bind(new.iter().map(|each| each.schedule_cut).collect::<Vec<_>>())
    .bind(new.iter().map(|each| to_sql_option(each.accepted_at)).collect::<Vec<_>>())
    .bind(new.iter().map(|each| each.decision_id).collect::<Vec<_>>())
    .bind(new.iter().map(|each| each.stretch_no).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// What may change in an assignment; the locks of its leads are held.
///
/// # Errors
/// As the database says.
pub async fn update(connection: &mut PgConnection, changed: &[Assignment]) -> Result<(), PgError> {
    if changed.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update assignment a set state = c.state, touched_at = c.touched_at, accepted_at = c.accepted_at,
             ended_at = c.ended_at, respond_by = c.respond_by, schedule_cut = c.schedule_cut
         from unnest($1::uuid[], $2::smallint[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[],
             $6::timestamptz[], $7::boolean[])
             as c (assignment_id, state, touched_at, accepted_at, ended_at, respond_by, schedule_cut)
         where a.assignment_id = c.assignment_id",
    )
    .bind(changed.iter().map(|each| each.assignment_id).collect::<Vec<_>>())
    .bind(changed.iter().map(|each| each.state as i16).collect::<Vec<_>>())
    .bind(changed.iter().map(|each| to_sql_option(each.touched_at)).collect::<Vec<_>>())
    .bind(changed.iter().map(|each| to_sql_option(each.accepted_at)).collect::<Vec<_>>())
    .bind(changed.iter().map(|each| to_sql_option(each.ended_at)).collect::<Vec<_>>())
    .bind(changed.iter().map(|each| to_sql_option(each.respond_by)).collect::<Vec<_>>())
    .bind(changed.iter().map(|each| each.schedule_cut).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a rep has or had this lead.
///
/// # Errors
/// As the database says.
pub async fn was_ever_with(connection: &mut PgConnection, lead_id: Uuid, rep_id: &str) -> Result<bool, PgError> {
    Ok(sqlx::query_scalar("select exists (select from assignment where lead_id = $1 and rep_id = $2)")
        .bind(lead_id)
        .bind(rep_id)
        .fetch_one(connection)
        .await?)
}

/// Leads that are offered to a rep and not answered, by id.
///
/// # Errors
/// As the database says.
pub async fn offered_to(connection: &mut PgConnection, rep_id: &str) -> Result<Vec<Uuid>, PgError> {
    Ok(sqlx::query_scalar("select lead_id from assignment where rep_id = $1 and state = 1 order by lead_id")
        .bind(rep_id)
        .fetch_all(connection)
        .await?)
}
