//! Tables `rep` and `presence`: who works here, when, how much, and who is there.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff_sqlx::{Date as SqlDate, Timestamp as SqlTimestamp, ToSqlx as _};
use leadflow_platform::pg::PgError;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};

use super::to_sql;

/// One rep.
#[derive(Clone, Debug, PartialEq)]
pub struct Rep {
    /// Chosen by whoever made him.
    pub rep_id: String,
    /// Rises with each change of what is above the counts.
    pub version: i32,
    /// Not deactivated.
    pub active: bool,
    /// For people.
    pub name: String,
    /// How CRMs know him.
    pub email: String,
    /// IANA name.
    pub time_zone: String,
    /// Triples weekday, start minute, end minute.
    pub schedule: Vec<i32>,
    /// ISO dates in his zone.
    pub holidays: Vec<String>,
    /// Protobuf `Assignment` with `rep_external_ids` alone.
    pub external_ids: Vec<u8>,
    /// 0: no limit.
    pub max_open: i32,
    /// 0: no limit.
    pub max_day: i32,
    /// Offered and accepted leads.
    pub open_count: i32,
    /// Day of `day_count`, in his zone.
    pub day: Option<Date>,
    /// Offers on that day.
    pub day_count: i32,
    /// None: away.
    pub present_until: Option<Timestamp>,
}

const COLUMNS: &str = "rep_id, version, active, name, email, time_zone, schedule, holidays, external_ids, max_open, \
     max_day, open_count, day, day_count";

fn from_row(row: &PgRow) -> Result<Rep, sqlx::Error> {
    let day: Option<SqlDate> = row.try_get("day")?;
    Ok(Rep {
        rep_id: row.try_get("rep_id")?,
        version: row.try_get("version")?,
        active: row.try_get("active")?,
        name: row.try_get("name")?,
        email: row.try_get("email")?,
        time_zone: row.try_get("time_zone")?,
        schedule: row.try_get("schedule")?,
        holidays: row.try_get("holidays")?,
        external_ids: row.try_get("external_ids")?,
        max_open: row.try_get("max_open")?,
        max_day: row.try_get("max_day")?,
        open_count: row.try_get("open_count")?,
        day: day.map(SqlDate::to_jiff),
        day_count: row.try_get("day_count")?,
        present_until: None,
    })
}

/// Locks these reps in the order of their ids, waiting for whoever has them, then reads who is present: after the lock,
/// because presence is written under it.
///
/// # Errors
/// As the database says.
pub async fn lock(connection: &mut PgConnection, rep_ids: &[String]) -> Result<Vec<Rep>, PgError> {
    load(connection, rep_ids, "for no key update").await
}

/// The same without locks: what is read may be over at once.
///
/// # Errors
/// As the database says.
pub async fn read(connection: &mut PgConnection, rep_ids: &[String]) -> Result<Vec<Rep>, PgError> {
    load(connection, rep_ids, "").await
}

async fn load(connection: &mut PgConnection, rep_ids: &[String], how: &str) -> Result<Vec<Rep>, PgError> {
    if rep_ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("select {COLUMNS} from rep where rep_id = any($1) order by rep_id {how}");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(rep_ids).fetch_all(&mut *connection).await?;
    let mut reps = rows.iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
    let present: Vec<(String, SqlTimestamp)> =
        sqlx::query_as("select rep_id, until from presence where rep_id = any($1)")
            .bind(rep_ids)
            .fetch_all(connection)
            .await?;
    put_presence(&mut reps, present);
    Ok(reps)
}

/// All reps by id, without locks.
///
/// # Errors
/// As the database says.
pub async fn list(pool: &PgPool) -> Result<Vec<Rep>, PgError> {
    let sql = format!("select {COLUMNS} from rep order by rep_id");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(pool).await?;
    let mut reps = rows.iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
    let present: Vec<(String, SqlTimestamp)> =
        sqlx::query_as("select rep_id, until from presence").fetch_all(pool).await?;
    put_presence(&mut reps, present);
    Ok(reps)
}

fn put_presence(reps: &mut [Rep], present: Vec<(String, SqlTimestamp)>) {
    let until: HashMap<String, Timestamp> =
        present.into_iter().map(|(rep_id, until)| (rep_id, until.to_jiff())).collect();
    for rep in reps {
        rep.present_until = until.get(&rep.rep_id).copied();
    }
}

/// Which of these exist.
///
/// # Errors
/// As the database says.
pub async fn existing(connection: &mut PgConnection, rep_ids: &[String]) -> Result<Vec<String>, PgError> {
    Ok(sqlx::query_scalar("select rep_id from rep where rep_id = any($1)").bind(rep_ids).fetch_all(connection).await?)
}

/// Writes counts of reps whose locks are held.
///
/// # Errors
/// As the database says; 23514 on `rep_counts` would be a defect.
pub async fn save_counts(connection: &mut PgConnection, reps: &[&Rep]) -> Result<(), PgError> {
    if reps.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update rep r set open_count = c.open_count, day = c.day, day_count = c.day_count
         from unnest($1::text[], $2::int[], $3::date[], $4::int[]) as c (rep_id, open_count, day, day_count)
         where r.rep_id = c.rep_id",
    )
    .bind(reps.iter().map(|rep| rep.rep_id.as_str()).collect::<Vec<_>>())
    .bind(reps.iter().map(|rep| rep.open_count).collect::<Vec<_>>())
    .bind(reps.iter().map(|rep| rep.day.map(|day| day.to_sqlx())).collect::<Vec<_>>())
    .bind(reps.iter().map(|rep| rep.day_count).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes or replaces a rep; his counts and presence stay.
///
/// # Errors
/// As the database says.
pub async fn put(connection: &mut PgConnection, rep: &Rep) -> Result<(), PgError> {
    sqlx::query(
        "insert into rep (rep_id, version, active, name, email, time_zone, schedule, holidays, external_ids, max_open, max_day)
         values ($1, 1, true, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (rep_id) do update set version = rep.version + 1, active = true, name = excluded.name,
             email = excluded.email, time_zone = excluded.time_zone, schedule = excluded.schedule,
             holidays = excluded.holidays, external_ids = excluded.external_ids, max_open = excluded.max_open,
             max_day = excluded.max_day",
    )
    .bind(&rep.rep_id)
    .bind(&rep.name)
    .bind(&rep.email)
    .bind(&rep.time_zone)
    .bind(&rep.schedule)
    .bind(&rep.holidays)
    .bind(&rep.external_ids)
    .bind(rep.max_open)
    .bind(rep.max_day)
    .execute(connection)
    .await?;
    Ok(())
}

/// The rep gets nothing from now on; his lock is held.
///
/// # Errors
/// As the database says.
pub async fn deactivate(connection: &mut PgConnection, rep_id: &str) -> Result<(), PgError> {
    sqlx::query("update rep set active = false, version = version + 1 where rep_id = $1 and active")
        .bind(rep_id)
        .execute(&mut *connection)
        .await?;
    set_presence(connection, rep_id, None).await
}

/// Present until then, or away; the rep's lock is held.
///
/// # Errors
/// As the database says.
pub async fn set_presence(
    connection: &mut PgConnection,
    rep_id: &str,
    until: Option<Timestamp>,
) -> Result<(), PgError> {
    match until {
        None => sqlx::query("delete from presence where rep_id = $1").bind(rep_id).execute(connection).await?,
        Some(until) => {
            sqlx::query(
                "insert into presence (rep_id, until) values ($1, $2)
                 on conflict (rep_id) do update set until = excluded.until",
            )
            .bind(rep_id)
            .bind(to_sql(until))
            .execute(connection)
            .await?
        }
    };
    Ok(())
}

/// Reps are rid of that many leads each; their locks are taken here, in the order of their ids.
///
/// # Errors
/// As the database says; 23514 on `rep_counts` would be a defect.
pub async fn free(connection: &mut PgConnection, freed: &[(String, i32)]) -> Result<(), PgError> {
    let rep_ids: Vec<&str> = freed.iter().map(|(rep_id, _)| rep_id.as_str()).collect();
    if freed.len() > 1 {
        sqlx::query("select from rep where rep_id = any($1) order by rep_id for no key update")
            .bind(&rep_ids)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query(
        "update rep r set open_count = r.open_count - f.n from unnest($1::text[], $2::int[]) as f (rep_id, n)
         where r.rep_id = f.rep_id",
    )
    .bind(&rep_ids)
    .bind(freed.iter().map(|(_, n)| *n).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
