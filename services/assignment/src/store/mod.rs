//! All SQL of the assignment role. Every function takes the connection of a transaction that its caller opened, or the pool
//! for a plain read. Lock order: pool < lead (by id) < rep (by id).

pub mod assignment;
pub mod contact;
pub mod decision;
pub mod external_record;
pub mod lead;
pub mod ledger;
pub mod owner;
pub mod pool;
pub mod queue;
pub mod rep;
pub mod unpublished;

use std::time::Duration;

use jiff::Timestamp;
use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx as _};

fn to_sql(at: Timestamp) -> SqlTimestamp {
    at.to_sqlx()
}

fn to_sql_option(at: Option<Timestamp>) -> Option<SqlTimestamp> {
    at.map(to_sql)
}

fn from_sql_option(at: Option<SqlTimestamp>) -> Option<Timestamp> {
    at.map(SqlTimestamp::to_jiff)
}

/// A number in a row that no version of this program wrote.
fn unreadable(column: &'static str) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: "not a number that this version knows".into() }
}

/// Seconds as the database counts them, zero if they are over. Else a millisecond more, so that whoever sleeps so long does
/// not wake too early.
fn pause(seconds: f64) -> Duration {
    if seconds <= 0.0 {
        return Duration::ZERO;
    }
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).saturating_add(Duration::from_millis(1))
}
