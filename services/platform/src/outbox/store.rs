//! Every statement of the outbox: appending rows, and what the publisher does on its own session.

use futures::TryStreamExt as _;
use sqlx::{Connection as _, PgConnection};

use super::window::Window;
use crate::pg::{Database, PgError, WriteTx};

/// Namespace of the advisory lock ("out"); the second number is the hash of the schema.
const LOCK_SPACE: i32 = 0x6f_75_74;

/// Looks into the ranges that were not seen yet. The nested loop over the ranges, which are ascending and disjoint, gives
/// the rows in the order of their ids without a sort; whoever reads checks that.
const POLL: &str = "select found.id, found.topic, found.key, found.headers, found.payload \
     from unnest($1::bigint[], $2::bigint[]) as unseen (low, high) \
     cross join lateral (select id, topic, key, headers, payload from outbox \
       where id between unseen.low and unseen.high order by id limit $3) as found \
     limit $3";

/// Settings of the publisher's session. Ended by the server if the process is frozen, so that another one can take over;
/// a delete that is lost in a crash only means a repeat; and no statistics of a table that is empty in one moment and full
/// in the next may tempt the planner into reading it whole.
const SETTINGS: [(&str, &str); 7] = [
    ("idle_session_timeout", "5s"),
    ("synchronous_commit", "off"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// One row as it was appended.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct StoredRow {
    pub(super) id: i64,
    pub(super) topic: i16,
    pub(super) key: Vec<u8>,
    pub(super) headers: Vec<u8>,
    pub(super) payload: Vec<u8>,
}

impl StoredRow {
    pub(super) fn bytes(&self) -> usize {
        self.key.len() + self.headers.len() + self.payload.len()
    }
}

/// Columns of rows to append, of one length.
#[derive(Default)]
pub(super) struct NewRows<'a> {
    pub(super) topics: Vec<i16>,
    pub(super) keys: Vec<&'a [u8]>,
    pub(super) headers: Vec<Vec<u8>>,
    pub(super) payloads: Vec<&'a [u8]>,
}

pub(super) async fn insert(tx: &mut WriteTx, rows: NewRows<'_>) -> Result<(), PgError> {
    sqlx::query(
        "insert into outbox (topic, key, headers, payload) \
         select topic, key, headers, payload \
         from unnest($1::smallint[], $2::bytea[], $3::bytea[], $4::bytea[]) \
         with ordinality as row (topic, key, headers, payload, position) order by position",
    )
    .bind(rows.topics)
    .bind(rows.keys)
    .bind(rows.headers)
    .bind(rows.payloads)
    .execute(tx.connection())
    .await
    .map_err(|source| PgError::new("append to the outbox", source))?;
    Ok(())
}

/// What one poll brought.
#[derive(Debug)]
pub(super) struct Polled {
    pub(super) rows: Vec<StoredRow>,
    /// Unseen rows may be left.
    pub(super) cut_off: bool,
}

/// The session of one publisher.
#[derive(Debug)]
pub(super) struct Session {
    connection: PgConnection,
    schema: &'static str,
}

impl Session {
    pub(super) async fn connect(database: &Database) -> Result<Self, PgError> {
        let connection = database.own_connection("outbox", &SETTINGS).await?;
        Ok(Self { connection, schema: database.schema() })
    }

    /// True if this session is the publisher of its schema from now on. Also a sign of life.
    pub(super) async fn try_lock(&mut self) -> Result<bool, PgError> {
        sqlx::query_scalar("select pg_try_advisory_lock($1, hashtext($2))")
            .bind(LOCK_SPACE)
            .bind(self.schema)
            .fetch_one(&mut self.connection)
            .await
            .map_err(|source| PgError::new("lock the outbox", source))
    }

    /// At most `limit` rows, or as many as reach `max_bytes`, that the window has not seen.
    pub(super) async fn poll(&mut self, window: &Window, limit: usize, max_bytes: usize) -> Result<Polled, PgError> {
        let (lows, highs) = window.ranges();
        let mut found = sqlx::query_as::<_, StoredRow>(POLL)
            .bind(lows)
            .bind(highs)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch(&mut self.connection);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while let Some(row) = found.try_next().await.map_err(|source| PgError::new("poll the outbox", source))? {
            if rows.last().is_some_and(|before: &StoredRow| before.id >= row.id) {
                let disorder = sqlx::Error::Protocol(format!("row {} came out of order", row.id));
                return Err(PgError::new("poll the outbox", disorder));
            }
            bytes += row.bytes();
            rows.push(row);
            if bytes >= max_bytes {
                return Ok(Polled { rows, cut_off: true });
            }
        }
        let cut_off = rows.len() >= limit;
        Ok(Polled { rows, cut_off })
    }

    pub(super) async fn delete(&mut self, ids: &[i64]) -> Result<(), PgError> {
        sqlx::query("delete from outbox where id = any($1)")
            .bind(ids)
            .execute(&mut self.connection)
            .await
            .map_err(|source| PgError::new("delete from the outbox", source))?;
        Ok(())
    }

    /// The last id that any transaction has drawn; 0 if none was.
    pub(super) async fn last_id(&mut self) -> Result<i64, PgError> {
        sqlx::query_scalar("select case when is_called then last_value else 0 end from outbox_id_seq")
            .fetch_one(&mut self.connection)
            .await
            .map_err(|source| PgError::new("move the floor of the outbox", source))
    }

    /// A transaction id of its own, above that of every transaction that has drawn one.
    pub(super) async fn draw_xid(&mut self) -> Result<i64, PgError> {
        sqlx::query_scalar("select pg_current_xact_id()::text::bigint")
            .fetch_one(&mut self.connection)
            .await
            .map_err(|source| PgError::new("move the floor of the outbox", source))
    }

    /// The oldest transaction that is still running, of all databases of the server.
    pub(super) async fn oldest_running(&mut self) -> Result<i64, PgError> {
        sqlx::query_scalar("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
            .fetch_one(&mut self.connection)
            .await
            .map_err(|source| PgError::new("move the floor of the outbox", source))
    }

    pub(super) async fn close(self) {
        // The lock is released with the session, also if this fails.
        let _ = self.connection.close().await;
    }

    /// Pages that a poll of this window touches in memory or on disk.
    #[cfg(test)]
    pub(super) async fn buffers_of_a_poll(&mut self, window: &Window, limit: i64) -> i64 {
        let (lows, highs) = window.ranges();
        let explain = format!("explain (analyze, buffers, format json) {POLL}");
        let plan: serde_json::Value = sqlx::query_scalar(sqlx::AssertSqlSafe(explain))
            .bind(lows)
            .bind(highs)
            .bind(limit)
            .fetch_one(&mut self.connection)
            .await
            .expect("a plan");
        let count = |name: &str| plan[0]["Plan"][name].as_i64().expect("a number");
        count("Shared Hit Blocks") + count("Shared Read Blocks")
    }
}

/// Tells the publisher of this schema, whichever process it is in. A statement of its own, after the commit: inside a
/// transaction it would serialise commits.
pub(super) async fn notify(database: &Database) -> Result<(), PgError> {
    sqlx::query("select pg_notify($1, '')")
        .bind(channel(database.schema()))
        .execute(database.pool())
        .await
        .map_err(|source| PgError::new("notify the publisher", source))?;
    Ok(())
}

/// Name of the notification channel of a schema.
pub(super) fn channel(schema: &str) -> String {
    format!("outbox_{schema}")
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
