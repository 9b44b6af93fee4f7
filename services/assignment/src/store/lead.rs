//! Table `lead`: the root that intake, planner, timers and commands lock.

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

use super::{from_sql_option, to_sql_option, unreadable};
use crate::domain::lead::{LeadState, Stage};

/// One lead.
#[derive(Clone, Debug, PartialEq)]
pub struct Lead {
    /// UUIDv5 of its opening.
    pub lead_id: Uuid,
    /// Of the last lead event.
    pub incarnation: i32,
    /// Of the last lead event.
    pub last_sequence: i32,
    /// Of our last event; 0: nobody outside has heard of it.
    pub sequence: i32,
    /// Where it stands.
    pub state: LeadState,
    /// Its stage.
    pub stage: Stage,
    /// None: no pool wants it.
    pub pool_id: Option<String>,
    /// `Priority`.
    pub priority: i16,
    /// Since it is qualified; stays when an offer passes on.
    pub waiting_since: Option<Timestamp>,
    /// A decision already says why it waits.
    pub noted: bool,
    /// Rounds that are over.
    pub round: i32,
    /// Who was asked in this round.
    pub asked: Vec<String>,
    /// Waiting: not before. Offered: when the offer expires.
    pub wake_at: Option<Timestamp>,
    /// Failed attempts of its timer.
    pub timer_attempt: i16,
    /// For routing.
    pub product_line: String,
    /// Who it is.
    pub person_uid: Option<Uuid>,
    /// Keyed hash for owner match.
    pub person_key: Option<Vec<u8>>,
    /// Keyed hash for owner match.
    pub account_key: Option<Vec<u8>>,
    /// Sample traffic.
    pub test: bool,
    /// Newest version in `lead_contact`; 0: none.
    pub contact_no: i32,
    /// Protobuf `LeadSnapshot` without contact.
    pub snapshot: Option<Vec<u8>>,
    /// Protobuf `AssignmentEvent` without contact: what was told last.
    pub last_event: Option<Vec<u8>>,
    /// The lead event that made it wait.
    pub cause_event_id: Option<Uuid>,
    /// W3C traceparent of that event.
    pub trace: Option<String>,
    /// When it was forgotten.
    pub erased_at: Option<Timestamp>,
}

impl Lead {
    /// A lead nobody here has heard of.
    #[must_use]
    pub fn unheard(lead_id: Uuid) -> Self {
        Self {
            lead_id,
            incarnation: 0,
            last_sequence: 0,
            sequence: 0,
            state: LeadState::Idle,
            stage: Stage::Open,
            pool_id: None,
            priority: 0,
            waiting_since: None,
            noted: false,
            round: 0,
            asked: Vec::new(),
            wake_at: None,
            timer_attempt: 0,
            product_line: String::new(),
            person_uid: None,
            person_key: None,
            account_key: None,
            test: false,
            contact_no: 0,
            snapshot: None,
            last_event: None,
            cause_event_id: None,
            trace: None,
            erased_at: None,
        }
    }
}

pub(super) const COLUMNS: &str = "lead_id, incarnation, last_sequence, sequence, state, stage, pool_id, priority, waiting_since, \
     noted, round, asked, wake_at, timer_attempt, product_line, person_uid, person_key, account_key, test, contact_no, \
     snapshot, last_event, cause_event_id, trace, erased_at";

pub(super) fn from_row(row: &PgRow) -> Result<Lead, sqlx::Error> {
    let asked: String = row.try_get("asked")?;
    Ok(Lead {
        lead_id: row.try_get("lead_id")?,
        incarnation: row.try_get("incarnation")?,
        last_sequence: row.try_get("last_sequence")?,
        sequence: row.try_get("sequence")?,
        state: LeadState::from_number(row.try_get("state")?).ok_or_else(|| unreadable("state"))?,
        stage: Stage::from_number(row.try_get("stage")?).ok_or_else(|| unreadable("stage"))?,
        pool_id: row.try_get("pool_id")?,
        priority: row.try_get("priority")?,
        waiting_since: from_sql_option(row.try_get("waiting_since")?),
        noted: row.try_get("noted")?,
        round: row.try_get("round")?,
        asked: asked.split(',').filter(|rep_id| !rep_id.is_empty()).map(str::to_owned).collect(),
        wake_at: from_sql_option(row.try_get("wake_at")?),
        timer_attempt: row.try_get("timer_attempt")?,
        product_line: row.try_get("product_line")?,
        person_uid: row.try_get("person_uid")?,
        person_key: row.try_get("person_key")?,
        account_key: row.try_get("account_key")?,
        test: row.try_get("test")?,
        contact_no: row.try_get("contact_no")?,
        snapshot: row.try_get("snapshot")?,
        last_event: row.try_get("last_event")?,
        cause_event_id: row.try_get("cause_event_id")?,
        trace: row.try_get("trace")?,
        erased_at: from_sql_option(row.try_get("erased_at")?),
    })
}

/// Locks these leads in the order of their ids, waiting for whoever has them; unknown ones are left out.
///
/// # Errors
/// As the database says.
pub async fn lock(connection: &mut PgConnection, lead_ids: &[Uuid]) -> Result<Vec<Lead>, PgError> {
    let sql = format!("select {COLUMNS} from lead where lead_id = any($1) order by lead_id for no key update");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(lead_ids).fetch_all(connection).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// Without a lock, for questions.
///
/// # Errors
/// As the database says.
pub async fn load(connection: &mut PgConnection, lead_id: Uuid) -> Result<Option<Lead>, PgError> {
    let sql = format!("select {COLUMNS} from lead where lead_id = $1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(lead_id).fetch_optional(connection).await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// Writes whole leads, new ones and known ones; their locks are held.
///
/// # Errors
/// As the database says.
pub async fn save(connection: &mut PgConnection, leads: &[&Lead]) -> Result<(), PgError> {
    if leads.is_empty() {
        return Ok(());
    }
    fn column<'a, T>(leads: &[&'a Lead], of: impl Fn(&'a Lead) -> T) -> Vec<T> {
        leads.iter().map(|lead| of(lead)).collect()
    }
    let sql = format!(
        "insert into lead ({COLUMNS})
         select * from unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::smallint[], $6::smallint[], $7::text[],
             $8::smallint[], $9::timestamptz[], $10::boolean[], $11::int[], $12::text[], $13::timestamptz[],
             $14::smallint[], $15::text[], $16::uuid[], $17::bytea[], $18::bytea[], $19::boolean[], $20::int[],
             $21::bytea[], $22::bytea[], $23::uuid[], $24::text[], $25::timestamptz[])
         on conflict (lead_id) do update set ({COLUMNS}) = row(excluded.*)"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(column(leads, |lead| lead.lead_id))
        .bind(column(leads, |lead| lead.incarnation))
        .bind(column(leads, |lead| lead.last_sequence))
        .bind(column(leads, |lead| lead.sequence))
        .bind(column(leads, |lead| lead.state as i16))
        .bind(column(leads, |lead| lead.stage as i16))
        .bind(column(leads, |lead| lead.pool_id.as_deref()))
        .bind(column(leads, |lead| lead.priority))
        .bind(column(leads, |lead| to_sql_option(lead.waiting_since)))
        .bind(column(leads, |lead| lead.noted))
        .bind(column(leads, |lead| lead.round))
        .bind(column(leads, |lead| lead.asked.join(",")))
        .bind(column(leads, |lead| to_sql_option(lead.wake_at)))
        .bind(column(leads, |lead| lead.timer_attempt))
        .bind(column(leads, |lead| lead.product_line.as_str()))
        .bind(column(leads, |lead| lead.person_uid))
        .bind(column(leads, |lead| lead.person_key.as_deref()))
        .bind(column(leads, |lead| lead.account_key.as_deref()))
        .bind(column(leads, |lead| lead.test))
        .bind(column(leads, |lead| lead.contact_no))
        .bind(column(leads, |lead| lead.snapshot.as_deref()))
        .bind(column(leads, |lead| lead.last_event.as_deref()))
        .bind(column(leads, |lead| lead.cause_event_id))
        .bind(column(leads, |lead| lead.trace.as_deref()))
        .bind(column(leads, |lead| to_sql_option(lead.erased_at)))
        .execute(connection)
        .await?;
    Ok(())
}
