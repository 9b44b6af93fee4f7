//! Every SQL statement of qualification. One UNNEST statement per table and batch; whoever calls opens the transaction and
//! holds the locks that the doc of a function names. Nothing is decided here.

pub mod decision;
pub mod identifier;
pub mod lead;
pub mod link;
pub mod model;
pub mod partition;
pub mod person;
pub mod profile;
pub mod question;
pub mod review;
pub mod timeline;
pub mod tombstone;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use leadflow_platform::pg::{FailureKind, PgError};

use crate::wire::Corrupt;

/// The migrations of this service (versions from 100).
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// A row that cannot be read is a bug of ours: never helped by trying again.
pub(crate) fn corrupt(error: Corrupt) -> PgError {
    PgError { what: error.0, kind: FailureKind::Data, source: sqlx::Error::Decode(Box::new(error)) }
}

/// `tried("lock persons")`: for `map_err`.
pub(crate) fn tried(what: &'static str) -> impl FnOnce(sqlx::Error) -> PgError {
    move |source| PgError::new(what, source)
}

pub(crate) fn times(times: impl IntoIterator<Item = Timestamp>) -> Vec<jiff_sqlx::Timestamp> {
    times.into_iter().map(|time| time.to_sqlx()).collect()
}

pub(crate) fn optional_times(times: impl IntoIterator<Item = Option<Timestamp>>) -> Vec<Option<jiff_sqlx::Timestamp>> {
    times.into_iter().map(|time| time.map(|time| time.to_sqlx())).collect()
}
