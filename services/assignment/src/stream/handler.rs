//! Consumes our own topic into the stream's table. Runs inside the transaction that moves the offset, so that the rows of a
//! partition become visible in the order of their offsets.

use std::sync::Arc;

use leadflow_platform::consumer::{Arrived, BatchResult, Handler, HandlerError, Outcome, Poison};
use leadflow_platform::pg::WriteTx;
use leadflow_platform::record::Record;
use leadflow_proto::assignment::v1::AssignmentEvent;
use prost::Message as _;
use tokio::sync::Notify;
use uuid::Uuid;

use super::store::{self, NewRow};
use crate::wire::contact;

/// The consumer of `assignment` in the assignment role.
pub struct StreamHandler {
    incarnation: i32,
    added: Arc<Notify>,
}

impl StreamHandler {
    /// `added` wakes the task that tells the readers ([`super::tail`]).
    #[must_use]
    pub fn new(incarnation: i32, added: Arc<Notify>) -> Self {
        Self { incarnation, added }
    }
}

impl Handler for StreamHandler {
    type Event = AssignmentEvent;

    fn decode(&self, record: &Record) -> Result<AssignmentEvent, Poison> {
        let event = AssignmentEvent::decode(record.value.as_slice()).map_err(|error| Poison(error.to_string()))?;
        Uuid::parse_str(&event.lead_id).map_err(|_| Poison("lead_id is no UUID".to_owned()))?;
        Ok(event)
    }

    async fn handle<'a>(
        &'a self,
        tx: &'a mut WriteTx,
        batch: &'a [Arrived<AssignmentEvent>],
    ) -> Result<BatchResult, HandlerError> {
        let rows: Vec<NewRow> = batch.iter().map(new_row).collect();
        let inserted: std::collections::HashSet<(i32, i64)> =
            store::insert_rows(tx.connection(), self.incarnation, &rows).await?.into_iter().collect();
        let outcome = |row: &NewRow| match inserted.contains(&(row.partition, row.offset)) {
            true => Outcome::Applied,
            false => Outcome::Duplicate,
        };
        Ok(BatchResult { outcomes: rows.iter().map(outcome).collect(), ..BatchResult::default() })
    }

    fn committed(&self) {
        self.added.notify_one();
    }
}

fn new_row(arrived: &Arrived<AssignmentEvent>) -> NewRow {
    let mut event = arrived.event.clone();
    // The version that intake appended has these very bytes; its number is found by them.
    let contact = contact::to_bytes(&contact::take(&mut event));
    let assignment = event.assignment.as_ref();
    NewRow {
        partition: arrived.position.partition,
        offset: arrived.position.offset,
        lead_id: Uuid::parse_str(&event.lead_id).unwrap_or_default(),
        sequence: event.sequence,
        kind: event.r#type.clone(),
        test: event.test,
        rep_id: assignment.map(|assignment| assignment.rep_id.clone()).unwrap_or_default(),
        pool_id: assignment.map(|assignment| assignment.pool.clone()).unwrap_or_default(),
        contact,
        payload: event.encode_to_vec(),
        at: arrived.appended_at,
    }
}
