//! Reads the stream from a cursor: batches of items, each with the cursor after it, merged over the partitions by the time
//! at which the broker appended them.

use leadflow_platform::pg::{Database, PgError};
use leadflow_proto::assignment::v1::{AssignmentEvent, Filter, Item};
use prost::Message as _;

use super::cursor::Cursor;
use super::store::{self, StreamRow};
use crate::wire::contact;

/// What one reading gave.
#[derive(Debug, Default)]
pub struct Batch {
    /// What passed the filter, in order.
    pub items: Vec<Item>,
    /// After everything that was looked at, filtered out or not.
    pub cursor: Cursor,
    /// Nothing more was there.
    pub caught_up: bool,
}

/// Rows looked at in one reading at most; a narrow filter goes on in the next one.
const LOOK: usize = 1000;

/// Reads at most `limit` items after the cursor.
///
/// # Errors
/// [`PgError`].
pub async fn read(
    database: &Database,
    cursor: &Cursor,
    partitions: i32,
    filter: &Filter,
    limit: usize,
) -> Result<Batch, PgError> {
    let wanted = if passes_all(filter) { limit.min(LOOK) } else { LOOK };
    let rows = store::load_after(database.pool(), cursor, partitions, i64::try_from(wanted).unwrap_or(1000)).await?;
    Ok(take(merge(rows), cursor, filter, limit, wanted))
}

fn take(rows: Vec<StreamRow>, cursor: &Cursor, filter: &Filter, limit: usize, look: usize) -> Batch {
    let mut batch = Batch { cursor: cursor.clone(), caught_up: rows.len() < look, items: Vec::new() };
    for (looked, row) in rows.into_iter().enumerate() {
        if batch.items.len() >= limit || looked >= look {
            batch.caught_up = false;
            break;
        }
        batch.cursor.pass(row.partition, row.offset);
        if passes(filter, &row) {
            batch.items.push(Item { cursor: batch.cursor.to_string(), event: Some(event(row)) });
        }
    }
    batch
}

/// Interleaves the partitions by append time. Order within a partition is never touched: only the heads are compared, so a
/// broker clock that steps back cannot reorder a lead's events.
fn merge(rows: Vec<StreamRow>) -> Vec<StreamRow> {
    let mut queues: Vec<std::collections::VecDeque<StreamRow>> = Vec::new();
    for row in rows {
        match queues.last_mut() {
            Some(queue) if queue.back().is_some_and(|last| last.partition == row.partition) => queue.push_back(row),
            _ => queues.push([row].into()),
        }
    }
    let mut merged = Vec::new();
    let head = |queue: &std::collections::VecDeque<StreamRow>| queue.front().map(|row| (row.at, row.partition));
    while let Some(queue) = queues.iter_mut().filter(|queue| !queue.is_empty()).min_by_key(|queue| head(queue)) {
        merged.extend(queue.pop_front());
    }
    merged
}

/// The event as every carrier delivers it: with the contact, unless the person was erased.
fn event(row: StreamRow) -> AssignmentEvent {
    let mut event = AssignmentEvent::decode(row.payload.as_slice()).unwrap_or_default();
    if let Some(bytes) = row.contact {
        contact::put(&mut event, &contact::from_bytes(&bytes));
    }
    event
}

fn passes_all(filter: &Filter) -> bool {
    filter.types.is_empty() && filter.pools.is_empty() && filter.rep_ids.is_empty() && filter.include_test
}

/// Types that no filter holds back: whoever keeps a copy must hear of them.
const ALWAYS: [&str; 2] = ["leadflow.assignment.merged.v1", "leadflow.assignment.erased.v1"];

fn passes(filter: &Filter, row: &StreamRow) -> bool {
    let within = |list: &[String], value: &str| list.is_empty() || list.iter().any(|entry| entry == value);
    if row.test && !filter.include_test {
        return false;
    }
    ALWAYS.contains(&row.kind.as_str())
        || (within(&filter.types, &row.kind)
            && within(&filter.pools, &row.pool_id)
            && within(&filter.rep_ids, &row.rep_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(partition: i32, offset: i64, second: i64) -> StreamRow {
        StreamRow {
            partition,
            offset,
            kind: "leadflow.assignment.offered.v1".to_owned(),
            test: false,
            rep_id: "dana".to_owned(),
            pool_id: "inbound".to_owned(),
            contact: None,
            payload: Vec::new(),
            at: jiff::Timestamp::from_second(second).expect("a time"),
        }
    }

    #[test]
    fn partitions_are_interleaved_but_never_reordered() {
        // Partition 1's clock steps back after its first record.
        let merged = merge(vec![row(0, 1, 10), row(0, 2, 30), row(1, 7, 20), row(1, 8, 5)]);
        let order: Vec<_> = merged.iter().map(|row| (row.partition, row.offset)).collect();
        assert_eq!(order, [(0, 1), (1, 7), (1, 8), (0, 2)]);
    }

    #[test]
    fn the_cursor_passes_what_the_filter_holds_back() {
        let filter = Filter { rep_ids: vec!["mona".to_owned()], ..Filter::default() };
        let batch = take(vec![row(0, 1, 1), row(0, 2, 2)], &Cursor::earliest(1), &filter, 10, 1000);
        assert!(batch.items.is_empty() && batch.caught_up);
        assert_eq!(batch.cursor.next_of(0), 3);
    }

    #[test]
    fn each_item_carries_the_cursor_after_it() {
        let rows = vec![row(0, 4, 1), row(1, 9, 2)];
        let batch = take(rows, &Cursor::earliest(1), &Filter::default(), 1, 1000);
        assert_eq!(batch.items[0].cursor, "c1_1_0-5");
        assert_eq!((batch.cursor.to_string(), batch.caught_up), ("c1_1_0-5".to_owned(), false));
    }

    #[test]
    fn merged_and_erased_pass_every_filter_but_test_leads_only_on_request() {
        let filter = Filter { types: vec!["x".to_owned()], pools: vec!["y".to_owned()], ..Filter::default() };
        let mut erased = StreamRow { kind: ALWAYS[1].to_owned(), ..row(0, 1, 1) };
        assert!(passes(&filter, &erased));
        erased.test = true;
        assert!(!passes(&filter, &erased));
        assert!(passes(&Filter { include_test: true, ..filter }, &erased));
    }
}
