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

    async fn read(&self, cursor: &Cursor, filter: &Filter, limit: usize) -> Result<Batch, ApiError> {
        Ok(reader::read(&self.database, cursor, self.partitions, filter, limit).await?)
    }
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
