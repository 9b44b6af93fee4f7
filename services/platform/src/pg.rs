//! PostgreSQL: the pool of a role, the one place that opens write transactions, and which errors are whose fault.

use jiff::Timestamp;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

/// Section `database` of a stateful role.
#[derive(Clone, Debug, serde::Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PgConfig {
    /// `postgres://role:password@host:port/database`
    #[garde(skip)]
    #[schemars(with = "String")]
    pub url: secrecy::SecretString,
    /// Connections of the pool.
    #[serde(default = "default_pool_size")]
    #[garde(range(min = 2, max = 200))]
    pub pool_size: u32,
}

const fn default_pool_size() -> u32 {
    10
}

/// The database of one role: its schema, its pool.
#[derive(Clone, Debug)]
pub struct Database {
    pool: PgPool,
    schema: &'static str,
}

/// A write transaction: opened by [`Database::write_tx`] alone. Dropped without [`WriteTx::commit`] it rolls back.
pub struct WriteTx {
    transaction: Transaction<'static, Postgres>,
    now: Timestamp,
    xid: i64,
}

impl WriteTx {
    /// The one `now` of this transaction: the database clock when it began.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// `pg_current_xact_id()`, drawn before any outbox id.
    #[must_use]
    pub fn xid(&self) -> i64 {
        self.xid
    }

    /// The connection inside the transaction.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}

impl Database {
    /// For plain reads outside of write transactions.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Schema and database role of the service.
    #[must_use]
    pub fn schema(&self) -> &'static str {
        self.schema
    }

    /// Opens a write transaction in a spawned task, so that a caller who goes away cannot poison the pool.
    ///
    /// # Errors
    /// [`PgError`] if no connection could be had or the first statement failed.
    pub async fn write_tx(&self, name: &'static str) -> Result<WriteTx, PgError> {
        let _ = name;
        panic!("skeleton")
    }
}

impl WriteTx {
    /// Commits. An error may be ambiguous (the commit may have happened): re-read the state that it fences.
    ///
    /// # Errors
    /// [`PgError`].
    pub async fn commit(self) -> Result<(), PgError> {
        panic!("skeleton")
    }
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The data of one event: SQLSTATE 22xxx, 23502, 23505, 23514 on a data table's own check. Never helped by trying again.
    Data,
    /// Everything else, unknown codes included: the same again later.
    Transient,
    /// A missing partition, or the check of the offset ledger: stop the lane, call a human.
    Stop,
}

/// A database error with its kind.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct PgError {
    /// What we tried.
    pub what: &'static str,
    /// Whose fault.
    pub kind: FailureKind,
    /// The driver's error.
    #[source]
    pub source: sqlx::Error,
}

impl From<sqlx::Error> for PgError {
    fn from(source: sqlx::Error) -> Self {
        Self { what: "statement", kind: FailureKind::Transient, source }
    }
}
