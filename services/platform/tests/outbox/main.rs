//! The outbox against a real PostgreSQL and a real broker: order, loss, repeats, who publishes.

mod interleavings;
mod long_reader;
mod support;
mod takeover;

use std::collections::BTreeMap;

use leadflow_platform::outbox::{self, MAX_ROW_BYTES};
use leadflow_platform::pg::FailureKind;
use leadflow_platform::record::TraceParent;
use leadflow_platform::topics::Topic;

use support::{
    Running, append, database, first_occurrences, header, lead_topic, row, rows_left, until_elected, until_empty,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_committed_row_is_published_with_its_headers_and_deleted() {
    let (test, kafka) = (database().await, lead_topic().await);
    let publisher = Running::start(test.database(), &kafka);
    until_elected(&publisher.handle).await;
    let mut first = row("a", 1);
    first.trace = Some(TraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()));
    append(test.database(), &[first, row("b", 1), row("a", 2)]).await;
    publisher.handle.wake();
    let records = kafka.records_until(Topic::Lead, |records| records.len() >= 3).await;
    assert_eq!(first_occurrences(&records), BTreeMap::from([("a".into(), vec![1, 2]), ("b".into(), vec![1])]));
    let first = records.iter().find(|record| header(record, "ce_id") == Some("a-1")).expect("the first");
    let expected = [
        ("content-type", "application/protobuf"),
        ("ce_specversion", "1.0"),
        ("ce_id", "a-1"),
        ("ce_source", "/leadflow/test"),
        ("ce_type", "leadflow.test.v1"),
        ("ce_time", "2026-03-04T05:06:07Z"),
        ("ce_subject", "a"),
        ("ce_dataschema", "leadflow.test.v1.Test"),
        ("ce_partitionkey", "a"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    assert_eq!(first.headers, expected.into_iter().collect());
    until_empty(test.database()).await;
    publisher.stop().await;
    assert_eq!(kafka.records(Topic::Lead).await.len(), 3, "no repeat when nothing goes wrong");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_no_topic_takes_is_refused_before_it_is_there() {
    let test = database().await;
    let mut tx = test.database().write_tx("test").await.expect("a transaction");
    let mut large = row("a", 1);
    large.payload = vec![0; MAX_ROW_BYTES];
    let error = outbox::append(&mut tx, &[row("a", 0), large]).await.expect_err("too large");
    assert_eq!(error.kind, FailureKind::Data);
    assert!(error.to_string().contains("limit is 921600"), "{error}");
    tx.commit().await.expect("committed");
    assert_eq!(rows_left(test.database()).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolled_back_rows_are_never_published() {
    let (test, kafka) = (database().await, lead_topic().await);
    let publisher = Running::start(test.database(), &kafka);
    let mut tx = test.database().write_tx("test").await.expect("a transaction");
    outbox::append(&mut tx, &[row("a", 1)]).await.expect("appended");
    drop(tx);
    append(test.database(), &[row("a", 2)]).await;
    publisher.handle.wake();
    let records = kafka.records_until(Topic::Lead, |records| !records.is_empty()).await;
    assert_eq!(first_occurrences(&records), BTreeMap::from([("a".into(), vec![2])]));
    publisher.stop().await;
}
