//! Removing what is old from the tables that only explain. Rows that somebody has locked (an erasure) are left for the next
//! time, so that nobody waits for anybody.

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use sqlx::PgConnection;

use super::to_sql;

/// A table that grows with every day, and only explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Explaining {
    /// Why each step was taken.
    Decision,
    /// Hits of links that were judged.
    LinkHit,
    /// Calls of endpoints that are over.
    WebhookCall,
    /// What came back to mails.
    Report,
}

impl Explaining {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Decision, Self::LinkHit, Self::WebhookCall, Self::Report];

    /// Of the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::LinkHit => "link_hit",
            Self::WebhookCall => "webhook_call",
            Self::Report => "report",
        }
    }

    /// At most `$2` rows from before `$1`.
    const fn sql(self) -> &'static str {
        match self {
            Self::Decision => {
                "delete from decision where decision_id in (
                     select decision_id from decision where at < $1 limit $2 for update skip locked)"
            }
            Self::LinkHit => {
                "delete from link_hit where link_hit_id in (
                     select link_hit_id from link_hit where at < $1 and verdict <> 0 limit $2 for update skip locked)"
            }
            Self::WebhookCall => {
                "delete from webhook_call where webhook_call_id in (
                     select webhook_call_id from webhook_call where queued_at < $1 and state <> 1
                     limit $2 for update skip locked)"
            }
            Self::Report => {
                "delete from report where (message_id, kind) in (
                     select message_id, kind from report where at < $1 limit $2 for update skip locked)"
            }
        }
    }
}

/// Removes at most `limit` rows from before `before`; how many there were.
///
/// # Errors
/// As the database says.
pub async fn prune(
    connection: &mut PgConnection,
    table: Explaining,
    before: Timestamp,
    limit: i64,
) -> Result<u64, PgError> {
    let done = sqlx::query(table.sql()).bind(to_sql(before)).bind(limit).execute(connection).await?;
    Ok(done.rows_affected())
}
