//! Write transactions. Opened and ended in tasks of their own, because a caller can go away at any await (a client hangs
//! up, a batch is given up), and a `begin` that is cancelled half-way leaves sqlx a connection that stands inside a
//! transaction without knowing it (launchbadge/sqlx issues 4385 and 4393): the next user's writes would never commit.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgTransactionManager;
use sqlx::{PgConnection, Postgres};
// What `sqlx::Transaction` itself calls. Used directly, because that type cannot throw its connection away.
use sqlx_core::transaction::TransactionManager as _;

use super::{Database, Mechanism, PgError, SPAWNED_BEGIN, timed_out};
use crate::telemetry::metrics::PG_TRANSACTION;

/// Longest wait for the answer to `begin` and to the first statement.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for the answer to `commit`; above the server's statement timeout.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(20);

static DURATION: LazyLock<Histogram<f64>> = LazyLock::new(|| PG_TRANSACTION.histogram());

/// A write transaction: opened by [`Database::write_tx`] alone. Dropped without [`WriteTx::commit`] it rolls back.
pub struct WriteTx {
    /// None only while it is being committed or dropped.
    connection: Option<PoolConnection<Postgres>>,
    name: &'static str,
    began: Instant,
    now: Timestamp,
    xid: i64,
    spawn: bool,
    #[cfg(feature = "testing")]
    switches: std::sync::Arc<super::Switches>,
}

impl std::fmt::Debug for WriteTx {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("WriteTx").field("name", &self.name).field("xid", &self.xid).finish_non_exhaustive()
    }
}

impl Database {
    /// Opens a write transaction in a spawned task, so that a caller who goes away cannot poison the pool. `name` is the
    /// metric label of its duration.
    ///
    /// # Errors
    /// [`PgError`] if no connection could be had or the first statement failed.
    pub async fn write_tx(&self, name: &'static str) -> Result<WriteTx, PgError> {
        if !self.is_on(SPAWNED_BEGIN) {
            return open(self.clone(), name).await;
        }
        // If the caller is dropped, the task still finishes; nobody takes its result, which rolls back when it is dropped.
        spawn(open(self.clone(), name)).await
    }
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

    /// Whether a mechanism works; always true in a build without the feature `testing`.
    #[cfg(not(feature = "testing"))]
    #[must_use]
    pub const fn is_on(&self, _: Mechanism) -> bool {
        true
    }

    /// Whether a mechanism works, or a test turned it off.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn is_on(&self, mechanism: Mechanism) -> bool {
        self.switches.is_on(mechanism)
    }

    /// The connection inside the transaction.
    ///
    /// # Panics
    /// Never: the connection leaves only with `commit`, which takes the transaction.
    pub fn connection(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("held until commit")
    }

    /// Commits, also if the caller is dropped meanwhile. An error may be ambiguous (the commit may have happened): re-read
    /// the state that it fences.
    ///
    /// # Errors
    /// [`PgError`].
    pub async fn commit(mut self) -> Result<(), PgError> {
        let connection = self.connection.take().expect("held until commit");
        let (name, began) = (self.name, self.began);
        let work = async move {
            let result = commit(connection).await;
            record(name, began, if result.is_ok() { "committed" } else { "failed" });
            result
        };
        if self.spawn { spawn(work).await } else { work.await }
    }
}

impl Drop for WriteTx {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            // Queues the rollback; the pool sends it and waits for the answer before anybody else gets the connection.
            PgTransactionManager::start_rollback(&mut connection);
            record(self.name, self.began, "rolled_back");
        }
    }
}

/// Runs `work` to its end whatever becomes of the caller.
#[expect(
    clippy::disallowed_methods,
    reason = "a transaction begins and ends as a whole; it is bounded by its timeouts"
)]
async fn spawn<T: Send + 'static>(
    work: impl Future<Output = Result<T, PgError>> + Send + 'static,
) -> Result<T, PgError> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(PgError::new("transaction", sqlx::Error::WorkerCrashed)),
    }
}

async fn open(database: Database, name: &'static str) -> Result<WriteTx, PgError> {
    // A restarted server leaves a pool full of dead connections: each is thrown away on its first use. Nothing has
    // happened yet in the transaction, so trying the next one is safe.
    let mut dead_left = database.pool().size();
    loop {
        let connection = database.pool().acquire().await.map_err(|source| PgError::new("take a connection", source))?;
        match begin(connection, name, &database).await {
            Err(error) if error.is_disconnect() && dead_left > 0 => dead_left -= 1,
            result => return result,
        }
    }
}

async fn begin(
    mut connection: PoolConnection<Postgres>,
    name: &'static str,
    database: &Database,
) -> Result<WriteTx, PgError> {
    let began = Instant::now();
    let answered = tokio::time::timeout(BEGIN_TIMEOUT, async {
        PgTransactionManager::begin(&mut connection, None).await?;
        // One statement gives the xid, before any outbox id is drawn, and the one clock reading of the transaction.
        sqlx::query_as::<_, (i64, jiff_sqlx::Timestamp)>("select pg_current_xact_id()::text::bigint, clock()")
            .fetch_one(&mut *connection)
            .await
    })
    .await;
    match answered {
        Ok(Ok((xid, now))) => {
            database.outage.served();
            Ok(WriteTx {
                connection: Some(connection),
                name,
                began,
                now: now.to_jiff(),
                xid,
                spawn: database.is_on(SPAWNED_BEGIN),
                #[cfg(feature = "testing")]
                switches: std::sync::Arc::clone(&database.switches),
            })
        }
        Ok(Err(source)) => {
            discard(connection);
            Err(PgError::new("begin", source))
        }
        Err(_) => {
            discard(connection);
            Err(timed_out("begin"))
        }
    }
}

async fn commit(mut connection: PoolConnection<Postgres>) -> Result<(), PgError> {
    let answered = tokio::time::timeout(COMMIT_TIMEOUT, PgTransactionManager::commit(&mut connection)).await;
    let error = match answered {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(source)) => PgError::new("commit", source),
        Err(_) => timed_out("commit"),
    };
    discard(connection);
    Err(error)
}

/// The state of this connection is unknown: it must not go back to the pool.
fn discard(mut connection: PoolConnection<Postgres>) {
    connection.close_on_drop();
}

fn record(name: &'static str, began: Instant, outcome: &'static str) {
    DURATION.record(began.elapsed().as_secs_f64(), &[KeyValue::new("name", name), KeyValue::new("outcome", outcome)]);
}
