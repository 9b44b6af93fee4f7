//! All SQL of the assignment role. Every function takes the connection of a transaction that its caller opened, or the pool
//! for a plain read. Lock order: pool < lead (by id) < rep (by id).

pub mod assignment;
pub mod contact;
pub mod decision;
pub mod lead;
pub mod owner;
pub mod pool;
pub mod rep;

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
