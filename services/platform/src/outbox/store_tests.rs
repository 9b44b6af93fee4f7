//! What a poll costs beside a reader that keeps every dead row alive, against a real PostgreSQL.

use sqlx::{Connection as _, Executor as _, PgConnection};

use super::*;
use crate::migrate::Migrations;
use crate::outbox::window::Sent;
use crate::outbox::{OutboxRow, append};
use crate::record::CloudEvent;
use crate::testing::TestDatabase;
use crate::topics::Topic;

const ROWS: usize = 500;

fn row() -> OutboxRow {
    OutboxRow {
        topic: Topic::Assignment,
        key: b"key".to_vec(),
        event: CloudEvent {
            id: "id".to_owned(),
            source: "/leadflow/test",
            kind: "leadflow.test.v1".to_owned(),
            subject: String::new(),
            time: jiff::Timestamp::UNIX_EPOCH,
            dataschema: "leadflow.test.v1.Test",
        },
        trace: None,
        payload: vec![7; 300],
    }
}

/// One round of a busy publisher: rows are written, read, acknowledged, deleted; the floor takes two steps.
async fn round(database: &Database, session: &mut Session, window: &mut Window) {
    let mut tx = database.write_tx("test").await.expect("a transaction");
    append(&mut tx, &vec![row(); ROWS]).await.expect("appended");
    tx.commit().await.expect("committed");
    let mut rolled_back = database.write_tx("test").await.expect("a transaction");
    append(&mut rolled_back, &vec![row(); 3]).await.expect("appended");
    drop(rolled_back);
    let polled = session.poll(window, 1000, usize::MAX).await.expect("polled");
    assert_eq!(polled.rows.len(), ROWS);
    for row in &polled.rows {
        window.sent(row.id, Sent { bytes: row.bytes(), time_us: 0, topic: row.topic });
        window.acknowledge(row.id);
    }
    let ids = window.deletable(usize::MAX);
    session.delete(&ids).await.expect("deleted");
    window.deleted(&ids);
    let last_id = session.last_id().await.expect("an id");
    window.propose(last_id, session.draw_xid().await.expect("a transaction id"));
    // Transactions of other tests on this server may hold the floor for a while.
    for _ in 0..6000 {
        window.oldest_running(session.oldest_running().await.expect("a transaction id"));
        assert!(session.poll(window, 1000, usize::MAX).await.expect("polled").rows.is_empty());
        window.polled_up_to(i64::MAX);
        if window.floor() == last_id {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the floor did not move for a minute: see pg_stat_activity for who holds the oldest transaction id");
}

/// Keeps every row that is deleted from now on alive for itself.
async fn long_reader(test: &TestDatabase) -> PgConnection {
    let mut reader = test.administrator().await;
    reader.execute("begin isolation level repeatable read").await.expect("begun");
    reader.execute("select * from spine.outbox").await.expect("a snapshot");
    reader
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_long_reader_a_poll_touches_as_many_pages_as_without() {
    let test = TestDatabase::new("spine", &Migrations::spine_only()).await;
    let reader = long_reader(&test).await;
    let mut session = Session::connect(test.database()).await.expect("a session");
    assert!(session.try_lock().await.expect("an answer"));
    let mut window = Window::new();
    round(test.database(), &mut session, &mut window).await;
    let first = session.buffers_of_a_poll(&window, 1000).await;
    let mut most = first;
    for _ in 0..20 {
        round(test.database(), &mut session, &mut window).await;
        most = most.max(session.buffers_of_a_poll(&window, 1000).await);
    }
    // One more level of the index may come with ten thousand dead entries, nothing else.
    assert!(most <= first + 2, "{first} pages at first, {most} with ten thousand dead rows");

    window.forget_what_was_seen();
    let from_the_start = session.buffers_of_a_poll(&window, 1000).await;
    assert!(
        from_the_start > 100 * most,
        "read from the start {from_the_start} pages, else {most}: nothing broke, the test proves nothing"
    );
    reader.close().await.expect("closed");
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holes_of_a_transaction_that_still_runs_are_looked_into_and_cost_a_probe_each() {
    let test = TestDatabase::new("spine", &Migrations::spine_only()).await;
    let mut session = Session::connect(test.database()).await.expect("a session");
    let mut window = Window::new();
    let mut late = test.database().write_tx("late").await.expect("a transaction");
    append(&mut late, &[row()]).await.expect("appended");
    let mut tx = test.database().write_tx("early").await.expect("a transaction");
    append(&mut tx, &[row()]).await.expect("appended");
    tx.commit().await.expect("committed");
    let ids = |polled: Polled| polled.rows.iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(session.poll(&window, 10, usize::MAX).await.expect("polled")), [2]);
    window.sent(2, Sent { bytes: 1, time_us: 0, topic: 4 });
    let last_id = session.last_id().await.expect("an id");
    window.propose(last_id, session.draw_xid().await.expect("a transaction id"));
    window.oldest_running(session.oldest_running().await.expect("a transaction id"));
    window.polled_up_to(i64::MAX);
    assert_eq!(window.floor(), 0, "the late transaction still runs");
    late.commit().await.expect("committed");
    assert_eq!(ids(session.poll(&window, 10, usize::MAX).await.expect("polled")), [1]);
    session.close().await;
}
