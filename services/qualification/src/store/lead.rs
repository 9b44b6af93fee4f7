//! Table `lead`. Rows of a person's leads change only under the lock of that person.

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use leadflow_proto::qualification::v1::HandRaise;
use prost::Message as _;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use crate::domain::identity::PersonId;
use crate::domain::lifecycle::{Owner, Stage};
use crate::wire::Corrupt;
use crate::wire::stored::{decode_owner, encode_owner};

use super::{corrupt, optional_times, times, tried};

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct LeadRow {
    /// UUIDv5 of the opening event and the product line.
    pub lead_id: Uuid,
    /// Whose.
    pub person: PersonId,
    /// Empty: the default line.
    pub product_line: String,
    /// Where it stands.
    pub stage: Stage,
    /// Of a disqualified one: where it returns to.
    pub stage_before: Stage,
    /// Who is responsible.
    pub owner: Option<Owner>,
    /// Of the last `LeadEvent`.
    pub sequence: i32,
    /// Of the last `LeadEvent`.
    pub incarnation: i32,
    /// The newest raised hand.
    pub hand_raise: Option<HandRaise>,
    /// Opened by smoke-test traffic.
    pub test: bool,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When it closed.
    pub closed_at: Option<Timestamp>,
    /// Last change.
    pub updated_at: Timestamp,
    /// (incarnation, sequence) of the last assignment event folded.
    pub last_report: (i32, i32),
}

const NO_STAGE: i16 = 0;

/// All leads of these persons, the oldest first.
///
/// # Errors
/// [`PgError`].
pub async fn of_persons(connection: &mut PgConnection, persons: &[PersonId]) -> Result<Vec<LeadRow>, PgError> {
    let rows = sqlx::query("select * from lead where person_id = any($1) order by opened_at, lead_id")
        .bind(persons.iter().map(|person| person.0).collect::<Vec<_>>())
        .fetch_all(connection)
        .await
        .map_err(tried("read leads"))?;
    rows.iter().map(from_row).collect()
}

/// Whose these leads are; no lock.
///
/// # Errors
/// [`PgError`].
pub async fn persons_of(connection: &mut PgConnection, leads: &[Uuid]) -> Result<Vec<(Uuid, PersonId)>, PgError> {
    let rows: Vec<(Uuid, i64)> = sqlx::query_as("select lead_id, person_id from lead where lead_id = any($1)")
        .bind(leads)
        .fetch_all(connection)
        .await
        .map_err(tried("find the persons of leads"))?;
    Ok(rows.into_iter().map(|(lead, person)| (lead, PersonId(person))).collect())
}

/// Inserts or rewrites leads. What closes comes before what opens: a person has one open lead per product line at a time.
///
/// # Errors
/// [`PgError`].
pub async fn save(connection: &mut PgConnection, leads: &[&LeadRow]) -> Result<(), PgError> {
    let closed: Vec<&LeadRow> = leads.iter().copied().filter(|lead| lead.closed_at.is_some()).collect();
    let open: Vec<&LeadRow> = leads.iter().copied().filter(|lead| lead.closed_at.is_none()).collect();
    for part in [closed, open] {
        if !part.is_empty() {
            save_part(connection, &part).await?;
        }
    }
    Ok(())
}

async fn save_part(connection: &mut PgConnection, leads: &[&LeadRow]) -> Result<(), PgError> {
    sqlx::query(
        "insert into lead (lead_id, person_id, product_line, stage, stage_before, owner, owner_rep_id, sequence, \
           incarnation, hand_raise, test, opened_at, closed_at, updated_at, assignment_incarnation, assignment_sequence) \
         select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::smallint[], $5::smallint[], $6::bytea[], \
           $7::text[], $8::int[], $9::int[], $10::bytea[], $11::boolean[], $12::timestamptz[], $13::timestamptz[], \
           $14::timestamptz[], $15::int[], $16::int[]) \
         on conflict (lead_id) do update set person_id = excluded.person_id, stage = excluded.stage, \
           stage_before = excluded.stage_before, owner = excluded.owner, owner_rep_id = excluded.owner_rep_id, \
           sequence = excluded.sequence, incarnation = excluded.incarnation, hand_raise = excluded.hand_raise, \
           closed_at = excluded.closed_at, updated_at = excluded.updated_at, \
           assignment_incarnation = excluded.assignment_incarnation, \
           assignment_sequence = excluded.assignment_sequence",
    )
    .bind(leads.iter().map(|lead| lead.lead_id).collect::<Vec<_>>())
    .bind(leads.iter().map(|lead| lead.person.0).collect::<Vec<_>>())
    .bind(leads.iter().map(|lead| lead.product_line.as_str()).collect::<Vec<_>>())
    .bind(leads.iter().map(|lead| lead.stage.number()).collect::<Vec<_>>())
    .bind(leads.iter().map(|lead| lead.stage_before.number()).collect::<Vec<_>>())
    .bind(leads.iter().map(|lead| lead.owner.as_ref().map(encode_owner)).collect::<Vec<_>>())
    .bind(leads.iter().map(|lead| lead.owner.as_ref().map(|owner| owner.rep_id.as_str())).collect::<Vec<_>>())
    .bind(leads.iter().map(|lead| lead.sequence).collect::<Vec<_>>())
    .bind(leads.iter().map(|lead| lead.incarnation).collect::<Vec<_>>())
    .bind(leads.iter().map(|lead| lead.hand_raise.as_ref().map(HandRaise::encode_to_vec)).collect::<Vec<_>>())
    .bind(leads.iter().map(|lead| lead.test).collect::<Vec<_>>())
    .bind(times(leads.iter().map(|lead| lead.opened_at)))
    .bind(optional_times(leads.iter().map(|lead| lead.closed_at)))
    .bind(times(leads.iter().map(|lead| lead.updated_at)))
    .bind(leads.iter().map(|lead| lead.last_report.0).collect::<Vec<_>>())
    .bind(leads.iter().map(|lead| lead.last_report.1).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(tried("save leads"))?;
    Ok(())
}

/// Reads a row of `select * from lead`.
///
/// # Errors
/// [`PgError`] if a column does not hold what this binary writes.
pub fn from_row(row: &PgRow) -> Result<LeadRow, PgError> {
    let read = || -> Result<Result<LeadRow, Corrupt>, sqlx::Error> {
        let time = |column: &str| row.try_get::<jiff_sqlx::Timestamp, _>(column).map(jiff_sqlx::Timestamp::to_jiff);
        let closed_at: Option<jiff_sqlx::Timestamp> = row.try_get("closed_at")?;
        let owner: Option<Vec<u8>> = row.try_get("owner")?;
        let hand_raise: Option<Vec<u8>> = row.try_get("hand_raise")?;
        let (stage, before): (i16, i16) = (row.try_get("stage")?, row.try_get("stage_before")?);
        let fields = || -> Result<(Stage, Stage, Option<Owner>, Option<HandRaise>), Corrupt> {
            Ok((
                Stage::from_number(stage).ok_or(Corrupt("stage"))?,
                if before == NO_STAGE { Stage::Open } else { Stage::from_number(before).ok_or(Corrupt("stage"))? },
                owner.as_deref().map(decode_owner).transpose()?,
                hand_raise
                    .as_deref()
                    .map(|bytes| HandRaise::decode(bytes).map_err(|_| Corrupt("hand-raise")))
                    .transpose()?,
            ))
        };
        let (stage, stage_before, owner, hand_raise) = match fields() {
            Ok(fields) => fields,
            Err(error) => return Ok(Err(error)),
        };
        Ok(Ok(LeadRow {
            lead_id: row.try_get("lead_id")?,
            person: PersonId(row.try_get("person_id")?),
            product_line: row.try_get("product_line")?,
            stage,
            stage_before,
            owner,
            sequence: row.try_get("sequence")?,
            incarnation: row.try_get("incarnation")?,
            hand_raise,
            test: row.try_get("test")?,
            opened_at: time("opened_at")?,
            closed_at: closed_at.map(jiff_sqlx::Timestamp::to_jiff),
            updated_at: time("updated_at")?,
            last_report: (row.try_get("assignment_incarnation")?, row.try_get("assignment_sequence")?),
        }))
    };
    read().map_err(tried("read a lead"))?.map_err(corrupt)
}
