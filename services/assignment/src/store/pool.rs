//! Tables `pool`, `pool_member`, `stretch` and `ledger_credit`: who shares what, and the ledger of it. The pool's row is the
//! lock of its ledger and of planning; nobody but planners and `PutPool` takes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};
use uuid::Uuid;

use super::{from_sql_option, to_sql, to_sql_option};
use crate::domain::ledger::{Account, Ledger, Stretch};
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

/// One member's row: weight and account.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Who.
    pub rep_id: String,
    /// His share.
    pub weight: i32,
    /// What he had of it.
    pub account: Account,
}

/// An offer to be taken out of the shares.
#[derive(Clone, Debug, PartialEq)]
pub struct Credit {
    /// Which offer.
    pub assignment_id: Uuid,
    /// Of which pool.
    pub pool_id: String,
    /// To whom.
    pub rep_id: String,
    /// Whose shares were used.
    pub stretch_no: i32,
    /// Why.
    pub reason: String,
}

/// A credit with the shares that it corrects.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingCredit {
    /// Which offer.
    pub assignment_id: Uuid,
    /// To whom.
    pub rep_id: String,
    /// Members of that stretch.
    pub shares: Vec<(String, i32)>,
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
        sqlx::query_as("select pool_id, product_line, is_default from pool order by pool_id").fetch_all(connection).await?;
    let route = |(pool_id, product_line, is_default)| Route { pool_id, product_line, is_default };
    Ok(rows.into_iter().map(route).collect())
}

/// Members of a pool whose lock is held, by rep id.
///
/// # Errors
/// As the database says.
pub async fn members(connection: &mut PgConnection, pool_id: &str) -> Result<Vec<Member>, PgError> {
    let rows = sqlx::query(
        "select rep_id, weight, stretch_weight, received, carried_micro, credit_micro
         from pool_member where pool_id = $1 order by rep_id collate \"C\"",
    )
    .bind(pool_id)
    .fetch_all(connection)
    .await?;
    let member = |row: &PgRow| -> Result<Member, sqlx::Error> {
        let account = Account {
            stretch_weight: row.try_get("stretch_weight")?,
            received: row.try_get("received")?,
            carried_micro: row.try_get("carried_micro")?,
            credit_micro: row.try_get("credit_micro")?,
        };
        Ok(Member { rep_id: row.try_get("rep_id")?, weight: row.try_get("weight")?, account })
    };
    Ok(rows.iter().map(member).collect::<Result<_, _>>()?)
}

/// The ledger that the members' rows are.
#[must_use]
pub fn ledger(pool: &Pool, members: &[Member]) -> Ledger {
    let accounts: BTreeMap<String, Account> = members.iter().map(|member| (member.rep_id.clone(), member.account)).collect();
    Ledger { stretch_no: pool.stretch_no, leads: pool.stretch_leads, accounts }
}

/// Writes the ledger of a pool whose lock is held, of the members only those that differ from `before`; and its timer: while
/// leads wait, the next opening of a rep (`opens_at`) or end of a pause, whichever comes first.
///
/// # Errors
/// As the database says.
pub async fn save_ledger(
    connection: &mut PgConnection,
    pool_id: &str,
    before: &Ledger,
    after: &Ledger,
    opens_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), PgError> {
    sqlx::query(
        "update pool set stretch_no = $2, stretch_leads = $3, wake_at = case
             when exists (select from lead where pool_id = $1 and state = 1)
             then least($4, (select min(wake_at) from lead where pool_id = $1 and state = 1 and wake_at > $5)) end
         where pool_id = $1",
    )
    .bind(pool_id)
    .bind(after.stretch_no)
    .bind(after.leads)
    .bind(to_sql_option(opens_at))
    .bind(to_sql(now))
    .execute(&mut *connection)
    .await?;
    let changed: Vec<(&String, &Account)> =
        after.accounts.iter().filter(|(rep_id, account)| before.accounts.get(*rep_id) != Some(account)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update pool_member m set stretch_weight = c.stretch_weight, received = c.received,
             carried_micro = c.carried_micro, credit_micro = c.credit_micro
         from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[])
             as c (rep_id, stretch_weight, received, carried_micro, credit_micro)
         where m.pool_id = $1 and m.rep_id = c.rep_id",
    )
    .bind(pool_id)
    .bind(changed.iter().map(|(rep_id, _)| rep_id.as_str()).collect::<Vec<_>>())
    .bind(changed.iter().map(|(_, account)| account.stretch_weight).collect::<Vec<_>>())
    .bind(changed.iter().map(|(_, account)| account.received).collect::<Vec<_>>())
    .bind(changed.iter().map(|(_, account)| account.carried_micro).collect::<Vec<_>>())
    .bind(changed.iter().map(|(_, account)| account.credit_micro).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes stretches that began.
///
/// # Errors
/// As the database says.
pub async fn insert_stretches(
    connection: &mut PgConnection,
    pool_id: &str,
    stretches: &[Stretch],
    now: Timestamp,
) -> Result<(), PgError> {
    if stretches.is_empty() {
        return Ok(());
    }
    let rep_ids = |stretch: &Stretch| stretch.members.iter().map(|(rep_id, _)| rep_id.as_str()).collect::<Vec<_>>().join(",");
    let weights = |stretch: &Stretch| stretch.members.iter().map(|(_, weight)| weight.to_string()).collect::<Vec<_>>().join(",");
    sqlx::query(
        "insert into stretch (pool_id, stretch_no, started_at, cause, rep_ids, weights)
         select $1, stretch_no, $2, cause, string_to_array(rep_ids, ','), string_to_array(weights, ',')::int[]
         from unnest($3::int[], $4::text[], $5::text[], $6::text[]) as n (stretch_no, cause, rep_ids, weights)",
    )
    .bind(pool_id)
    .bind(to_sql(now))
    .bind(stretches.iter().map(|stretch| stretch.stretch_no).collect::<Vec<_>>())
    .bind(stretches.iter().map(|stretch| stretch.cause).collect::<Vec<_>>())
    .bind(stretches.iter().map(rep_ids).collect::<Vec<_>>())
    .bind(stretches.iter().map(weights).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Asks the planners of these pools to take offers out of the shares. Needs no lock of theirs.
///
/// # Errors
/// As the database says.
pub async fn insert_credits(connection: &mut PgConnection, credits: &[Credit], now: Timestamp) -> Result<(), PgError> {
    if credits.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into ledger_credit (assignment_id, pool_id, rep_id, stretch_no, reason, at)
         select assignment_id, pool_id, rep_id, stretch_no, reason, $6
         from unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[])
             as n (assignment_id, pool_id, rep_id, stretch_no, reason)
         on conflict (assignment_id) do nothing",
    )
    .bind(credits.iter().map(|credit| credit.assignment_id).collect::<Vec<_>>())
    .bind(credits.iter().map(|credit| credit.pool_id.as_str()).collect::<Vec<_>>())
    .bind(credits.iter().map(|credit| credit.rep_id.as_str()).collect::<Vec<_>>())
    .bind(credits.iter().map(|credit| credit.stretch_no).collect::<Vec<_>>())
    .bind(credits.iter().map(|credit| credit.reason.as_str()).collect::<Vec<_>>())
    .bind(to_sql(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// Credits that wait for a pool whose lock is held, oldest first, with the shares they correct; marks them applied.
///
/// # Errors
/// As the database says.
pub async fn take_credits(
    connection: &mut PgConnection,
    pool_id: &str,
    now: Timestamp,
) -> Result<Vec<PendingCredit>, PgError> {
    let rows: Vec<(Uuid, String, Vec<String>, Vec<i32>)> = sqlx::query_as(
        "with taken as (
             update ledger_credit set applied_at = $2 where pool_id = $1 and applied_at is null
             returning assignment_id, pool_id, rep_id, stretch_no, at)
         select t.assignment_id, t.rep_id, s.rep_ids, s.weights
         from taken t join stretch s using (pool_id, stretch_no) order by t.at, t.assignment_id",
    )
    .bind(pool_id)
    .bind(to_sql(now))
    .fetch_all(connection)
    .await?;
    let credit = |(assignment_id, rep_id, rep_ids, weights): (Uuid, String, Vec<String>, Vec<i32>)| PendingCredit {
        assignment_id,
        rep_id,
        shares: rep_ids.into_iter().zip(weights).collect(),
    };
    Ok(rows.into_iter().map(credit).collect())
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
        let members = members(connection, &pool.pool_id).await?;
        let waiting = sqlx::query_scalar("select count(*) from lead where state = 1 and pool_id = $1")
            .bind(&pool.pool_id)
            .fetch_one(&mut *connection)
            .await?;
        all.push(Shown { pool, members, waiting });
    }
    Ok(all)
}

/// Makes a pool or replaces what can be set of it; its ledger stays. Takes its lock.
///
/// # Errors
/// As the database says; 23505 if two at once want to be the default.
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

/// Exactly these members, with these weights; the pool's lock is held.
///
/// # Errors
/// As the database says.
pub async fn put_members(
    connection: &mut PgConnection,
    pool_id: &str,
    members: &BTreeMap<String, i32>,
) -> Result<(), PgError> {
    let (rep_ids, weights): (Vec<&str>, Vec<i32>) = members.iter().map(|(rep_id, weight)| (rep_id.as_str(), *weight)).unzip();
    sqlx::query("delete from pool_member where pool_id = $1 and rep_id <> all($2)")
        .bind(pool_id)
        .bind(&rep_ids)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "insert into pool_member (pool_id, rep_id, weight)
         select $1, rep_id, weight from unnest($2::text[], $3::int[]) as n (rep_id, weight)
         on conflict (pool_id, rep_id) do update set weight = excluded.weight",
    )
    .bind(pool_id)
    .bind(&rep_ids)
    .bind(&weights)
    .execute(connection)
    .await?;
    Ok(())
}
