//! Table `lead_contact`: what a person can be reached by, in versions. Appended, and deleted as a whole by erasure.

use std::collections::HashMap;

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use leadflow_proto::assignment::v1::LeadSnapshot;
use sqlx::PgConnection;
use uuid::Uuid;

use super::lead::Lead;
use super::to_sql;
use crate::wire::contact;

/// A new version.
#[derive(Clone, Debug, PartialEq)]
pub struct NewContact {
    /// Whose.
    pub lead_id: Uuid,
    /// From 1.
    pub contact_no: i32,
    /// What it is.
    pub contact: LeadSnapshot,
}

/// The newest contact of each of these leads; those without one are left out.
///
/// # Errors
/// As the database says.
pub async fn load(connection: &mut PgConnection, leads: &[Lead]) -> Result<HashMap<Uuid, LeadSnapshot>, PgError> {
    let with: Vec<&Lead> = leads.iter().filter(|lead| lead.contact_no > 0).collect();
    if with.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, Vec<u8>)> = sqlx::query_as(
        "select c.lead_id, c.contact from unnest($1::uuid[], $2::int[]) as w (lead_id, contact_no)
         join lead_contact c using (lead_id, contact_no)",
    )
    .bind(with.iter().map(|lead| lead.lead_id).collect::<Vec<_>>())
    .bind(with.iter().map(|lead| lead.contact_no).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(lead_id, bytes)| (lead_id, contact::from_bytes(&bytes))).collect())
}

/// One version; None: erased, or there was none.
///
/// # Errors
/// As the database says.
pub async fn version(
    connection: &mut PgConnection,
    lead_id: Uuid,
    contact_no: i32,
) -> Result<Option<LeadSnapshot>, PgError> {
    let bytes: Option<Vec<u8>> =
        sqlx::query_scalar("select contact from lead_contact where lead_id = $1 and contact_no = $2")
            .bind(lead_id)
            .bind(contact_no)
            .fetch_optional(connection)
            .await?;
    Ok(bytes.map(|bytes| contact::from_bytes(&bytes)))
}

/// Appends versions.
///
/// # Errors
/// As the database says.
pub async fn append(connection: &mut PgConnection, new: &[NewContact], now: Timestamp) -> Result<(), PgError> {
    if new.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into lead_contact (lead_id, contact_no, contact, at)
         select lead_id, contact_no, contact, $4
         from unnest($1::uuid[], $2::int[], $3::bytea[]) as n (lead_id, contact_no, contact)",
    )
    .bind(new.iter().map(|each| each.lead_id).collect::<Vec<_>>())
    .bind(new.iter().map(|each| each.contact_no).collect::<Vec<_>>())
    .bind(new.iter().map(|each| contact::to_bytes(&each.contact)).collect::<Vec<_>>())
    .bind(to_sql(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes what says who these leads were: contacts, inputs of decisions, records in other systems. Outcomes, ids and
/// ledger rows stay.
///
/// # Errors
/// As the database says.
pub async fn erase(connection: &mut PgConnection, lead_ids: &[Uuid]) -> Result<(), PgError> {
    sqlx::query("delete from lead_contact where lead_id = any($1)").bind(lead_ids).execute(&mut *connection).await?;
    sqlx::query("delete from external_record where lead_id = any($1)").bind(lead_ids).execute(&mut *connection).await?;
    sqlx::query("update decision set input = null where lead_id = any($1)").bind(lead_ids).execute(connection).await?;
    Ok(())
}
