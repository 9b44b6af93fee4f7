//! The assigned-lead stream: our own topic read back into a table in the order in which everybody reads it, and served
//! from there over gRPC and HTTP with cursors that all carriers share; and questions about it. It decides nothing.

pub mod cursor;
mod explain;
pub mod grpc;
pub mod handler;
pub mod http;
pub mod reader;
pub mod retention;
mod start;
pub mod store;
pub mod tail;
mod watch;

use leadflow_platform::error::ApiError;
use leadflow_platform::pg::Database;
use leadflow_proto::assignment::v1::{Filter, Start};
use tokio::sync::watch::Receiver;
use tokio_util::sync::CancellationToken;

use crate::wire::event::KINDS;
use cursor::Cursor;
use reader::Batch;

/// What both doors of the stream share.
#[derive(Clone)]
pub struct Stream {
    database: Database,
    incarnation: i32,
    /// Of the topic.
    partitions: i32,
    /// Changes when rows may have been added (`tail`).
    changed: Receiver<u64>,
    stop: CancellationToken,
}

impl Stream {
    /// `partitions` is the number of partitions of the topic `assignment`; `changed` comes from [`tail::start`]; `stop` ends
    /// streams and long polls when the process drains.
    #[must_use]
    pub fn new(
        database: Database,
        incarnation: i32,
        partitions: i32,
        changed: Receiver<u64>,
        stop: CancellationToken,
    ) -> Self {
        Self { database, incarnation, partitions, changed, stop }
    }

    async fn resolve(&self, start: Option<Start>) -> Result<Cursor, ApiError> {
        start::resolve(&self.database, self.incarnation, self.partitions, start).await
    }

    /// See [`start::check_end`].
    async fn check_end(&self, field: &str, cursor: &Cursor) -> Result<(), ApiError> {
        let pool = self.database.pool();
        let floor = store::floor(pool, self.incarnation).await?;
        let latest = store::latest(pool, self.incarnation, self.partitions).await?;
        start::check_end(field, cursor, &latest, &floor)
    }

    /// A filter with full names of types; short ones ("offered") are completed.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a type that there is not: whoever misspells one would wait in vain.
    fn filter(field: &str, filter: Option<Filter>) -> Result<Filter, ApiError> {
        let mut filter = filter.unwrap_or_default();
        for name in &mut filter.types {
            let full = KINDS.iter().find(|kind| **kind == *name || short(kind) == *name);
            let known = || KINDS.iter().map(|kind| short(kind)).collect::<Vec<_>>().join(", ");
            let unknown = || ApiError::invalid(field, format!("there is no type `{name}`; there are {}", known()));
            *name = (*full.ok_or_else(unknown)?).to_owned();
        }
        Ok(filter)
    }

    async fn read(&self, cursor: &Cursor, filter: &Filter, limit: usize) -> Result<Batch, ApiError> {
        Ok(reader::read(&self.database, cursor, self.partitions, filter, limit).await?)
    }
}

/// "offered" of "leadflow.assignment.offered.v1".
fn short(kind: &str) -> &str {
    kind.trim_start_matches("leadflow.assignment.").trim_end_matches(".v1")
}

/// Items in one answer: 100 unless told, at most 1000.
///
/// # Errors
/// `INVALID_ARGUMENT` with the field.
fn page_size(field: &str, asked: i32) -> Result<usize, ApiError> {
    match asked {
        0 => Ok(100),
        1..=1000 => Ok(usize::try_from(asked).unwrap_or(100)),
        _ => Err(ApiError::invalid(field, "takes 1 to 1000, or 0 for 100")),
    }
}
