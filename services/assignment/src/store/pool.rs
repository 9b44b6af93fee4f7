//! Table `pool`: who shares leads, and how they are offered. The pool's row is the lock of planning and of its ledger; nobody
//! but planners and `PutPool` takes it.

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};

use super::from_sql_option;
use super::ledger::Member;
use crate::domain::routing::Route;

/// One pool.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Chosen by whoever made it.
    pub pool_id: String,
    /// Rises with each change.
    pub version: i32,
    /// For people.
    pub name: String,
    /// Empty: none by line.
    pub product_line: String,
    /// Takes what no other takes.
    pub is_default: bool,
    /// 0: no offers.
    pub offer_timeout_ms: i64,
    /// Between rounds.
    pub round_pause_ms: i64,
    /// Owners first.
    pub owner_match: bool,
    /// The running stretch.
    pub stretch_no: i32,
    /// Leads shared out in it.
    pub stretch_leads: i64,
    /// When the planner must look again by itself.
    pub wake_at: Option<Timestamp>,
}

const COLUMNS: &str = "pool_id, version, name, product_line, is_default, offer_timeout_ms, round_pause_ms, owner_match, \
     stretch_no, stretch_leads, wake_at";

fn from_row(row: &PgRow) -> Result<Pool, sqlx::Error> {
    Ok(Pool {
        pool_id: row.try_get("pool_id")?,
        version: row.try_get("version")?,
        name: row.try_get("name")?,
        product_line: row.try_get("product_line")?,
        is_default: row.try_get("is_default")?,
        offer_timeout_ms: row.try_get("offer_timeout_ms")?,
        round_pause_ms: row.try_get("round_pause_ms")?,
        owner_match: row.try_get("owner_match")?,
        stretch_no: row.try_get("stretch_no")?,
        stretch_leads: row.try_get("stretch_leads")?,
        wake_at: from_sql_option(row.try_get("wake_at")?),
    })
}

/// The pool, if nobody plans for it at this moment.
///
/// # Errors
/// As the database says.
pub async fn try_lock(connection: &mut PgConnection, pool_id: &str) -> Result<Option<Pool>, PgError> {
    let sql = format!("select {COLUMNS} from pool where pool_id = $1 for no key update skip locked");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(pool_id).fetch_optional(connection).await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// The pool, waiting for its planner.
///
/// # Errors
/// As the database says.
pub async fn lock(connection: &mut PgConnection, pool_id: &str) -> Result<Option<Pool>, PgError> {
    let sql = format!("select {COLUMNS} from pool where pool_id = $1 for no key update");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(pool_id).fetch_optional(connection).await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// All pools by id, without locks.
///
/// # Errors
/// As the database says.
pub async fn list(connection: &mut PgConnection) -> Result<Vec<Pool>, PgError> {
    let sql = format!("select {COLUMNS} from pool order by pool_id");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// What routing wants to know of all pools.
///
/// # Errors
/// As the database says.
pub async fn routes(connection: &mut PgConnection) -> Result<Vec<Route>, PgError> {
    let rows: Vec<(String, String, bool)> =
        sqlx::query_as("select pool_id, product_line, is_default from pool order by pool_id")
            .fetch_all(connection)
            .await?;
    let route = |(pool_id, product_line, is_default)| Route { pool_id, product_line, is_default };
    Ok(rows.into_iter().map(route).collect())
}

/// Pools that have something to do: a timer that is due, or leads that nobody has looked at; with `waiting` also those that
/// have any lead waiting.
///
/// # Errors
/// As the database says.
pub async fn with_work(pool: &PgPool, any_waiting: Scan) -> Result<Vec<String>, PgError> {
    Ok(sqlx::query_scalar(
        "select pool_id from pool p
         where wake_at <= clock()
            or exists (select from lead l where l.state = 1 and not l.noted and l.pool_id = p.pool_id)
            or exists (select from ledger_credit c where c.applied_at is null and c.pool_id = p.pool_id)
            or ($1 and exists (select from lead l where l.state = 1 and (l.pool_id = p.pool_id or l.pool_id is null)))
         order by pool_id",
    )
    .bind(any_waiting == Scan::AllWaiting)
    .fetch_all(pool)
    .await?)
}

/// How closely to look for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// Timers and new leads.
    Due,
    /// Capacity may have changed: every pool in which leads wait.
    AllWaiting,
}

/// How long until the next timer of a pool, by the database clock; zero if one is due. None: there is none.
///
/// # Errors
/// As the database says.
pub async fn next_wake(pool: &PgPool) -> Result<Option<std::time::Duration>, PgError> {
    let seconds: Option<f64> = sqlx::query_scalar(
        "select extract(epoch from min(wake_at) - clock())::float8 from pool where wake_at is not null",
    )
    .fetch_one(pool)
    .await?;
    Ok(seconds.map(super::pause))
}

/// A pool as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Its row.
    pub pool: Pool,
    /// By rep id.
    pub members: Vec<Member>,
    /// Leads that wait.
    pub waiting: i64,
}

/// One pool, or all by id. The row is locked for a moment, so that its ledger adds up.
///
/// # Errors
/// As the database says.
pub async fn shown(connection: &mut PgConnection, pool_id: Option<&str>) -> Result<Vec<Shown>, PgError> {
    let sql = format!("select {COLUMNS} from pool where $1::text is null or pool_id = $1 order by pool_id for share");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(pool_id).fetch_all(&mut *connection).await?;
    let mut all = Vec::new();
    for row in &rows {
        let pool = from_row(row)?;
        let members = super::ledger::members(connection, &pool.pool_id).await?;
        let waiting = sqlx::query_scalar("select count(*) from lead where state = 1 and pool_id = $1")
            .bind(&pool.pool_id)
            .fetch_one(&mut *connection)
            .await?;
        all.push(Shown { pool, members, waiting });
    }
    Ok(all)
}

/// Nobody else changes which pool takes which leads before this transaction ends ("routes").
///
/// # Errors
/// As the database says.
pub async fn lock_routes(connection: &mut PgConnection) -> Result<(), PgError> {
    sqlx::query("select pg_advisory_xact_lock(125780003644787)").execute(connection).await?;
    Ok(())
}

/// Makes a pool or replaces what can be set of it; its ledger stays. Takes its lock.
///
/// # Errors
/// As the database says.
pub async fn put(connection: &mut PgConnection, pool: &Pool) -> Result<(), PgError> {
    sqlx::query(
        "insert into pool (pool_id, version, name, product_line, is_default, offer_timeout_ms, round_pause_ms, owner_match)
         values ($1, 1, $2, $3, $4, $5, $6, $7)
         on conflict (pool_id) do update set version = pool.version + 1, name = excluded.name,
             product_line = excluded.product_line, is_default = excluded.is_default,
             offer_timeout_ms = excluded.offer_timeout_ms, round_pause_ms = excluded.round_pause_ms,
             owner_match = excluded.owner_match",
    )
    .bind(&pool.pool_id)
    .bind(&pool.name)
    .bind(&pool.product_line)
    .bind(pool.is_default)
    .bind(pool.offer_timeout_ms)
    .bind(pool.round_pause_ms)
    .bind(pool.owner_match)
    .execute(connection)
    .await?;
    Ok(())
}
