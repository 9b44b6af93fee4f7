//! Statements of the table `command`.

use std::time::Duration;

use crate::pg::{Database, PgError, WriteTx};

#[derive(sqlx::FromRow)]
pub(super) struct Stored {
    pub(super) request_hash: Vec<u8>,
    pub(super) reply: Option<Vec<u8>>,
}

/// False if the key is taken. Waits for a transaction that is just taking it.
pub(super) async fn take(tx: &mut WriteTx, caller: &str, key: &str, request_hash: &[u8]) -> Result<bool, PgError> {
    let now = jiff_sqlx::ToSqlx::to_sqlx(tx.now());
    let taken = sqlx::query(
        "insert into command (caller, key, request_hash, at) values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(caller)
    .bind(key)
    .bind(request_hash)
    .bind(now)
    .execute(tx.connection())
    .await
    .map_err(|source| PgError::new("take the key of a command", source))?;
    Ok(taken.rows_affected() == 1)
}

pub(super) async fn load(tx: &mut WriteTx, caller: &str, key: &str) -> Result<Option<Stored>, PgError> {
    sqlx::query_as("select request_hash, reply from command where caller = $1 and key = $2")
        .bind(caller)
        .bind(key)
        .fetch_optional(tx.connection())
        .await
        .map_err(|source| PgError::new("read the reply of a command", source))
}

/// False if there is no such command without a reply.
pub(super) async fn reply(tx: &mut WriteTx, caller: &str, key: &str, reply: &[u8]) -> Result<bool, PgError> {
    let updated = sqlx::query("update command set reply = $3 where caller = $1 and key = $2 and reply is null")
        .bind(caller)
        .bind(key)
        .bind(reply)
        .execute(tx.connection())
        .await
        .map_err(|source| PgError::new("keep the reply of a command", source))?;
    Ok(updated.rows_affected() == 1)
}

pub(super) async fn prune(database: &Database, kept: Duration, limit: i64) -> Result<u64, PgError> {
    let pruned = sqlx::query(
        "delete from command where (caller, key) in \
         (select caller, key from command where at < $1 order by at limit $2)",
    )
    .bind(jiff_sqlx::ToSqlx::to_sqlx(database.now().await? - kept))
    .bind(limit)
    .execute(database.pool())
    .await
    .map_err(|source| PgError::new("prune commands", source))?;
    Ok(pruned.rows_affected())
}
