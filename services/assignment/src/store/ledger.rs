//! Tables `pool_member`, `stretch` and `ledger_credit`: the fairness ledger of a pool. Written under the lock of the pool's
//! row; only credits are asked for without it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::pool::Pool;
use super::{to_sql, to_sql_option};
use crate::domain::ledger::{Account, Ledger, Stretch};

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
pub fn of(pool: &Pool, members: &[Member]) -> Ledger {
    let accounts: BTreeMap<String, Account> =
        members.iter().map(|member| (member.rep_id.clone(), member.account)).collect();
    Ledger { stretch_no: pool.stretch_no, leads: pool.stretch_leads, accounts }
}

/// Writes the ledger of a pool whose lock is held, of the members only those that differ from `before`; and its timer: while
/// leads wait, the next opening of a rep (`opens_at`) or end of a pause, whichever comes first.
///
/// # Errors
/// As the database says.
pub async fn save(
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
    let rep_ids =
        |stretch: &Stretch| stretch.members.iter().map(|(rep_id, _)| rep_id.as_str()).collect::<Vec<_>>().join(",");
    let weights =
        |stretch: &Stretch| stretch.members.iter().map(|(_, weight)| weight.to_string()).collect::<Vec<_>>().join(",");
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

/// Exactly these members, with these weights; the pool's lock is held.
///
/// # Errors
/// As the database says.
pub async fn put_members(
    connection: &mut PgConnection,
    pool_id: &str,
    members: &BTreeMap<String, i32>,
) -> Result<(), PgError> {
    let (rep_ids, weights): (Vec<&str>, Vec<i32>) =
        members.iter().map(|(rep_id, weight)| (rep_id.as_str(), *weight)).unzip();
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
