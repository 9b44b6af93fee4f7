//! Table `message`, the send ledger: `queued -> sending -> sent | failed | uncertain`, or `skipped`. Under the lock of the
//! contact.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};
use uuid::Uuid;

use super::{column, from_sql_option, to_sql, to_sql_option, unreadable};

/// Where a mail stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum MessageState {
    /// Waits for a sender.
    Queued = 1,
    /// A sender is in DATA with it, or was when it died.
    Sending = 2,
    /// The relay has it.
    Sent = 3,
    /// The relay does not want it.
    Failed = 4,
    /// Nobody knows, and it is never sent again.
    Uncertain = 5,
    /// Not sent, for a reason.
    Skipped = 6,
}

impl MessageState {
    const ALL: [Self; 6] = [Self::Queued, Self::Sending, Self::Sent, Self::Failed, Self::Uncertain, Self::Skipped];

    /// Of the column.
    #[must_use]
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as i16 == number)
    }

    /// As the API says it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Uncertain => "uncertain",
            Self::Skipped => "skipped",
        }
    }
}

/// One mail.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// UUIDv5 of the ledger's key; the left side of its Message-ID.
    pub message_id: Uuid,
    /// Whose.
    pub lead_id: Uuid,
    /// The contact whose lock protects it.
    pub email_hash: Vec<u8>,
    /// None: a test.
    pub enrollment_id: Option<Uuid>,
    /// The journey.
    pub journey_id: String,
    /// Its version.
    pub version: i32,
    /// The step.
    pub step: String,
    /// How often the lead has come by that step.
    pub occurrence: i32,
    /// Where it stands.
    pub state: MessageState,
    /// Why it is not sent.
    pub reason: String,
    /// Of the last reply.
    pub smtp_code: i32,
    /// When it was due.
    pub queued_at: Timestamp,
    /// Not before.
    pub not_before: Timestamp,
    /// Who has claimed it.
    pub lease_owner: Option<Uuid>,
    /// How long.
    pub lease_until: Option<Timestamp>,
    /// How often a relay was asked.
    pub attempt: i32,
    /// When its DATA began.
    pub sending_at: Option<Timestamp>,
    /// When its end was known.
    pub settled_at: Option<Timestamp>,
    /// Sample traffic.
    pub test: bool,
}

const COLUMNS: &str = "message_id, lead_id, email_hash, enrollment_id, journey_id, version, step, occurrence, state, reason, \
     smtp_code, queued_at, not_before, lease_owner, lease_until, attempt, sending_at, settled_at, test";

fn from_row(row: &PgRow) -> Result<Message, sqlx::Error> {
    let time = |name: &str| row.try_get::<jiff_sqlx::Timestamp, _>(name).map(jiff_sqlx::Timestamp::to_jiff);
    Ok(Message {
        message_id: row.try_get("message_id")?,
        lead_id: row.try_get("lead_id")?,
        email_hash: row.try_get("email_hash")?,
        enrollment_id: row.try_get("enrollment_id")?,
        journey_id: row.try_get("journey_id")?,
        version: row.try_get("version")?,
        step: row.try_get("step")?,
        occurrence: row.try_get("occurrence")?,
        state: MessageState::from_number(row.try_get("state")?).ok_or_else(|| unreadable("state"))?,
        reason: row.try_get("reason")?,
        smtp_code: row.try_get("smtp_code")?,
        queued_at: time("queued_at")?,
        not_before: time("not_before")?,
        lease_owner: row.try_get("lease_owner")?,
        lease_until: from_sql_option(row.try_get("lease_until")?),
        attempt: row.try_get("attempt")?,
        sending_at: from_sql_option(row.try_get("sending_at")?),
        settled_at: from_sql_option(row.try_get("settled_at")?),
        test: row.try_get("test")?,
    })
}

/// A pass by a mail step: lead, journey, version, step.
pub type Pass = (Uuid, String, i32, String);

/// How often each lead has come by these steps. The locks of the contacts are held: nobody else draws a number meanwhile.
///
/// # Errors
/// As the database says.
pub async fn occurrences(connection: &mut PgConnection, passes: &[Pass]) -> Result<BTreeMap<Pass, i32>, PgError> {
    if passes.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(Uuid, String, i32, String, i32)> = sqlx::query_as(
        "select p.lead_id, p.journey_id, p.version, p.step,
             coalesce((select m.occurrence from message m where m.lead_id = p.lead_id and m.journey_id = p.journey_id
                 and m.version = p.version and m.step = p.step order by m.occurrence desc limit 1), 0)
         from unnest($1::uuid[], $2::text[], $3::int[], $4::text[]) as p (lead_id, journey_id, version, step)",
    )
    .bind(passes.iter().map(|pass| pass.0).collect::<Vec<_>>())
    .bind(passes.iter().map(|pass| pass.1.as_str()).collect::<Vec<_>>())
    .bind(passes.iter().map(|pass| pass.2).collect::<Vec<_>>())
    .bind(passes.iter().map(|pass| pass.3.as_str()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let read = |(lead_id, journey_id, version, step, n)| ((lead_id, journey_id, version, step), n);
    Ok(rows.into_iter().map(read).collect())
}

/// New mails.
///
/// # Errors
/// As the database says; a second mail of the same key is a data error.
pub async fn insert(connection: &mut PgConnection, messages: &[&Message]) -> Result<(), PgError> {
    if messages.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into message (message_id, lead_id, email_hash, enrollment_id, journey_id, version, step, occurrence,
             queued_at, not_before, test)
         select * from unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::uuid[], $5::text[], $6::int[], $7::text[],
             $8::int[], $9::timestamptz[], $10::timestamptz[], $11::boolean[])",
    )
    .bind(column(messages, |one| one.message_id))
    .bind(column(messages, |one| one.lead_id))
    .bind(column(messages, |one| one.email_hash.as_slice()))
    .bind(column(messages, |one| one.enrollment_id))
    .bind(column(messages, |one| one.journey_id.as_str()))
    .bind(column(messages, |one| one.version))
    .bind(column(messages, |one| one.step.as_str()))
    .bind(column(messages, |one| one.occurrence))
    .bind(column(messages, |one| to_sql(one.queued_at)))
    .bind(column(messages, |one| to_sql(one.not_before)))
    .bind(column(messages, |one| one.test))
    .execute(connection)
    .await?;
    Ok(())
}

/// These mails, whatever their state. Locks of their contacts are held.
///
/// # Errors
/// As the database says.
pub async fn by_ids(connection: &mut PgConnection, message_ids: &[Uuid]) -> Result<Vec<Message>, PgError> {
    let sql = format!("select {COLUMNS} from message where message_id = any($1) order by message_id");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(message_ids).fetch_all(connection).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// Mails of a lead, oldest first.
///
/// # Errors
/// As the database says.
pub async fn by_lead(connection: &mut PgConnection, lead_id: Uuid, limit: i64) -> Result<Vec<Message>, PgError> {
    let sql = format!("select {COLUMNS} from message where lead_id = $1 order by queued_at, message_id limit $2");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(lead_id).bind(limit).fetch_all(connection).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// Of a lead, by id.
///
/// # Errors
/// As the database says.
pub async fn page_of_lead(pool: &PgPool, lead_id: Uuid, after: Uuid, limit: i64) -> Result<Vec<Message>, PgError> {
    let sql =
        format!("select {COLUMNS} from message where lead_id = $1 and message_id > $2 order by message_id limit $3");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(lead_id).bind(after).bind(limit).fetch_all(pool).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// Mails of these enrolments that wait.
///
/// # Errors
/// As the database says.
pub async fn queued_of(connection: &mut PgConnection, enrollment_ids: &[Uuid]) -> Result<Vec<Message>, PgError> {
    let sql = format!(
        "select {COLUMNS} from message where state = 1 and enrollment_id = any($1)
         and lead_id in (select lead_id from enrollment where enrollment_id = any($1)) order by message_id"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(enrollment_ids).fetch_all(connection).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// When mails to these contacts were sent since `from`, as the cap counts them: `sending | sent | uncertain`.
///
/// # Errors
/// As the database says.
pub async fn counted(
    connection: &mut PgConnection,
    hashes: &[&[u8]],
    from: Timestamp,
) -> Result<BTreeMap<Vec<u8>, Vec<i64>>, PgError> {
    let rows: Vec<(Vec<u8>, jiff_sqlx::Timestamp)> = sqlx::query_as(
        "select email_hash, sending_at from message
         where email_hash = any($1) and state in (2, 3, 5) and sending_at > $2 order by sending_at",
    )
    .bind(hashes)
    .bind(to_sql(from))
    .fetch_all(connection)
    .await?;
    let mut counted: BTreeMap<Vec<u8>, Vec<i64>> = BTreeMap::new();
    for (email_hash, at) in rows {
        counted.entry(email_hash).or_default().push(at.to_jiff().as_microsecond());
    }
    Ok(counted)
}

/// Writes state, reason, times and lease. Locks of the contacts are held.
///
/// # Errors
/// As the database says.
pub async fn update(connection: &mut PgConnection, messages: &[&Message]) -> Result<(), PgError> {
    if messages.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update message m set state = n.state, reason = n.reason, smtp_code = n.smtp_code, not_before = n.not_before,
             lease_owner = n.lease_owner, lease_until = n.lease_until, attempt = n.attempt, settled_at = n.settled_at
         from unnest($1::uuid[], $2::smallint[], $3::text[], $4::int[], $5::timestamptz[], $6::uuid[],
             $7::timestamptz[], $8::int[], $9::timestamptz[])
             as n (message_id, state, reason, smtp_code, not_before, lease_owner, lease_until, attempt, settled_at)
         where m.message_id = n.message_id",
    )
    .bind(column(messages, |one| one.message_id))
    .bind(column(messages, |one| one.state as i16))
    .bind(column(messages, |one| one.reason.as_str()))
    .bind(column(messages, |one| one.smtp_code))
    .bind(column(messages, |one| to_sql(one.not_before)))
    .bind(column(messages, |one| one.lease_owner))
    .bind(column(messages, |one| to_sql_option(one.lease_until)))
    .bind(column(messages, |one| one.attempt))
    .bind(column(messages, |one| to_sql_option(one.settled_at)))
    .execute(connection)
    .await?;
    Ok(())
}
