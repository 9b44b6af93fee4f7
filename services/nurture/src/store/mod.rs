//! All SQL of the nurture role. Every function takes the connection of a transaction that its caller opened, or the pool for
//! a plain read. Lock order: lead (by id) < contact (by hash) < enrollment < message.

pub mod consent;
pub mod contact;
pub mod decision;
pub mod due;
pub mod enrollment;
pub mod erase;
pub mod former;
pub mod insight;
pub mod journey;
pub mod lead;
pub mod link;
pub mod message;
pub mod message_begin;
pub mod message_mark;
pub mod proof;
pub mod report;
pub mod retention;
pub mod sample;
pub mod sending;
pub mod tally;
pub mod told;
pub mod webhook;

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

/// One column of many rows.
fn column<'a, R, T>(rows: &[&'a R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(|row| of(row)).collect()
}
