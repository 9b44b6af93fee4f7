//! Statements of the questions: the present state of leads, and stored decisions. They read what planner, timers and
//! commands wrote, in the same schema.

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::{PgPool, Row as _};
use uuid::Uuid;

/// The last event of some leads, as it was published, with the contact of today.
#[derive(Clone, Debug)]
pub struct CurrentRow {
    /// Event without contact.
    pub last_event: Vec<u8>,
    /// Contact-only snapshot.
    pub contact: Option<Vec<u8>>,
}

const CURRENT: &str = "select lead.last_event, lead_contact.contact from lead
    left join lead_contact on lead_contact.lead_id = lead.lead_id and lead_contact.contact_no = lead.contact_no";

/// Of one lead.
pub async fn current_by_lead(pool: &PgPool, lead_id: Uuid) -> Result<Vec<CurrentRow>, PgError> {
    let sql = format!("{CURRENT} where lead.lead_id = $1 and lead.last_event is not null");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(lead_id).fetch_all(pool).await?;
    rows.iter().map(current_row).collect::<Result<_, sqlx::Error>>().map_err(PgError::from)
}

/// Of the leads that a rep has been offered or has accepted.
pub async fn current_by_rep(pool: &PgPool, rep_id: &str) -> Result<Vec<CurrentRow>, PgError> {
    let sql = format!(
        "{CURRENT} join assignment on assignment.lead_id = lead.lead_id and assignment.state in (1, 2)
         where assignment.rep_id = $1 and lead.last_event is not null order by assignment.offered_at, lead.lead_id"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(rep_id).fetch_all(pool).await?;
    rows.iter().map(current_row).collect::<Result<_, sqlx::Error>>().map_err(PgError::from)
}

/// Of the lead that became this record of another system.
pub async fn current_by_external_record(
    pool: &PgPool,
    system: &str,
    kind: &str,
    record_id: &str,
) -> Result<Vec<CurrentRow>, PgError> {
    let sql = format!(
        "{CURRENT} join external_record on external_record.lead_id = lead.lead_id
         where external_record.system = $1 and external_record.kind = $2 and external_record.record_id = $3
           and lead.last_event is not null order by lead.lead_id"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(system).bind(kind).bind(record_id);
    let rows = query.fetch_all(pool).await?;
    rows.iter().map(current_row).collect::<Result<_, sqlx::Error>>().map_err(PgError::from)
}

fn current_row(row: &sqlx::postgres::PgRow) -> Result<CurrentRow, sqlx::Error> {
    Ok(CurrentRow { last_event: row.try_get(0)?, contact: row.try_get(1)? })
}

/// A stored decision.
#[derive(Clone, Debug)]
pub struct DecisionRow {
    /// Its id.
    pub decision_id: Uuid,
    /// About which lead.
    pub lead_id: Uuid,
    /// Number of its result.
    pub kind: i16,
    /// When.
    pub at: Timestamp,
    /// Rules and their version.
    pub rules: String,
    /// None after erasure.
    pub input: Option<Vec<u8>>,
    /// Events it stands on.
    pub inputs: Vec<Uuid>,
    /// What followed.
    pub outcome: Vec<u8>,
    /// SHA-256 of both.
    pub digest: Vec<u8>,
}

const DECISION: &str = "select decision_id, lead_id, kind, at, rules, input, inputs, outcome, digest from decision";

/// Decisions about a lead, oldest first.
pub async fn decisions_by_lead(pool: &PgPool, lead_id: Uuid) -> Result<Vec<DecisionRow>, PgError> {
    let sql = format!("{DECISION} where lead_id = $1 order by at, decision_id limit 1000");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(lead_id).fetch_all(pool).await?;
    rows.iter().map(decision_row).collect::<Result<_, sqlx::Error>>().map_err(PgError::from)
}

/// One decision.
pub async fn decision_by_id(pool: &PgPool, decision_id: Uuid) -> Result<Vec<DecisionRow>, PgError> {
    let sql = format!("{DECISION} where decision_id = $1");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(decision_id).fetch_all(pool).await?;
    rows.iter().map(decision_row).collect::<Result<_, sqlx::Error>>().map_err(PgError::from)
}

/// Decisions with an id above `after`, in order of their ids.
pub async fn decisions_after(pool: &PgPool, after: Uuid, limit: i64) -> Result<Vec<DecisionRow>, PgError> {
    let sql = format!("{DECISION} where decision_id > $1 order by decision_id limit $2");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(after).bind(limit).fetch_all(pool).await?;
    rows.iter().map(decision_row).collect::<Result<_, sqlx::Error>>().map_err(PgError::from)
}

fn decision_row(row: &sqlx::postgres::PgRow) -> Result<DecisionRow, sqlx::Error> {
    Ok(DecisionRow {
        decision_id: row.try_get(0)?,
        lead_id: row.try_get(1)?,
        kind: row.try_get(2)?,
        at: row.try_get::<jiff_sqlx::Timestamp, _>(3)?.to_jiff(),
        rules: row.try_get(4)?,
        input: row.try_get(5)?,
        inputs: row.try_get(6)?,
        outcome: row.try_get(7)?,
        digest: row.try_get(8)?,
    })
}
