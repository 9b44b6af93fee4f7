//! temporary
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use leadflow_platform::consumer::*;
use leadflow_platform::health::Health;
use leadflow_platform::migrate::Migrations;
use leadflow_platform::outbox::Publisher;
use leadflow_platform::pg::WriteTx;
use leadflow_platform::record::Record;
use leadflow_platform::run::Tasks;
use leadflow_platform::testing::{TestDatabase, TestKafka};
use leadflow_platform::topics::Topic;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer, DefaultProducerContext};
use rand::{RngExt as _, SeedableRng as _};

struct Fold;
impl Handler for Fold {
    type Event = [u8; 16];
    fn decode(&self, record: &Record) -> Result<Self::Event, Poison> {
        record.key.as_slice().try_into().map_err(|_| Poison("key".into()))
    }
    async fn handle(&self, tx: &mut WriteTx, batch: &[Arrived<Self::Event>]) -> Result<BatchResult, HandlerError> {
        let mut map: BTreeMap<&[u8], i64> = BTreeMap::new();
        for a in batch { *map.entry(a.event.as_slice()).or_default() += 1; }
        let keys: Vec<&[u8]> = map.keys().copied().collect();
        let counts: Vec<i64> = map.values().copied().collect();
        sqlx::query("insert into state (key, count) select * from unnest($1::bytea[], $2::bigint[]) on conflict (key) do update set count = state.count + excluded.count")
            .bind(keys).bind(counts).execute(tx.connection()).await?;
        Ok(BatchResult { outcomes: vec![Outcome::Applied; batch.len()], outbox: vec![] })
    }
}

fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throughput() {
    let count = 600_000usize;
    let kafka = TestKafka::with_partitions(&[(Topic::Engagement, 12), (Topic::DeadLetter, 1)]).await;
    let db = TestDatabase::new("platform", &Migrations::spine_only()).await;
    sqlx::query("create table state (key bytea primary key, count bigint not null) with (fillfactor=70)").execute(db.database().pool()).await.unwrap();
    let producer: ThreadedProducer<DefaultProducerContext> = kafka.config().client("p").set("enable.idempotence","true").set("queue.buffering.max.messages","1000000").set("queue.buffering.max.kbytes","1000000").set("compression.type","zstd").set("linger.ms","20").create().unwrap();
    let topic = kafka.config().topic_name(Topic::Engagement);
    let mut rng = rand::rngs::SmallRng::seed_from_u64(1);
    let payload = vec![7u8; 250];
    for _ in 0..count {
        let u: f64 = rng.random();
        let k = (100_000f64.powf(u)) as u128; // zipf-like
        let key = k.to_be_bytes();
        let mut h = OwnedHeaders::new();
        for (n, v) in [("content-type","application/protobuf"),("ce_specversion","1.0"),("ce_id","0190f3f2-aaaa-bbbb-cccc-000000000000"),("ce_source","/leadflow/ingest"),("ce_type","leadflow.engagement.page_view.v1"),("ce_time","2026-11-24T00:00:00Z"),("ce_subject","x"),("ce_dataschema","leadflow.engagement.v1.EngagementEvent"),("ce_partitionkey","k"),("type","leadflow.engagement.page_view.v1")] {
            h = h.insert(Header { key: n, value: Some(v) });
        }
        while let Err((_, r)) = producer.send(BaseRecord::to(&topic).key(&key[..]).payload(&payload).headers(h.clone())) { let _ = r; std::thread::sleep(Duration::from_millis(5)); }
    }
    producer.flush(Duration::from_secs(60)).unwrap();
    drop(producer);
    let (tasks, health) = (Tasks::new(), Health::new());
    let publisher = Publisher::new(db.database(), kafka.config());
    let c0 = cpu();
    let t0 = Instant::now();
    Consumer::new("bench", db.database(), kafka.config(), publisher.handle(), ConsumerConfig::default()).live(Topic::Engagement, Arc::new(Fold)).start(&tasks, &health);
    let mut first = None;
    loop {
        let n: i64 = sqlx::query_scalar("select coalesce(sum(next_offset),0)::bigint from kafka_offset").fetch_one(db.database().pool()).await.unwrap();
        if n > 0 && first.is_none() { first = Some((Instant::now(), n)); println!("first after {:?}", t0.elapsed()); }
        if n as usize >= count { break; }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (f, n) = first.unwrap();
    println!("rate {:.0}/s  worker cpu {:.2} us/event", (count as i64 - n) as f64 / f.elapsed().as_secs_f64(), (cpu()-c0)*1e6/count as f64);
    tasks.run_until(std::future::ready(()), Duration::from_secs(20)).await.unwrap();
}
