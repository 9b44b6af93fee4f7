//! Weekly partitions of the timeline: made ahead of time at start and hourly. A missing one would stop the lanes.

use leadflow_platform::pg::PgError;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::domain::day::Day;

use super::tried;

/// How many weeks back events are kept and counted: the longest horizon that a model may have.
pub const WEEKS_BACK: i32 = crate::domain::rules::MOST_HORIZON_WEEKS as i32;
/// How many weeks ahead partitions are made.
pub const WEEKS_AHEAD: i32 = 4;
/// Fewer than so many weeks ahead is a reason not to be ready.
pub const FEWEST_AHEAD: i32 = 2;
/// Advisory lock of whoever makes partitions ("tml").
const LOCK: i64 = 0x74_6d_6c;

/// Monday (UTC) of the week that contains `day`. 1970-01-05 was one.
#[must_use]
pub const fn monday(day: Day) -> Day {
    Day(day.0 - (day.0 - 4).rem_euclid(7))
}

/// Makes what is missing for `today`; gives how many were made. In a transaction of its own.
///
/// # Errors
/// [`PgError`].
pub async fn ensure(connection: &mut PgConnection, today: Day) -> Result<usize, PgError> {
    let this_week = monday(today);
    let wanted: Vec<Day> = (-(WEEKS_BACK + 1)..=WEEKS_AHEAD).map(|weeks| this_week.plus(7 * weeks)).collect();
    if missing(connection, &wanted).await?.is_empty() {
        return Ok(0);
    }
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *connection)
        .await
        .map_err(tried("lock"))?;
    let missing = missing(connection, &wanted).await?;
    for week in &missing {
        let (name, from, to) = (name(*week), week.0, week.0 + 7);
        // Made apart and then attached: `create table ... partition of` would lock the whole timeline.
        let statement = format!(
            "create table {name} (like timeline including defaults including compression including constraints); \
             alter table timeline attach partition {name} for values from ({from}) to ({to})"
        );
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await.map_err(tried("make a partition"))?;
    }
    Ok(missing.len())
}

/// How many whole weeks after the present one have a partition.
///
/// # Errors
/// [`PgError`].
pub async fn weeks_ahead(connection: &mut PgConnection, today: Day) -> Result<i32, PgError> {
    let wanted: Vec<Day> = (1..=WEEKS_AHEAD).map(|weeks| monday(today).plus(7 * weeks)).collect();
    let missing = missing(connection, &wanted).await?;
    let ahead = wanted.iter().take_while(|week| !missing.contains(week)).count();
    Ok(i32::try_from(ahead).unwrap_or(WEEKS_AHEAD))
}

async fn missing(connection: &mut PgConnection, wanted: &[Day]) -> Result<Vec<Day>, PgError> {
    let names: Vec<String> = wanted.iter().map(|week| name(*week)).collect();
    let there: Vec<String> = sqlx::query_scalar("select n from unnest($1::text[]) n where to_regclass(n) is not null")
        .bind(&names)
        .fetch_all(connection)
        .await
        .map_err(tried("find partitions"))?;
    Ok(wanted.iter().zip(&names).filter(|(_, name)| !there.contains(name)).map(|(week, _)| *week).collect())
}

/// `timeline_20261123`.
fn name(week: Day) -> String {
    let date = jiff::civil::Date::constant(1970, 1, 1)
        .checked_add(jiff::Span::new().days(week.0))
        .unwrap_or(jiff::civil::Date::MAX);
    format!("timeline_{}", date.strftime("%Y%m%d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_monday() {
        for (day, expected) in [(4, 4), (10, 4), (11, 11), (3, -3), (-719_162, -719_162), (20_781, 20_780)] {
            assert_eq!(monday(Day(day)), Day(expected), "{day}");
        }
        assert_eq!(name(monday(Day(20_781))), "timeline_20261123");
    }
}
