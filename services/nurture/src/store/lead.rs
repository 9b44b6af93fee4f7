//! Table `lead`: what qualification last said of a lead. Only the consumer changes it.

use leadflow_platform::pg::PgError;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

use super::{column, from_sql_option, to_sql_option};

/// One lead.
#[derive(Clone, Debug, PartialEq)]
pub struct Lead {
    /// Its id.
    pub lead_id: Uuid,
    /// Of the last lead event.
    pub incarnation: i32,
    /// Of the last lead event.
    pub last_sequence: i32,
    /// Whose contact; never changes hands without both contacts' locks.
    pub email_hash: Vec<u8>,
    /// open, mql ...
    pub stage: String,
    /// Empty: nobody's.
    pub owner_rep_id: String,
    /// Sample traffic.
    pub test: bool,
    /// Protobuf `LeadSnapshot`.
    pub snapshot: Option<Vec<u8>>,
    /// When it was forgotten.
    pub erased_at: Option<jiff::Timestamp>,
}

const COLUMNS: &str = "lead_id, incarnation, last_sequence, email_hash, stage, owner_rep_id, test, snapshot, erased_at";

fn from_row(row: &PgRow) -> Result<Lead, sqlx::Error> {
    Ok(Lead {
        lead_id: row.try_get("lead_id")?,
        incarnation: row.try_get("incarnation")?,
        last_sequence: row.try_get("last_sequence")?,
        email_hash: row.try_get("email_hash")?,
        stage: row.try_get("stage")?,
        owner_rep_id: row.try_get("owner_rep_id")?,
        test: row.try_get("test")?,
        snapshot: row.try_get("snapshot")?,
        erased_at: from_sql_option(row.try_get("erased_at")?),
    })
}

/// Locks these leads in the order of their ids; unknown ones are left out.
///
/// # Errors
/// As the database says.
pub async fn lock(connection: &mut PgConnection, lead_ids: &[Uuid]) -> Result<Vec<Lead>, PgError> {
    let sql = format!("select {COLUMNS} from lead where lead_id = any($1) order by lead_id for no key update");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(lead_ids).fetch_all(connection).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// Without a lock. Whoever holds their contacts' locks reads what stands still.
///
/// # Errors
/// As the database says.
pub async fn load(connection: &mut PgConnection, lead_ids: &[Uuid]) -> Result<Vec<Lead>, PgError> {
    let sql = format!("select {COLUMNS} from lead where lead_id = any($1)");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(lead_ids).fetch_all(connection).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// Leads of an address.
///
/// # Errors
/// As the database says.
pub async fn of_contact(connection: &mut PgConnection, email_hash: &[u8]) -> Result<Vec<Lead>, PgError> {
    let sql = format!("select {COLUMNS} from lead where email_hash = $1 order by lead_id");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(email_hash).fetch_all(connection).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// Writes whole leads; their locks are held.
///
/// # Errors
/// As the database says.
pub async fn save(connection: &mut PgConnection, leads: &[&Lead]) -> Result<(), PgError> {
    if leads.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "insert into lead ({COLUMNS})
         select * from unnest($1::uuid[], $2::int[], $3::int[], $4::bytea[], $5::text[], $6::text[], $7::boolean[],
             $8::bytea[], $9::timestamptz[])
         on conflict (lead_id) do update set ({COLUMNS}) = row(excluded.*)"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(column(leads, |lead| lead.lead_id))
        .bind(column(leads, |lead| lead.incarnation))
        .bind(column(leads, |lead| lead.last_sequence))
        .bind(column(leads, |lead| lead.email_hash.as_slice()))
        .bind(column(leads, |lead| lead.stage.as_str()))
        .bind(column(leads, |lead| lead.owner_rep_id.as_str()))
        .bind(column(leads, |lead| lead.test))
        .bind(column(leads, |lead| lead.snapshot.as_deref()))
        .bind(column(leads, |lead| to_sql_option(lead.erased_at)))
        .execute(connection)
        .await?;
    Ok(())
}
