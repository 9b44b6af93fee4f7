//! How fast the engagement handler folds: batches of 1,000 events, two lanes, Zipf over 100,000 browsers.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    reason = "a measurement"
)]
use leadflow_platform::consumer::{Arrived, Handler, HandlerError};
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::migrate::Migrations;
use leadflow_platform::outbox;
use leadflow_platform::record::{Position, Record};
use leadflow_platform::testing::TestDatabase;
use leadflow_proto::engagement::v1::{EngagementContext, EngagementEvent};
use leadflow_qualification::domain::day::Day;
use leadflow_qualification::handler::EngagementHandler;
use leadflow_qualification::models::Models;
use leadflow_qualification::store;
use leadflow_qualification::wire::to_proto_time;
use prost::Message as _;
use rand::{RngExt as _, SeedableRng as _};
use std::sync::Arc;

fn cpu(pids: &[u32]) -> f64 {
    pids.iter()
        .filter_map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let rest = stat.rsplit_once(')')?.1.split_whitespace().collect::<Vec<_>>();
            Some(
                (rest[11].parse::<f64>().ok()?
                    + rest[12].parse::<f64>().ok()?
                    + rest[13].parse::<f64>().ok()?
                    + rest[14].parse::<f64>().ok()?)
                    / 100.0,
            )
        })
        .sum()
}
fn postgres() -> Vec<u32> {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|e| {
            let pid: u32 = e.ok()?.file_name().to_str()?.parse().ok()?;
            let cmd = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
            (cmd.contains("/tmp/q2/pg/data")
                || cmd.starts_with("postgres:") && cmd.contains("leadflow_test_qualification")
                || cmd.starts_with("postgres: wal")
                || cmd.starts_with("postgres: check")
                || cmd.starts_with("postgres: background"))
            .then_some(pid)
        })
        .collect()
}

#[tokio::main]
async fn main() {
    let total: usize = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(200_000);
    let persons: f64 = std::env::args().nth(2).and_then(|a| a.parse().ok()).unwrap_or(100_000.0);
    let migrations = Migrations::new(&store::MIGRATIONS).unwrap();
    let test = TestDatabase::new("qualification", &migrations).await;
    let models = Arc::new(Models::default());
    let key = Arc::new(IdentityKey::from_secret([7; 32]));
    let handler = Arc::new(EngagementHandler::new(Arc::clone(&key), models, 1, Arc::new(tokio::sync::Notify::new())));
    let mut tx = test.database().write_tx("x").await.unwrap();
    let now = tx.now();
    store::model::publish(tx.connection(), "default", include_bytes!("../../../deploy/config/scoring.yaml"), now)
        .await
        .unwrap();
    store::partition::ensure(tx.connection(), Day::of(now)).await.unwrap();
    tx.commit().await.unwrap();
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    let zipf = |random: &mut rand_chacha::ChaCha8Rng| -> u64 {
        // s = 1: inverse of the continuous approximation.
        let u: f64 = random.random();
        (persons.powf(u)) as u64
    };
    let mut lanes: Vec<Vec<Record>> = vec![Vec::new(), Vec::new()];
    for n in 0..total {
        let who = zipf(&mut random);
        let at = now - jiff::SignedDuration::from_secs(((total - n) as i64) / 10);
        let dice = random.random_range(0..1000);
        let kind = match dice {
            0..10 => 3,
            10..40 => 18,
            40..70 => 10,
            70..90 => 11,
            _ => 1,
        };
        let event = EngagementEvent {
            event_id: uuid::Uuid::from_u128(random.random()).to_string(),
            kind,
            name: if kind == 1 { "Page Viewed".into() } else { String::new() },
            source: "website".into(),
            anonymous_id: format!("browser-{who}"),
            email: if kind == 1 { String::new() } else { format!("person{who}@company{}.example", who / 20) },
            occurred_at: Some(to_proto_time(at)),
            received_at: Some(to_proto_time(at)),
            week: store::partition::monday(Day::of(at)).0,
            traits: if kind == 18 {
                [("title".to_owned(), "CTO".to_owned()), ("company".to_owned(), format!("Company {}", who / 20))].into()
            } else {
                Default::default()
            },
            context: Some(EngagementContext {
                page_url: format!("https://www.seller.example/{}", if dice % 5 == 0 { "pricing" } else { "blog/post" }),
                page_path: if dice % 5 == 0 { "/pricing".into() } else { "/blog/post".into() },
                page_title: "Some page title of usual length".into(),
                referrer: "https://search.example/".into(),
                user_agent:
                    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"
                        .into(),
                locale: "en-GB".into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let lane = &mut lanes[(who % 2) as usize];
        lane.push(Record {
            position: Position { topic: "leadflow.engagement.v1".into(), partition: 0, offset: 0 },
            key: Vec::new(),
            value: event.encode_to_vec(),
            headers: Vec::new(),
            appended_at: now,
        });
    }
    let me = [std::process::id()];
    let (own0, pg0) = (cpu(&me), cpu(&postgres()));
    let start = std::time::Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for lane in lanes {
        let (database, handler) = (test.database().clone(), Arc::clone(&handler));
        tasks.spawn(async move {
            let mut agains = 0;
            let mut rows = 0;
            for batch in lane.chunks(1000) {
                let arrived: Vec<Arrived<_>> = batch
                    .iter()
                    .map(|r| Arrived {
                        event: handler.decode(r).unwrap(),
                        position: r.position.clone(),
                        appended_at: r.appended_at,
                        trace: None,
                    })
                    .collect();
                loop {
                    let mut tx = database.write_tx("bench").await.unwrap();
                    match handler.handle(&mut tx, &arrived).await {
                        Ok(result) => {
                            rows += result.outbox.len();
                            outbox::append(&mut tx, &result.outbox).await.unwrap();
                            tx.commit().await.unwrap();
                            break;
                        }
                        Err(HandlerError::Again(_)) => agains += 1,
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }
            (agains, rows)
        });
    }
    let results = tasks.join_all().await;
    let took = start.elapsed().as_secs_f64();
    let (own, pg) = (cpu(&me) - own0, cpu(&postgres()) - pg0);
    println!(
        "{total} events in {took:.2} s = {:.0}/s; CPU per event: worker {:.1} us, postgres {:.1} us; (agains, outbox rows) {results:?}",
        total as f64 / took,
        own / total as f64 * 1e6,
        pg / total as f64 * 1e6
    );
    let stats: Vec<(String, i64)> = sqlx::query_as("select relname::text, n_live_tup from pg_stat_user_tables where schemaname='qualification' and n_live_tup > 0 order by 2 desc").fetch_all(test.database().pool()).await.unwrap();
    println!("{stats:?}");
}
