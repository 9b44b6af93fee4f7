//! One publisher per schema, whichever process it is in.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use leadflow_platform::topics::Topic;

use crate::support::{Running, append, database, first_occurrences, lead_topic, row, until_elected, until_empty};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_processes_publishes_and_the_other_takes_over() {
    let (test, kafka) = (database().await, lead_topic().await);
    let other_database = test.connect("other").await;
    let first = Running::start(test.database(), &kafka);
    until_elected(&first.handle).await;
    let second = Running::start(&other_database, &kafka);
    let mut numbers: HashMap<bool, u64> = HashMap::new();
    for number in 1..=20 {
        append(test.database(), &[row("a", number)]).await;
        second.handle.wake();
        until_empty(test.database()).await;
        *numbers.entry(second.handle.is_elected()).or_default() += 1;
    }
    assert_eq!(numbers, HashMap::from([(false, 20)]), "two publishers at once");
    first.kill().await;
    append(test.database(), &[row("a", 21)]).await;
    until_empty(test.database()).await;
    until_elected(&second.handle).await;
    second.stop().await;
    let records = kafka.records(Topic::Lead).await;
    assert_eq!(first_occurrences(&records), BTreeMap::from([("a".into(), (1..=21).collect())]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_does_not_publish_notifies_the_one_that_does() {
    let (test, kafka) = (database().await, lead_topic().await);
    let mut listener = sqlx::postgres::PgListener::connect_with(test.database().pool()).await.expect("a listener");
    listener.listen("outbox_spine").await.expect("listening");
    let other_database = test.connect("other").await;
    let first = Running::start(&other_database, &kafka);
    until_elected(&first.handle).await;
    let second = Running::start(test.database(), &kafka);
    for _ in 0..100 {
        second.handle.wake();
    }
    let notified = tokio::time::timeout(Duration::from_secs(30), listener.recv()).await.expect("in time");
    assert_eq!(notified.expect("a notification").channel(), "outbox_spine");
    first.handle.wake();
    second.stop().await;
    first.stop().await;
}
