//! Table `link_hit`: every hit of a link or the picture of a mail, also those of machines, and what is thought of it.

use jiff::Timestamp;
use jiff_sqlx::Timestamp as SqlTimestamp;
use leadflow_platform::pg::PgError;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::to_sql;

/// One hit.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Its number.
    pub link_hit_id: i64,
    /// Of which mail.
    pub message_id: Uuid,
    /// 65535: the one that people cannot see; -1: the picture.
    pub link_no: i32,
    /// When.
    pub at: Timestamp,
    /// GET, HEAD.
    pub method: String,
    /// 0 open, 1 counts, 2 machine, 3 repeat.
    pub verdict: i16,
    /// Keyed hash of address and program.
    pub visitor: Vec<u8>,
}

/// A mail as the door needs it: whose, where its links lead.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Whose.
    pub email_hash: Vec<u8>,
    /// Of the lead.
    pub lead_id: Uuid,
    /// By number.
    pub links: Vec<String>,
    /// Of the mail's journey.
    pub journey_id: String,
    /// Its version.
    pub version: i32,
    /// The step.
    pub step: String,
    /// In which enrolment.
    pub enrollment_id: Option<Uuid>,
    /// Sample traffic.
    pub test: bool,
}

/// The mail behind a link.
///
/// # Errors
/// As the database says.
pub async fn target(executor: impl PgExecutor<'_>, message_id: Uuid) -> Result<Option<Target>, PgError> {
    type Row = (Vec<u8>, Uuid, Vec<String>, String, i32, String, Option<Uuid>, bool);
    let row: Option<Row> = sqlx::query_as(
        "select email_hash, lead_id, links, journey_id, version, step, enrollment_id, test from message
         where message_id = $1",
    )
    .bind(message_id)
    .fetch_optional(executor)
    .await?;
    Ok(row.map(|(email_hash, lead_id, links, journey_id, version, step, enrollment_id, test)| Target {
        email_hash,
        lead_id,
        links,
        journey_id,
        version,
        step,
        enrollment_id,
        test,
    }))
}

/// Hits of a mail that are kept within ten minutes, and in all. Whoever sends more is no person, and nothing is learnt from
/// the rest; without a bound one token, sent again and again, would fill the table and the judge's time.
const MOST_AT_ONCE: i64 = 100;
/// See [`MOST_AT_ONCE`].
const MOST: i64 = 2000;

/// Keeps a hit, unless the mail has too many.
///
/// # Errors
/// As the database says.
pub async fn insert(
    connection: &mut PgConnection,
    message_id: Uuid,
    link_no: i32,
    at: Timestamp,
    method: &str,
    visitor: &[u8],
) -> Result<(), PgError> {
    sqlx::query(
        "insert into link_hit (message_id, link_no, at, method, visitor)
         select $1, $2, $3, $4, $5
         where (select count(*) from link_hit where message_id = $1 and at > $3 - interval '10 minutes') < $6
             and (select count(*) from (select from link_hit where message_id = $1 limit $7) kept) < $7",
    )
    .bind(message_id)
    .bind(link_no)
    .bind(to_sql(at))
    .bind(method)
    .bind(visitor)
    .bind(MOST_AT_ONCE)
    .bind(MOST)
    .execute(connection)
    .await?;
    Ok(())
}

/// Mails with hits that nobody has judged yet and that are older than `before`.
///
/// # Errors
/// As the database says.
pub async fn open(
    connection: &mut PgConnection,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<(Uuid, Vec<u8>)>, PgError> {
    let rows = sqlx::query_as(
        "select distinct h.message_id, m.email_hash from (
             select message_id from link_hit where verdict = 0 and at <= $1 order by at limit $2) h
         join message m using (message_id)",
    )
    .bind(to_sql(before))
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// How long until the oldest hit that nobody has judged may be judged; none: there is none.
///
/// # Errors
/// As the database says.
pub async fn oldest_open(executor: impl PgExecutor<'_>) -> Result<Option<f64>, PgError> {
    let seconds = sqlx::query_scalar(
        "select extract(epoch from clock() - at)::float8 from link_hit where verdict = 0 order by at limit 1",
    )
    .fetch_optional(executor)
    .await?;
    Ok(seconds)
}

/// Every hit of these mails, oldest first.
///
/// # Errors
/// As the database says.
pub async fn of_messages(connection: &mut PgConnection, message_ids: &[Uuid]) -> Result<Vec<Hit>, PgError> {
    type Row = (i64, Uuid, i32, SqlTimestamp, String, i16, Vec<u8>);
    let rows: Vec<Row> = sqlx::query_as(
        "select link_hit_id, message_id, link_no, at, method, verdict, visitor from link_hit
         where message_id = any($1) order by message_id, at, link_hit_id",
    )
    .bind(message_ids)
    .fetch_all(connection)
    .await?;
    let read = |(link_hit_id, message_id, link_no, at, method, verdict, visitor): Row| Hit {
        link_hit_id,
        message_id,
        link_no,
        at: at.to_jiff(),
        method,
        verdict,
        visitor,
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Every hit of the mails of a lead.
///
/// # Errors
/// As the database says.
pub async fn of_lead(connection: &mut PgConnection, lead_id: Uuid) -> Result<Vec<Hit>, PgError> {
    let ids: Vec<Uuid> = sqlx::query_scalar("select message_id from message where lead_id = $1")
        .bind(lead_id)
        .fetch_all(&mut *connection)
        .await?;
    of_messages(connection, &ids).await
}

/// Number, verdict, reason.
pub type Judged = (i64, i16, &'static str);

/// Keeps what is thought of hits.
///
/// # Errors
/// As the database says.
pub async fn judge(connection: &mut PgConnection, judged: &[Judged]) -> Result<(), PgError> {
    if judged.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update link_hit h set verdict = n.verdict, reason = n.reason
         from unnest($1::bigint[], $2::smallint[], $3::text[]) as n (link_hit_id, verdict, reason)
         where h.link_hit_id = n.link_hit_id",
    )
    .bind(judged.iter().map(|one| one.0).collect::<Vec<_>>())
    .bind(judged.iter().map(|one| one.1).collect::<Vec<_>>())
    .bind(judged.iter().map(|one| one.2).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
