//! The assigned-lead stream while everybody writes, the publisher is killed and readers are cut: what each reader has is
//! everything once, in order. Plus what age removes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use leadflow_assignment::grpc::command::Command;
use leadflow_assignment::stream::cursor::Cursor;
use leadflow_assignment::stream::grpc::StreamService;
use leadflow_assignment::stream::handler::StreamHandler;
use leadflow_assignment::stream::store::{NewRow, insert_rows};
use leadflow_assignment::stream::{Stream, http, retention, tail};
use leadflow_platform::access::{self, Access, NewKey, Scope};
use leadflow_platform::clock::wall_now;
use leadflow_platform::consumer::{Consumer, ConsumerConfig, Start as Begin};
use leadflow_platform::grpc::{Authenticate, GrpcServices};
use leadflow_platform::health::Health;
use leadflow_platform::http::layers;
use leadflow_platform::outbox::{Publisher, PublisherHandle};
use leadflow_platform::run::Tasks;
use leadflow_platform::server::{Limits, bind, serve};
use leadflow_platform::testing::{TestKafka, clock};
use leadflow_platform::timers::Next;
use leadflow_platform::topics::Topic;
use leadflow_proto::assignment::v1::assignment_stream_service_client::AssignmentStreamServiceClient;
use leadflow_proto::assignment::v1::assignment_stream_service_server::AssignmentStreamServiceServer;
use leadflow_proto::assignment::v1::{AssignmentEvent, Start, WatchAssignmentsRequest, start::Position};
use prost::Message as _;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::support::*;

const WRITERS: u128 = 16;
const PARTITIONS: i32 = 3;
/// Lead and sequence.
type Seen = (String, i32);

/// A publisher that can be killed in the middle of whatever it does.
struct Killable {
    kill: tokio::sync::oneshot::Sender<()>,
    tasks: Tasks,
}

impl Killable {
    fn start(world: &World, kafka: &TestKafka) -> Self {
        let publisher = Publisher::new(&world.database, kafka.config());
        let (kill, killed) = tokio::sync::oneshot::channel();
        let tasks = Tasks::new();
        let stop = tasks.stop_token();
        tasks.spawn("publisher", async move {
            tokio::select! {
                () = publisher.run(stop) => {}
                _ = killed => {}
            }
            Ok(())
        });
        Self { kill, tasks }
    }

    async fn kill(self) {
        let _ = self.kill.send(());
        self.tasks.run_until(std::future::ready(()), Duration::from_secs(20)).await.unwrap();
    }
}

/// The stream of the role behind a real socket.
struct Door {
    tasks: Tasks,
    url: String,
    key: String,
    _folder: Folder,
}

struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Door {
    async fn open(world: &World, kafka: &TestKafka) -> Self {
        // The first of the tests wins; reqwest asks for one even where nothing is encrypted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (tasks, health) = (Tasks::new(), Health::new());
        let folder =
            std::env::temp_dir().join(format!("leadflow-stream-{}-{}", std::process::id(), rand::random::<u64>()));
        std::fs::create_dir_all(&folder).unwrap();
        let new = NewKey { name: "reader".to_owned(), scopes: vec![Scope::ReadAssignments], ..NewKey::default() };
        let (key, _) = access::create(&folder.join("keys.yaml"), new, wall_now()).unwrap();
        let access = Access::load(&folder.join("keys.yaml")).unwrap();

        let added = Arc::new(Notify::new());
        let changed = tail::start(&tasks, &world.database, Arc::clone(&added));
        let stream = Stream::new(world.database.clone(), 1, PARTITIONS, changed, tasks.stop_token());
        Consumer::new(
            "assignment",
            &world.database,
            kafka.config(),
            PublisherHandle::default(),
            ConsumerConfig { start: Begin::Earliest, ..ConsumerConfig::default() },
        )
        .live(Topic::Assignment, Arc::new(StreamHandler::new(1, added)))
        .start(&tasks, &health);
        let service = AssignmentStreamServiceServer::new(StreamService::new(stream.clone(), access.clone()));
        let grpc = GrpcServices::new().add(InterceptedService::new(service, Authenticate::new(access.clone())));
        let routes = http::router(stream, access).merge(grpc.into_router(&tasks, &health).unwrap());
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://{}", listener.local_addr());
        serve(&tasks, "assignment", listener, layers(routes), Limits::default());
        Self { tasks, url, key: key.as_str().to_owned(), _folder: Folder(folder) }
    }

    async fn close(self) {
        self.tasks.run_until(std::future::ready(()), Duration::from_secs(20)).await.unwrap();
    }
}

/// What a reader keeps safe: events, and the cursor after them. A reader that dies loses what it has not kept.
#[derive(Default)]
struct Kept {
    cursor: Option<String>,
    events: Vec<AssignmentEvent>,
    deaths: u32,
}

impl Kept {
    fn keep(&mut self, items: Vec<leadflow_proto::assignment::v1::Item>, cursor: String) {
        self.events.extend(items.into_iter().filter_map(|item| item.event));
        self.cursor = Some(cursor);
    }
}

fn is_done(expected: &std::sync::OnceLock<usize>, kept: &Kept) -> bool {
    expected.get().is_some_and(|expected| kept.events.len() >= *expected)
}

/// Reads over gRPC; dies after a random number of answers, in the middle of the stream, and resumes.
async fn grpc_reader(url: String, key: String, expected: Arc<std::sync::OnceLock<usize>>, seed: u64) -> Kept {
    let (mut kept, mut random) = (Kept::default(), ChaCha8Rng::seed_from_u64(seed));
    while !is_done(&expected, &kept) {
        let channel = Channel::from_shared(url.clone()).unwrap().connect().await.unwrap();
        let mut client = AssignmentStreamServiceClient::new(channel);
        let start = kept.cursor.clone().map(|cursor| Start { position: Some(Position::AfterCursor(cursor)) });
        let max_batch = random.random_range(1..40);
        let mut request = tonic::Request::new(WatchAssignmentsRequest { start, max_batch, ..Default::default() });
        request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        let mut answers = client.watch_assignments(request).await.unwrap().into_inner();
        for _ in 0..random.random_range(1..6) {
            let Ok(answer) = tokio::time::timeout(Duration::from_millis(500), answers.message()).await else { break };
            let answer = answer.unwrap().unwrap();
            // Sometimes it dies between what it got and what it kept: that comes again, from the kept cursor.
            if random.random_bool(0.2) {
                break;
            }
            if random.random_bool(0.5) {
                kept.keep(answer.items, answer.cursor);
            } else {
                // Any item's cursor is as good as the answer's.
                let keep = random.random_range(0..=answer.items.len());
                let items = answer.items[..keep].to_vec();
                if let Some(cursor) = items.last().map(|item| item.cursor.clone()) {
                    kept.keep(items, cursor);
                }
                break;
            }
        }
        kept.deaths += 1;
    }
    kept
}

/// Polls over HTTP; dies while it waits for the answer, or after a page, and resumes.
async fn http_reader(url: String, key: String, expected: Arc<std::sync::OnceLock<usize>>, seed: u64) -> Kept {
    let (mut kept, mut random) = (Kept::default(), ChaCha8Rng::seed_from_u64(seed));
    while !is_done(&expected, &kept) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut query = vec![("limit", random.random_range(1..40).to_string()), ("wait", "1".to_owned())];
        query.extend(kept.cursor.clone().map(|cursor| ("after", cursor)));
        let call = client.get(format!("{url}/v1/assignment-events")).query(&query).bearer_auth(&key).send();
        let patience = Duration::from_millis(random.random_range(1..400));
        if let Ok(answer) = tokio::time::timeout(patience, call).await {
            let page: leadflow_proto::assignment::v1::ListAssignmentEventsResponse =
                answer.unwrap().error_for_status().unwrap().json().await.unwrap();
            if random.random_bool(0.8) {
                kept.keep(page.items, page.cursor);
            }
        }
        kept.deaths += 1;
    }
    kept
}

/// Each writer touches its own leads and one that all of them share.
async fn write(world: Arc<World>, writer: u128, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        for n in [writer * 2 + 1, writer * 2 + 2, 1] {
            world.command(n, "ana", Command::Touch("phone".to_owned(), None)).await.unwrap();
        }
    }
}

fn keys(events: &[AssignmentEvent]) -> Vec<Seen> {
    events.iter().map(|event| (event.lead_id.clone(), event.sequence)).collect()
}

/// Everything once, each lead's events in their order and without a hole, and the same bytes as the others have.
fn assert_whole(kept: &Kept, told: &BTreeMap<Seen, Vec<u8>>, who: &str) {
    let seen = keys(&kept.events);
    let distinct: BTreeSet<&Seen> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "{who}: something came twice");
    assert_eq!(distinct, told.keys().collect(), "{who}: something is missing");
    let mut last: BTreeMap<&str, i32> = BTreeMap::new();
    for (lead_id, sequence) in &seen {
        let before = last.insert(lead_id, *sequence).unwrap_or(0);
        assert_eq!(before + 1, *sequence, "{who}: lead {lead_id} out of order");
    }
    for event in &kept.events {
        assert_eq!(told[&(event.lead_id.clone(), event.sequence)], event.encode_to_vec(), "{who}: other bytes");
    }
    assert!(kept.deaths > 5, "{who} died only {} times", kept.deaths);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cut_readers_miss_nothing_and_see_nothing_twice_while_sixteen_write_and_the_publisher_is_killed() {
    let world = Arc::new(World::new().await);
    clock::reset(&world.database).await.unwrap();
    let kafka = TestKafka::with_partitions(&[(Topic::Assignment, PARTITIONS)]).await;
    world.rep(leadflow_assignment::store::rep::Rep { rep_id: "ana".to_owned(), ..rep() }).await;
    world.pool(&[("ana", 1)], 0).await;
    let leads = WRITERS * 2;
    world.deliver((1..=leads).flat_map(|n| [opened(n), qualified(n)]).collect()).await;
    world.plan().await;

    let door = Door::open(&world, &kafka).await;
    let expected = Arc::new(std::sync::OnceLock::new());
    let mut readers = JoinSet::new();
    for seed in 0..3 {
        let (url, key) = (door.url.clone(), door.key.clone());
        readers.spawn(grpc_reader(url.clone(), key.clone(), Arc::clone(&expected), seed));
        readers.spawn(http_reader(url, key, Arc::clone(&expected), 100 + seed));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write(Arc::clone(&world), writer, Arc::clone(&stop)));
    }
    let mut publisher = Killable::start(&world, &kafka);
    for kill in 0..12_u64 {
        tokio::time::sleep(Duration::from_millis(150 + 37 * (kill % 5))).await;
        publisher.kill().await;
        publisher = Killable::start(&world, &kafka);
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    let sequences: Vec<i32> =
        sqlx::query_scalar("select sequence from lead").fetch_all(world.database.pool()).await.unwrap();
    let expected_count = usize::try_from(sequences.iter().sum::<i32>()).unwrap();
    expected.set(expected_count).unwrap();
    let kept: Vec<Kept> =
        tokio::time::timeout(Duration::from_secs(120), readers.join_all()).await.expect("the readers have everything");

    let records = kafka.records(Topic::Assignment).await;
    let mut told: BTreeMap<Seen, Vec<u8>> = BTreeMap::new();
    for record in &records {
        let event = AssignmentEvent::decode(record.value.as_slice()).unwrap();
        let first = told.entry((event.lead_id, event.sequence)).or_insert_with(|| record.value.clone());
        assert_eq!(*first, record.value, "a repeat on the topic is byte-equal");
    }
    assert_eq!(told.len(), expected_count);
    println!("{expected_count} events, {} repeats on the topic", records.len() - told.len());
    for (number, kept) in kept.iter().enumerate() {
        assert_whole(kept, &told, &format!("reader {number}"));
    }
    publisher.kill().await;
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_the_topic_is_removed_and_a_cursor_before_it_is_told_so() {
    let world = World::new().await;
    let now = world.database.now().await.unwrap();
    let row = |partition: i32, offset: i64, age: SignedDuration| NewRow {
        partition,
        offset,
        lead_id: lead_id(offset.unsigned_abs().into()),
        sequence: partition + 1,
        kind: "leadflow.assignment.touched.v1".to_owned(),
        test: false,
        rep_id: String::new(),
        pool_id: String::new(),
        contact: Vec::new(),
        payload: Vec::new(),
        at: now.checked_sub(age).unwrap(),
    };
    let mut rows: Vec<NewRow> =
        (0..6000).map(|offset| row(0, offset, retention::KEPT + SignedDuration::from_secs(1))).collect();
    rows.push(row(0, 6000, retention::KEPT - SignedDuration::from_secs(1)));
    rows.push(row(1, 0, SignedDuration::ZERO));
    let mut tx = world.database.write_tx("test").await.unwrap();
    insert_rows(tx.connection(), 1, &rows).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(retention::step(&world.database).await.unwrap(), Next::AtOnce);
    assert_eq!(retention::step(&world.database).await.unwrap(), Next::Rest);
    let left: Vec<(i32, i64)> = sqlx::query_as("select partition, \"offset\" from assignment_stream order by 1, 2")
        .fetch_all(world.database.pool())
        .await
        .unwrap();
    assert_eq!(left, [(0, 6000), (1, 0)]);

    let kafka = TestKafka::with_partitions(&[(Topic::Assignment, PARTITIONS)]).await;
    let door = Door::open(&world, &kafka).await;
    let get = async |query: &str| {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let call = client.get(format!("{}/v1/assignment-events{query}", door.url)).bearer_auth(&door.key);
        let answer = call.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<serde_json::Value>().await.unwrap())
    };
    let mut early = Cursor::earliest(1);
    early.pass(0, 17);
    let (status, problem) = get(&format!("?after={early}")).await;
    assert_eq!((status, problem["code"].as_str()), (410, Some("CURSOR_EXPIRED")), "{problem}");
    let mut made_up = Cursor::earliest(1);
    made_up.pass(0, 6001);
    let (status, answer) = get(&format!("?after={made_up}")).await;
    assert_eq!((status, answer["code"].as_str()), (400, Some("CURSOR_INVALID")), "{answer}");
    let (status, answer) = get("?types=offred").await;
    let pointer = answer["errors"][0]["pointer"].as_str();
    assert_eq!((status, pointer), (400, Some("types")), "a type that there is not: {answer}");
    assert_eq!(get("?types=touched,erased&wait=0").await.0, 200);
    let (status, answer) = get("?after=nonsense").await;
    assert_eq!((status, answer["errors"][0]["pointer"].as_str()), (400, Some("after")), "{answer}");
    let oldest = problem["metadata"]["oldest_cursor"].as_str().unwrap_or_else(|| panic!("{problem}"));
    let (status, page) = get(&format!("?after={oldest}")).await;
    assert_eq!((status, page["items"].as_array().map(Vec::len)), (200, Some(2)), "{page}");
    let (status, page) = get("").await;
    assert_eq!((status, page["items"].as_array().map(Vec::len)), (200, Some(2)), "earliest is what is left: {page}");
    door.close().await;
}
