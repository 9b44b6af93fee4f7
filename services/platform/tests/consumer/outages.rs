//! What a role says while its broker or its database is away: in its health, and in its log. Lines are those of a process,
//! so each test here starts this program again and runs one `child` test in it. The broker is librdkafka's mock: a real one
//! names its own address to its clients, past any proxy.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use leadflow_platform::consumer::{Arrived, BatchResult, Consumer, ConsumerConfig, Handler, HandlerError, Poison};
use leadflow_platform::health::{Health, Readiness, Status};
use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::migrate::Migrations;
use leadflow_platform::outbox::Publisher;
use leadflow_platform::pg::{Database, WriteTx};
use leadflow_platform::producer::Producer;
use leadflow_platform::record::{CloudEvent, Record};
use leadflow_platform::run::Tasks;
use leadflow_platform::telemetry::{self, LogFormat, TelemetryConfig};
use leadflow_platform::testing::TestDatabase;
use leadflow_platform::timers::{Next, poll_loop};
use leadflow_platform::topics::Topic;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use serde_json::Value;
use tokio::sync::Notify;

use crate::support::{FaultProxy, Noting, ROLE, World, until};

/// Long enough for everybody to run into it several times.
const AWAY: Duration = Duration::from_secs(12);

/// Runs one ignored test in a process of its own and gives the lines that it wrote at info or above.
fn lines_of(test: &str) -> Vec<Value> {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("a child");
    let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && told.contains("1 passed"), "{test}: {told}\n{said}");
    let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    // The mock speaks for itself, and a busy machine makes statements slow.
    let is_ours = |target: &str| !target.contains("rdkafka") && target != "sqlx::query";
    lines.filter(|line| line["target"].as_str().is_some_and(is_ours)).collect()
}

fn message(line: &Value) -> &str {
    line["message"].as_str().unwrap_or_default()
}

fn of_level<'a>(lines: &'a [Value], levels: &[&str]) -> Vec<&'a str> {
    let wanted = lines.iter().filter(|line| levels.iter().any(|level| line["level"] == *level));
    wanted.map(message).collect()
}

fn listen() {
    let config = TelemetryConfig { log_format: LogFormat::Json, ..TelemetryConfig::default() };
    telemetry::init(&config, "leadflow-test").expect("telemetry");
}

/// Knows no events.
struct Nothing;

impl Handler for Nothing {
    type Event = ();

    fn decode(&self, _: &Record) -> Result<(), Poison> {
        Ok(())
    }

    async fn handle(&self, _: &mut WriteTx, batch: &[Arrived<()>]) -> Result<BatchResult, HandlerError> {
        let outcomes = vec![leadflow_platform::consumer::Outcome::Applied; batch.len()];
        Ok(BatchResult { outcomes, ..BatchResult::default() })
    }
}

/// A role with everything that runs into an outage.
struct Role {
    tasks: Tasks,
    health: Health,
    producer: Producer,
}

impl Role {
    async fn start(database: &Database, kafka: &KafkaConfig) -> Self {
        let (tasks, health) = (Tasks::new(), Health::new());
        let publisher = Publisher::start(&tasks, database, kafka, &health);
        Consumer::new(ROLE, database, kafka, publisher, ConsumerConfig::default())
            .live(Topic::Engagement, Arc::new(Nothing))
            .start(&tasks, &health);
        for name in ["timer one", "timer two"] {
            let (own, every) = (database.clone(), Duration::from_millis(200));
            poll_loop(&tasks, &health, database, name, every, Arc::new(Notify::new()), move || {
                let database = own.clone();
                async move {
                    database.write_tx("test").await?.commit().await?;
                    Ok(Next::Rest)
                }
            });
        }
        let producer = Producer::connect(kafka).expect("a producer");
        let door = health.register("door");
        producer.watch(&door);
        producer.warm_up(&[Topic::Engagement]).await.expect("warm");
        door.ready();
        let role = Self { tasks, health, producer };
        role.until(Status::Ready).await;
        role
    }

    async fn until(&self, status: Status) {
        until(&format!("{status:?}"), || async { Status::of(&self.health.readiness()) == status }).await;
    }

    async fn send(&self, id: &str) -> bool {
        let event = CloudEvent {
            id: id.to_owned(),
            source: "/leadflow/test",
            kind: "leadflow.test.v1".to_owned(),
            subject: String::new(),
            time: jiff::Timestamp::UNIX_EPOCH,
            dataschema: "leadflow.test.v1.Test",
        };
        self.producer.send(Topic::Engagement, b"key", &event, None, b"payload".to_vec()).await.is_ok()
    }

    async fn stop(self) {
        self.tasks.run_until(std::future::ready(()), Duration::from_secs(20)).await.expect("a clean drain");
    }
}

fn mock() -> (MockCluster<'static, DefaultProducerContext>, KafkaConfig) {
    let cluster = MockCluster::new(1).expect("a mock cluster");
    cluster.create_topic("mock.engagement.v1", 2, 1).expect("a topic");
    cluster.create_topic("mock.dead-letter.v1", 1, 1).expect("a topic");
    let config = KafkaConfig::new(cluster.bootstrap_servers(), "mock.");
    (cluster, config)
}

#[test]
fn a_broker_that_is_away_degrades_its_parts_and_is_told_once() {
    let lines = lines_of("outages::child_whose_broker_goes_away");
    let loud = of_level(&lines, &["WARN", "ERROR"]);
    let [line] = loud.as_slice() else { panic!("{loud:#?}") };
    assert!(line.starts_with("the broker at 127.0.0.1:"), "{line}");
    for part in ["does not answer: ", "Senders get 503, consumers and the outbox wait", "tried again"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let quiet = of_level(&lines, &["INFO"]);
    let back: Vec<_> = quiet.iter().filter(|line| line.contains("answers again, after")).collect();
    assert_eq!(back.len(), 1, "{quiet:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run as a child"]
async fn child_whose_broker_goes_away() {
    listen();
    let test = TestDatabase::new("platform", &Migrations::spine_only()).await;
    let (cluster, kafka) = mock();
    let role = Role::start(test.database(), &kafka).await;
    assert!(role.send("before").await);

    cluster.broker_down(1).expect("down");
    role.until(Status::Degraded).await;
    let parts = role.health.readiness();
    let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["door", "outbox", "tested consumer"]);
    for Readiness { name, ready, degraded, .. } in &parts {
        let said = degraded.as_deref().unwrap_or_default();
        assert!(
            *ready && said.contains(&format!("the broker at {} does not answer since 20", kafka.brokers)),
            "{name}: {said}"
        );
    }
    assert!(role.health.is_ready(), "who asks the database is still answered");
    assert!(!role.send("meanwhile").await);
    tokio::time::sleep(AWAY).await;
    role.until(Status::Degraded).await;

    cluster.broker_up(1).expect("up");
    until("the broker takes records", || role.send("after")).await;
    role.until(Status::Ready).await;
    role.stop().await;
}

#[test]
fn a_broker_that_comes_back_is_heard_without_a_record() {
    lines_of("outages::child_that_sends_nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run as a child"]
async fn child_that_sends_nothing() {
    listen();
    let (cluster, kafka) = mock();
    // The quietest client there is: a door at which nobody calls.
    let (health, producer) = (Health::new(), Producer::connect(&kafka).expect("a producer"));
    let door = health.register("door");
    producer.watch(&door);
    producer.warm_up(&[Topic::Engagement]).await.expect("warm");
    door.ready();
    let becomes = async |status| until("a change", || async { Status::of(&health.readiness()) == status }).await;
    becomes(Status::Ready).await;
    cluster.broker_down(1).expect("down");
    becomes(Status::Degraded).await;
    cluster.broker_up(1).expect("up");
    becomes(Status::Ready).await;
}

#[test]
fn a_database_that_is_away_is_told_once_by_name() {
    let lines = lines_of("outages::child_whose_database_goes_away");
    let loud = of_level(&lines, &["WARN", "ERROR"]);
    let [line] = loud.as_slice() else { panic!("{loud:#?}") };
    assert!(line.starts_with("the database of platform at 127.0.0.1:"), "{line}");
    for part in ["does not answer: ", "What needs it waits or gets 503", "tried again"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let quiet = of_level(&lines, &["INFO"]);
    let back: Vec<_> = quiet.iter().filter(|line| line.contains("answers again, after")).collect();
    assert_eq!(back.len(), 1, "{quiet:#?}");
    assert!(quiet.len() < 20, "{quiet:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run as a child"]
async fn child_whose_database_goes_away() {
    listen();
    let test = TestDatabase::new("platform", &Migrations::spine_only()).await;
    let proxying = Tasks::new();
    let proxy = FaultProxy::before(&test, &proxying).await;
    let (_cluster, kafka) = mock();
    let role = Role::start(&proxy.connect().await, &kafka).await;
    proxy.take_down();
    role.until(Status::NotReady).await;
    let outbox = role.health.readiness().into_iter().find(|part| part.name == "outbox").expect("a part");
    let reason = outbox.reason.expect("a reason");
    assert!(reason.starts_with("the outbox cannot be published: "), "{reason}");
    assert!(role.send("meanwhile").await, "the broker is there");
    tokio::time::sleep(AWAY).await;
    proxy.bring_up();
    role.until(Status::Ready).await;
    role.stop().await;
}

#[test]
fn each_dead_letter_is_a_line_and_a_storm_is_a_number() {
    let lines = lines_of("outages::child_with_dead_letters");
    let loud = of_level(&lines, &["WARN"]);
    let alone: Vec<_> = lines.iter().filter(|line| message(line).starts_with("a record of ")).collect();
    let first = alone.first().unwrap_or_else(|| panic!("{loud:#?}"));
    assert_eq!((&first["partition"], &first["offset"], &first["reason"]), (&0.into(), &1.into(), &"decode".into()));
    assert!(first["topic"].as_str().is_some_and(|topic| topic.ends_with("engagement.v1")), "{first}");
    for part in ["could not be applied (decode)", "leadflow dead-letter show ", "leadflow dead-letter redrive "] {
        assert!(message(first).contains(part), "{first}");
    }
    let numbers = lines.iter().filter_map(|line| line["untold"].as_u64());
    let told = u64::try_from(alone.len()).expect("few") + numbers.sum::<u64>();
    assert_eq!(told, 61, "{loud:#?}");
    assert!(alone.len() < 40, "{loud:#?}");
    assert!(!format!("{lines:?}").contains("jane"), "never what is in a record");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run as a child"]
async fn child_with_dead_letters() {
    listen();
    let world = World::live_only(1).await;
    let running = world.start(&Arc::new(Noting::default())).await;
    let bad = |number: usize| (format!("jane-key-{number}"), format!("bytes-jane-{number}"));
    let records = [("key".to_owned(), "good".to_owned()), bad(0)];
    world.produce(Topic::Engagement, 0, records.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    world.until_drained(1).await;
    // A second later a storm, below the number that stops a partition.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let storm: Vec<_> = (1..=60).map(bad).collect();
    world.produce(Topic::Engagement, 0, storm.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    world.until_drained(1).await;
    // What is left is told with the next look at the ledger.
    tokio::time::sleep(Duration::from_secs(11)).await;
    running.stop().await;
}
