//! Topics against a real broker: created once, then compared, each difference a sentence.

use garde::Validate as _;
use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::testing::TestKafka;
use leadflow_platform::topics::{Mismatch, Topic, TopicsFile, apply, check, require};

/// Few partitions, so that a test broker is not filled.
fn small() -> TopicsFile {
    let mut file = TopicsFile::built_in();
    file.topics.engagement.partitions = 2;
    file.topics.lead.partitions = 2;
    file.topics.assignment.partitions = 1;
    file.topics.engagement_bulk.partitions = 1;
    file.topics.nurture.partitions = 1;
    file.topics.rejected.partitions = 1;
    file.validate().expect("valid");
    file
}

#[tokio::test]
async fn apply_creates_what_is_missing_and_check_then_agrees() {
    let kafka = TestKafka::with_partitions(&[]).await;
    let config = kafka.config();
    let missing = check(config, &small(), &[Topic::Lead]).await.expect("an answer");
    assert_eq!(missing, [Mismatch::Missing { topic: config.topic_name(Topic::Lead) }]);
    assert!(missing[0].to_string().contains("run `leadflow topics apply`"), "{}", missing[0]);

    let applied = apply(config, &small()).await.expect("applied");
    assert_eq!(applied.created, Topic::ALL.map(|topic| config.topic_name(topic)));
    assert_eq!(applied.mismatches, []);
    assert_eq!(check(config, &small(), &Topic::ALL).await.expect("an answer"), []);

    let again = apply(config, &small()).await.expect("applied");
    assert!(again.created.is_empty() && again.mismatches.is_empty(), "{again:?}");
    kafka.delete(&Topic::ALL).await.expect("deleted");
}

#[tokio::test]
async fn two_that_apply_at_once_both_succeed() {
    let kafka = TestKafka::with_partitions(&[]).await;
    let file = small();
    let (one, other) = tokio::join!(apply(kafka.config(), &file), apply(kafka.config(), &file));
    let created = one.expect("applied").created.len() + other.expect("applied").created.len();
    assert_eq!(created, Topic::ALL.len());
    kafka.delete(&Topic::ALL).await.expect("deleted");
}

#[tokio::test]
async fn differences_stop_a_role_and_a_longer_retention_only_warns() {
    // Made by the tests' own hand: three partitions, no retention of the file, LogAppendTime.
    let kafka = TestKafka::with_partitions(&[(Topic::Lead, 3)]).await;
    let mut file = small();
    file.topics.lead.partitions = 3;
    let name = kafka.config().topic_name(Topic::Lead);
    let texts = |file: &TopicsFile| {
        let file = file.clone();
        let config: KafkaConfig = kafka.config().clone();
        async move {
            let found = check(&config, &file, &[Topic::Lead]).await.expect("an answer");
            found.iter().map(|mismatch| (mismatch.stops(), mismatch.to_string())).collect::<Vec<_>>()
        }
    };
    // The broker's default of 7 days is shorter than 29.
    let found = texts(&file).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0 && found[0].1.contains(&format!("topic {name} keeps records for 7 days")), "{}", found[0].1);
    assert!(found[0].1.contains("--add-config retention.ms=2505600000"), "{}", found[0].1);

    file.topics.lead.keep_days = 3;
    let found = texts(&file).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!found[0].0 && found[0].1.contains("keeps records for 7 days, the topics file says 3 days"), "{found:?}");
    require(kafka.config(), &file, &[Topic::Lead]).await.expect("a warning only");

    file.topics.lead.keep_days = 7;
    file.topics.lead.partitions = 12;
    file.environment.max_message_bytes = 2_000_000;
    file.environment.replication_factor = Some(3);
    file.environment.min_insync_replicas = Some(2);
    let error = require(kafka.config(), &file, &[Topic::Lead]).await.expect_err("three differences").to_string();
    let expected = [
        "has 3 partitions, the topics file says 12",
        "has max.message.bytes=1048588, the topics file wants 2000000",
        "has min.insync.replicas=1, the topics file wants 2",
    ];
    for sentence in expected {
        assert!(error.contains(sentence), "{sentence} is not in: {error}");
    }
    assert_eq!(error.lines().count(), expected.len(), "{error}");
}

#[tokio::test]
async fn brokers_that_are_not_there_are_named() {
    let config = KafkaConfig::new("127.0.0.1:1", "test.");
    let error = check(&config, &small(), &[Topic::Lead]).await.expect_err("nobody there").to_string();
    assert!(error.contains("the brokers 127.0.0.1:1 did not answer"), "{error}");
}
