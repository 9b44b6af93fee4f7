//! A reader who stays: batches as they come, a heartbeat with a fresh cursor when it is quiet, an end with the cursor when
//! the process stops.

use std::sync::Arc;
use std::time::Duration;

use leadflow_platform::access::{Access, Grant};
use leadflow_platform::clock::wall_now;
use leadflow_platform::error::ApiError;
use leadflow_proto::assignment::v1::{Filter, WatchAssignmentsResponse};

use super::Stream;
use super::cursor::Cursor;

/// Silence of a stream at most.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A revoked key is noticed within this time.
const RECHECK: Duration = Duration::from_secs(5);

/// One open stream.
pub(super) struct Watch {
    stream: Stream,
    access: Access,
    grant: Arc<Grant>,
    cursor: Cursor,
    filter: Filter,
    limit: usize,
    spoke: tokio::time::Instant,
    /// When the key is looked at again, whatever else happens.
    recheck: tokio::time::Instant,
    started: bool,
    ended: bool,
}

impl Watch {
    pub(super) fn new(
        stream: Stream,
        access: Access,
        grant: Arc<Grant>,
        cursor: Cursor,
        filter: Filter,
        limit: usize,
    ) -> Self {
        let now = tokio::time::Instant::now();
        Self {
            stream,
            access,
            grant,
            cursor,
            filter,
            limit,
            spoke: now,
            recheck: now + RECHECK,
            started: false,
            ended: false,
        }
    }

    /// The next answer; none when the stream has ended.
    pub(super) async fn next(&mut self) -> Option<Result<WatchAssignmentsResponse, ApiError>> {
        if self.ended {
            return None;
        }
        let answer = self.step().await;
        self.ended |= answer.is_err();
        self.spoke = tokio::time::Instant::now();
        Some(answer)
    }

    async fn step(&mut self) -> Result<WatchAssignmentsResponse, ApiError> {
        loop {
            self.recheck_if_due()?;
            // Marked as seen before the table is read: what is added after the reading changes it again.
            self.stream.changed.borrow_and_update();
            let batch = self.stream.read(&self.cursor, &self.filter, self.limit).await?;
            self.cursor = batch.cursor;
            // The first answer comes at once, so that a reader knows that it is connected and from where.
            if !batch.items.is_empty() || (!self.started && batch.caught_up) {
                self.started = true;
                return Ok(self.answer(batch.items, batch.caught_up));
            }
            if batch.caught_up && self.wait().await? {
                return Ok(self.answer(Vec::new(), true));
            }
        }
    }

    /// Until something may have been added (false), or it is time to speak (true).
    async fn wait(&mut self) -> Result<bool, ApiError> {
        let heartbeat = self.spoke + HEARTBEAT;
        loop {
            let look = self.recheck.min(heartbeat);
            tokio::select! {
                changed = self.stream.changed.changed() => {
                    if changed.is_ok() {
                        return Ok(false);
                    }
                    // The tail has stopped: the process drains.
                    self.ended = true;
                    return Ok(true);
                }
                () = self.stream.stop.cancelled() => {
                    self.ended = true;
                    return Ok(true);
                }
                () = tokio::time::sleep_until(look) => {
                    self.recheck_if_due()?;
                    if tokio::time::Instant::now() >= heartbeat {
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// A revoked key ends the stream, also one that never falls silent.
    fn recheck_if_due(&mut self) -> Result<(), ApiError> {
        let now = tokio::time::Instant::now();
        if now >= self.recheck {
            self.recheck = now + RECHECK;
            self.grant = self.access.recheck(&self.grant, wall_now())?;
        }
        Ok(())
    }

    fn answer(&self, items: Vec<leadflow_proto::assignment::v1::Item>, caught_up: bool) -> WatchAssignmentsResponse {
        WatchAssignmentsResponse { items, cursor: self.cursor.to_string(), caught_up }
    }
}
