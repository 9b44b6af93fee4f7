//! Table `enrollment`: who is where in which journey. Under the lock of the contact.

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use prost::Message as _;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};
use uuid::Uuid;

use super::{column, from_sql_option, to_sql, to_sql_option, unreadable};
use crate::domain::state::State;

/// Where an enrolment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum EnrollmentState {
    /// In it.
    Active = 1,
    /// Belongs to those with whom nothing is done.
    HeldOut = 2,
    /// Over.
    Ended = 3,
    /// Was held out, and that is over.
    HeldOutEnded = 4,
}

impl EnrollmentState {
    fn from_number(number: i16) -> Option<Self> {
        [Self::Active, Self::HeldOut, Self::Ended, Self::HeldOutEnded].into_iter().find(|state| *state as i16 == number)
    }

    /// Not over.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Active | Self::HeldOut)
    }

    /// As the API says it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::HeldOut => "held_out",
            Self::Ended => "ended",
            Self::HeldOutEnded => "held_out_ended",
        }
    }
}

/// One enrolment.
#[derive(Clone, Debug, PartialEq)]
pub struct Enrollment {
    /// UUIDv5 of lead, journey, instance and how often.
    pub enrollment_id: Uuid,
    /// Whose.
    pub lead_id: Uuid,
    /// The contact whose lock protects it.
    pub email_hash: Vec<u8>,
    /// The journey.
    pub journey_id: String,
    /// Its version.
    pub version: i32,
    /// Value of the instance key.
    pub instance_key: String,
    /// Where it stands.
    pub state: EnrollmentState,
    /// Where he is; the columns `step` and `wake_at` are copies of it.
    pub context: State,
    /// When it goes on by itself, or at once because its mail is settled.
    pub wake_at: Option<Timestamp>,
    /// Failed attempts of its timer.
    pub timer_attempt: i16,
    /// When he entered.
    pub entered_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why.
    pub end_reason: String,
    /// When he was qualified, after he had entered.
    pub converted_at: Option<Timestamp>,
    /// When he answered.
    pub replied_at: Option<Timestamp>,
    /// Sample traffic.
    pub test: bool,
    /// W3C traceparent of what entered him.
    pub trace: Option<String>,
}

const COLUMNS: &str = "enrollment_id, lead_id, email_hash, journey_id, version, instance_key, state, step, wake_at, \
     timer_attempt, context, entered_at, ended_at, end_reason, converted_at, replied_at, test, trace";

fn from_row(row: &PgRow) -> Result<Enrollment, sqlx::Error> {
    let context: Option<Vec<u8>> = row.try_get("context")?;
    let context = State::decode(context.unwrap_or_default().as_slice());
    let entered_at: jiff_sqlx::Timestamp = row.try_get("entered_at")?;
    Ok(Enrollment {
        enrollment_id: row.try_get("enrollment_id")?,
        lead_id: row.try_get("lead_id")?,
        email_hash: row.try_get("email_hash")?,
        journey_id: row.try_get("journey_id")?,
        version: row.try_get("version")?,
        instance_key: row.try_get("instance_key")?,
        state: EnrollmentState::from_number(row.try_get("state")?).ok_or_else(|| unreadable("state"))?,
        context: context.map_err(|_| unreadable("context"))?,
        wake_at: from_sql_option(row.try_get("wake_at")?),
        timer_attempt: row.try_get("timer_attempt")?,
        entered_at: entered_at.to_jiff(),
        ended_at: from_sql_option(row.try_get("ended_at")?),
        end_reason: row.try_get("end_reason")?,
        converted_at: from_sql_option(row.try_get("converted_at")?),
        replied_at: from_sql_option(row.try_get("replied_at")?),
        test: row.try_get("test")?,
        trace: row.try_get("trace")?,
    })
}

/// Every enrolment of these leads, ended ones too. Locks of their contacts are held.
///
/// # Errors
/// As the database says.
pub async fn by_leads(connection: &mut PgConnection, lead_ids: &[Uuid]) -> Result<Vec<Enrollment>, PgError> {
    let sql =
        format!("select {COLUMNS} from enrollment where lead_id = any($1) order by lead_id, entered_at, enrollment_id");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(lead_ids).fetch_all(connection).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// These enrolments. Locks of their contacts are held.
///
/// # Errors
/// As the database says.
pub async fn by_ids(connection: &mut PgConnection, enrollment_ids: &[Uuid]) -> Result<Vec<Enrollment>, PgError> {
    let sql = format!("select {COLUMNS} from enrollment where enrollment_id = any($1) order by enrollment_id");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(enrollment_ids).fetch_all(connection).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// Open enrolments of everybody at this address. The lock of the contact is held.
///
/// # Errors
/// As the database says.
pub async fn open_of_contact(connection: &mut PgConnection, email_hash: &[u8]) -> Result<Vec<Enrollment>, PgError> {
    let sql = format!(
        "select {COLUMNS} from enrollment where state in (1, 2)
         and lead_id in (select lead_id from lead where email_hash = $1) order by enrollment_id"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(email_hash).fetch_all(connection).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// People in flight of a journey, by id.
///
/// # Errors
/// As the database says.
pub async fn in_flight(
    connection: &mut PgConnection,
    journey_id: &str,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Enrollment>, PgError> {
    let sql = format!(
        "select {COLUMNS} from enrollment where journey_id = $1 and state = 1 and enrollment_id > $2
         order by enrollment_id limit $3"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(journey_id).bind(after).bind(limit).fetch_all(connection).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// Of a lead, by id.
///
/// # Errors
/// As the database says.
pub async fn page_of_lead(pool: &PgPool, lead_id: Uuid, after: Uuid, limit: i64) -> Result<Vec<Enrollment>, PgError> {
    let sql = format!(
        "select {COLUMNS} from enrollment where lead_id = $1 and enrollment_id > $2 order by enrollment_id limit $3"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(lead_id).bind(after).bind(limit).fetch_all(pool).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// Who is in a journey now, by id.
///
/// # Errors
/// As the database says.
pub async fn page_of_journey(
    pool: &PgPool,
    journey_id: &str,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Enrollment>, PgError> {
    let mut connection = pool.acquire().await?;
    in_flight(&mut connection, journey_id, after, limit).await
}

/// Writes whole enrolments.
///
/// # Errors
/// As the database says.
pub async fn save(connection: &mut PgConnection, enrollments: &[&Enrollment]) -> Result<(), PgError> {
    if enrollments.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "insert into enrollment ({COLUMNS})
         select * from unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::text[], $5::int[], $6::text[], $7::smallint[],
             $8::text[], $9::timestamptz[], $10::smallint[], $11::bytea[], $12::timestamptz[], $13::timestamptz[],
             $14::text[], $15::timestamptz[], $16::timestamptz[], $17::boolean[], $18::text[])
         on conflict (enrollment_id) do update set ({COLUMNS}) = row(excluded.*)"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(column(enrollments, |one| one.enrollment_id))
        .bind(column(enrollments, |one| one.lead_id))
        .bind(column(enrollments, |one| one.email_hash.as_slice()))
        .bind(column(enrollments, |one| one.journey_id.as_str()))
        .bind(column(enrollments, |one| one.version))
        .bind(column(enrollments, |one| one.instance_key.as_str()))
        .bind(column(enrollments, |one| one.state as i16))
        .bind(column(enrollments, |one| one.context.step.as_str()))
        .bind(column(enrollments, |one| to_sql_option(one.wake_at)))
        .bind(column(enrollments, |one| one.timer_attempt))
        .bind(column(enrollments, |one| one.context.encode_to_vec()))
        .bind(column(enrollments, |one| to_sql(one.entered_at)))
        .bind(column(enrollments, |one| to_sql_option(one.ended_at)))
        .bind(column(enrollments, |one| one.end_reason.as_str()))
        .bind(column(enrollments, |one| to_sql_option(one.converted_at)))
        .bind(column(enrollments, |one| to_sql_option(one.replied_at)))
        .bind(column(enrollments, |one| one.test))
        .bind(column(enrollments, |one| one.trace.as_deref()))
        .execute(connection)
        .await?;
    Ok(())
}

/// Sets going at once whoever waits for these mails. The lock of the contact is held.
///
/// # Errors
/// As the database says.
pub async fn wake(connection: &mut PgConnection, enrollment_ids: &[Uuid], at: Timestamp) -> Result<(), PgError> {
    if enrollment_ids.is_empty() {
        return Ok(());
    }
    sqlx::query("update enrollment set wake_at = $2 where enrollment_id = any($1) and state = 1")
        .bind(enrollment_ids)
        .bind(to_sql(at))
        .execute(connection)
        .await?;
    Ok(())
}
