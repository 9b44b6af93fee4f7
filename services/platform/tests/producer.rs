//! The producer of a door: against a real broker where it works, against librdkafka's mock where the broker must fail.

use std::time::{Duration, Instant};

use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::producer::{MAX_RECORD_BYTES, Outgoing, Producer, SendError};
use leadflow_platform::record::{CloudEvent, TraceParent};
use leadflow_platform::testing::TestKafka;
use leadflow_platform::topics::Topic;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

fn event(id: &str) -> CloudEvent {
    CloudEvent {
        id: id.to_owned(),
        source: "/leadflow/test",
        kind: "leadflow.test.v1".to_owned(),
        subject: "subject".to_owned(),
        time: "2026-03-04T05:06:07Z".parse().expect("a time"),
        dataschema: "leadflow.test.v1.Test",
    }
}

fn outgoing(key: &str, number: usize, bytes: usize) -> Outgoing {
    let mut payload = number.to_string().into_bytes();
    payload.resize(payload.len().max(bytes), b' ');
    Outgoing {
        topic: Topic::Engagement,
        key: key.as_bytes().to_vec(),
        event: event(&format!("{key}-{number}")),
        trace: None,
        payload,
    }
}

/// A broker that can be told to fail.
fn mock() -> (MockCluster<'static, DefaultProducerContext>, KafkaConfig) {
    let cluster = MockCluster::new(1).expect("a mock cluster");
    cluster.create_topic("mock.engagement.v1", 1, 1).expect("a topic");
    let config = KafkaConfig::new(cluster.bootstrap_servers(), "mock.");
    (cluster, config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_record_stands_on_the_topic_with_its_headers() {
    let kafka = TestKafka::with_partitions(&[(Topic::Engagement, 3)]).await;
    let producer = Producer::connect(kafka.config()).expect("a producer");
    producer.warm_up(&[Topic::Engagement]).await.expect("metadata");
    let trace = TraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into());
    producer
        .send(Topic::Engagement, b"key", &event("one"), Some(&trace), b"payload".to_vec())
        .await
        .expect("acknowledged");
    let records = kafka.records(Topic::Engagement).await;
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].key.as_slice(), records[0].value.as_slice()), (&b"key"[..], &b"payload"[..]));
    let names: Vec<&str> = records[0].headers.iter().map(|(name, _)| name).collect();
    let expected = [
        "content-type",
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_time",
        "ce_subject",
        "ce_dataschema",
        "ce_partitionkey",
        "traceparent",
    ];
    assert_eq!(names, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_has_one_result_per_record_and_keeps_the_order_of_a_key() {
    let kafka = TestKafka::with_partitions(&[(Topic::Engagement, 3)]).await;
    let producer = Producer::connect(kafka.config()).expect("a producer");
    producer.warm_up(&[Topic::Engagement]).await.expect("metadata");
    let mut records: Vec<Outgoing> = (0..500).map(|number| outgoing(&format!("k{}", number % 7), number, 0)).collect();
    records[3] = outgoing("k3", 3, MAX_RECORD_BYTES);
    let results = producer.send_many(&records).await;
    assert_eq!(results.len(), 500);
    for (number, result) in results.iter().enumerate() {
        let expected = if number == 3 { Err(SendError::TooLarge) } else { Ok(()) };
        assert_eq!(result, &expected, "{number}");
    }
    let stored = kafka.records(Topic::Engagement).await;
    assert_eq!(stored.len(), 499);
    for key in 0..7_usize {
        let numbers: Vec<usize> = stored
            .iter()
            .filter(|record| record.key == format!("k{key}").into_bytes())
            .map(|record| String::from_utf8_lossy(&record.value).parse().expect("a number"))
            .collect();
        let expected: Vec<usize> = (0..500).filter(|number| number % 7 == key && *number != 3).collect();
        assert_eq!(numbers, expected);
    }
    assert!(producer.send_many(&[]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_does_not_exist_is_named_before_readiness() {
    let kafka = TestKafka::with_partitions(&[]).await;
    let producer = Producer::connect(kafka.config()).expect("a producer");
    let error = producer.warm_up(&[Topic::Engagement]).await.expect_err("not there").to_string();
    assert!(error.contains(&kafka.config().topic_name(Topic::Engagement)), "{error}");
    assert!(error.contains("Unknown topic"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_is_a_timeout_and_then_a_full_queue_at_once() {
    let (cluster, config) = mock();
    let producer = Producer::connect(&config).expect("a producer");
    producer.warm_up(&[Topic::Engagement]).await.expect("metadata");
    producer.send(Topic::Engagement, b"key", &event("up"), None, vec![]).await.expect("acknowledged");
    cluster.broker_down(1).expect("down");
    let result = producer.send(Topic::Engagement, b"key", &event("down"), None, vec![]).await;
    assert_eq!(result, Err(SendError::Timeout));

    // A batch goes to one of the two queues: 16 MiB are held for a broker that is away, and not a byte more.
    let records: Vec<Outgoing> = (0..50).map(|number| outgoing("key", number, 900 * 1024)).collect();
    let results = producer.send_many(&records).await;
    let full = results.iter().filter(|result| **result == Err(SendError::QueueFull)).count();
    assert!((28..36).contains(&full), "{full} of 50 records of 900 KiB found the queue full");
    let started = Instant::now();
    let refused = producer.send_many(&records[..1]).await;
    assert_eq!(refused, [Err(SendError::QueueFull)]);
    assert!(started.elapsed() < Duration::from_secs(1), "it waited");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_acknowledgement_of_a_given_up_record_disturbs_nobody() {
    let (cluster, config) = mock();
    let producer = Producer::connect(&config).expect("a producer");
    producer.warm_up(&[Topic::Engagement]).await.expect("metadata");
    cluster.broker_down(1).expect("down");
    let results = producer.send_many(&[outgoing("key", 1, 0), outgoing("key", 2, 0)]).await;
    assert_eq!(results, [Err(SendError::Timeout), Err(SendError::Timeout)]);
    cluster.broker_up(1).expect("up");
    // Behind the two that were given up, in order.
    producer.flush(Duration::from_secs(20)).await;
    producer.send(Topic::Engagement, b"key", &event("up"), None, vec![]).await.expect("acknowledged");
    // The report itself is counted until librdkafka has put it away.
    for _ in 0..3000 {
        if producer.in_flight() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} records under way after half a minute", producer.in_flight());
}
