//! A schema of the nurture role with an SMTP server beside it, and the parts of the role over both, driven step by step.
//! Lead events arrive as records of qualification would; what leaves is read from the outbox.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::ToSpan as _;
use leadflow_mailbox::{Config, Mail, Mailbox, Script};
use leadflow_nurture::MIGRATIONS;
use leadflow_nurture::caller::Caller;
use leadflow_nurture::config::NurtureConfig;
use leadflow_nurture::door::Door;
use leadflow_nurture::grpc::Desk;
use leadflow_nurture::handler::Intake;
use leadflow_nurture::journeys::Journeys;
use leadflow_nurture::mail::LinkSigner;
use leadflow_nurture::sender::wake::Wakers;
use leadflow_nurture::sender::{Sender, SenderParts};
use leadflow_nurture::smtp::Relay;
use leadflow_nurture::steps::Steps;
use leadflow_nurture::wire::lead_event;
use leadflow_platform::consumer::{Arrived, Handler as _, Outcome};
use leadflow_platform::health::Health;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::migrate::Migrations;
use leadflow_platform::outbox::{self, PublisherHandle};
use leadflow_platform::pg::Database;
use leadflow_platform::record::{Position, Record, RecordHeaders, TraceParent};
use leadflow_platform::run::Tasks;
use leadflow_platform::testing::{TestDatabase, clock};
use leadflow_platform::timers::Next;
use leadflow_proto::engagement::v1::EngagementEvent;
use leadflow_proto::nurture::v1::NurtureEvent;
use leadflow_proto::qualification::v1 as lead;
use prost::Message as _;
use sqlx::Row as _;
use uuid::Uuid;

pub use crate::samples::*;

/// A role without a broker.
pub struct World {
    _test: TestDatabase,
    pub database: Database,
    pub config: Arc<NurtureConfig>,
    pub intake: Intake,
    pub steps: Steps,
    pub door: Door,
    pub mailbox: Mailbox,
    pub folder: PathBuf,
    key: Arc<IdentityKey>,
    journeys: Arc<Journeys>,
    wakers: Wakers,
    offset: AtomicI64,
    senders: std::sync::Mutex<Vec<Tasks>>,
}

impl World {
    /// An empty schema at [`NOW`], a relay without faults.
    pub async fn new() -> Self {
        Self::with(Script::default(), "").await
    }

    /// With these faults of the relay and more lines of configuration.
    pub async fn with(script: Script, more: &str) -> Self {
        Self::configured(script, more, |_| {}).await
    }

    /// The same, with what `change` makes of the configuration.
    pub async fn configured(script: Script, more: &str, change: impl FnOnce(&mut NurtureConfig)) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let test = TestDatabase::new("nurture", &Migrations::new(&MIGRATIONS).unwrap()).await;
        let database = test.database().clone();
        clock::stop_at(&database, at(NOW)).await.unwrap();
        let folder = std::env::temp_dir().join(format!("leadflow-nurture-{}", Uuid::now_v7()));
        let mailbox = Mailbox::start(Config::new(&folder).with_script(script)).await.unwrap();
        let cap = if more.contains("frequency_cap") { "" } else { "frequency_cap: null\n" };
        let yaml = format!(
            "listen: 127.0.0.1:0\ndatabase: {{ url: \"postgres://unused\" }}\npublic_url: http://127.0.0.1:8082\nquiet_hours: null\n{cap}\
             sender: {{ name: Seller, email: hello@seller.example, postal_address: \"1 Sample Street, 12345 Sampletown\" }}\n\
             smtp:\n  url: smtp+plain://{}\n  pool_size: 4\n  timeouts: {{ pool: 5, connect: 2, greeting: 0.5, command: 0.5, data: 0.5, body: 1, final_reply: 0.5 }}\n{more}",
            mailbox.address
        );
        let mut config: NurtureConfig = serde_saphyr::from_str(&yaml).unwrap();
        change(&mut config);
        Self::over(test, database, config, mailbox, folder)
    }

    fn over(test: TestDatabase, database: Database, config: NurtureConfig, mailbox: Mailbox, folder: PathBuf) -> Self {
        let (key, config) = (Arc::new(IdentityKey::from_secret([7; 32])), Arc::new(config));
        let (journeys, wakers, publisher) =
            (Arc::new(Journeys::default()), Wakers::default(), PublisherHandle::default());
        let zone = config.default_time_zone.clone();
        let intake = Intake::new(1, Arc::clone(&key), Arc::clone(&journeys), &zone, wakers.clone());
        let steps =
            Steps::new(&database, 1, Arc::clone(&key), Arc::clone(&journeys), &zone, publisher.clone(), wakers.clone());
        let door = Door {
            database: database.clone(),
            incarnation: 1,
            config: Arc::clone(&config),
            identity_key: Arc::clone(&key),
            journeys: Arc::clone(&journeys),
            publisher,
            signer: LinkSigner::new((*key).clone()),
        };
        let senders = std::sync::Mutex::default();
        let offset = AtomicI64::new(0);
        Self {
            _test: test,
            database,
            config,
            intake,
            steps,
            door,
            mailbox,
            folder,
            key,
            journeys,
            wakers,
            offset,
            senders,
        }
    }

    /// Starts senders of one process; dropped with the world.
    pub fn start_sender(&self) {
        let tasks = Tasks::new();
        self.sender(&tasks).start(&tasks, &Health::new());
        self.senders.lock().unwrap().push(tasks);
    }

    pub fn sender(&self, tasks: &Tasks) -> Sender {
        let parts = SenderParts {
            database: self.database.clone(),
            incarnation: 1,
            config: Arc::clone(&self.config),
            identity_key: Arc::clone(&self.key),
            journeys: Arc::clone(&self.journeys),
            relay: Relay::new(&self.config.smtp).unwrap(),
            publisher: PublisherHandle::default(),
            wakers: self.wakers.clone(),
        };
        Sender::new(parts, tasks)
    }

    /// The caller of endpoints of one process.
    pub fn caller(&self, tasks: &Tasks) -> anyhow::Result<Caller> {
        Caller::new(&self.database, &self.config, self.wakers.clone(), tasks)
    }

    /// What gRPC asks.
    pub fn desk(&self) -> Desk {
        let door = self.door.clone();
        Desk {
            database: door.database,
            incarnation: 1,
            config: door.config,
            identity_key: door.identity_key,
            journeys: door.journeys,
            publisher: door.publisher,
            wakers: self.wakers.clone(),
            relay: Relay::new(&self.config.smtp).unwrap(),
            signer: door.signer,
        }
    }

    /// Publishes a journey as the desk would, without a desk.
    pub async fn publish(&self, body: &str) {
        let (compiled, _) =
            leadflow_nurture::journeys::read(body.as_bytes(), 0).map_err(|all| format!("{all:?}")).unwrap();
        let name = &compiled.journey.journey_id;
        let pool = self.database.pool();
        let version: i32 =
            sqlx::query_scalar("select coalesce(max(version), 0) + 1 from journey where journey_id = $1")
                .bind(name)
                .fetch_one(pool)
                .await
                .unwrap();
        sqlx::query(
            "insert into journey (journey_id, version, sha256, title, body, published_at, published_by)
             values ($1, $2, sha256($3), 'Title', $3, clock(), 'test')",
        )
        .bind(name)
        .bind(version)
        .bind(body.as_bytes())
        .execute(pool)
        .await
        .unwrap();
        sqlx::query(
            "insert into journey_state (journey_id, version) values ($1, $2)
             on conflict (journey_id) do update set version = excluded.version",
        )
        .bind(name)
        .bind(version)
        .execute(pool)
        .await
        .unwrap();
    }

    /// Applies events as one batch of the consumer.
    pub async fn deliver(&self, events: Vec<lead::LeadEvent>) -> Vec<Outcome> {
        let batch: Vec<_> = events.into_iter().map(|event| self.arrived(event)).collect();
        let mut tx = self.database.write_tx("test").await.unwrap();
        let result = self.intake.handle(&mut tx, &batch).await.unwrap();
        outbox::append(&mut tx, &result.outbox).await.unwrap();
        tx.commit().await.unwrap();
        self.intake.committed();
        result.outcomes
    }

    fn arrived(&self, event: lead::LeadEvent) -> Arrived<lead_event::LeadNews> {
        let offset = self.offset.fetch_add(1, Ordering::Relaxed);
        let position = Position { topic: "leadflow.lead.v1".into(), partition: 0, offset };
        let record = Record {
            position: position.clone(),
            key: Vec::new(),
            value: event.encode_to_vec(),
            headers: RecordHeaders::default(),
            appended_at: at(NOW),
        };
        Arrived {
            event: self.intake.decode(&record).unwrap(),
            position,
            appended_at: at(NOW),
            trace: Some(TraceParent(TRACE.into())),
        }
    }

    /// Lets enrolments go on until nothing is due at this moment.
    pub async fn tick(&self) {
        for _ in 0..200 {
            if self.steps.step().await.unwrap() != Next::AtOnce {
                return;
            }
        }
        panic!("the timers do not come to rest");
    }

    /// Moves the clock.
    pub async fn pass(&self, hours: i64) {
        let now = self.database.now().await.unwrap();
        clock::stop_at(&self.database, now.checked_add(hours.hours()).unwrap()).await.unwrap();
    }

    /// Moves the clock.
    pub async fn pass_minutes(&self, minutes: i64) {
        let now = self.database.now().await.unwrap();
        clock::stop_at(&self.database, now.checked_add(minutes.minutes()).unwrap()).await.unwrap();
    }

    /// Ends the senders that were started; no mail is under way.
    pub fn stop_senders(&self) {
        self.senders.lock().unwrap().drain(..).for_each(|tasks| tasks.stop_token().cancel());
    }

    /// Waits until no mail is due or under way.
    pub async fn mails_rest(&self) {
        for _ in 0..12_000 {
            self.wakers.mails.notify_one();
            let open = self.count(
                "select count(*) from message where state = 2 or (state = 1 and (not_before <= clock() or lease_until > clock()))",
            );
            if open.await == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("mails do not come to rest");
    }

    /// Mails and timers, until both rest.
    pub async fn settle(&self) {
        for _ in 0..20 {
            self.mails_rest().await;
            self.tick().await;
            let due = self.count(
                "select (select count(*) from message where state = 2 or (state = 1 and not_before <= clock()))
                     + (select count(*) from enrollment where wake_at <= clock())",
            );
            if due.await == 0 {
                return;
            }
        }
        panic!("the journey does not come to rest");
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.database.pool()).await.unwrap()
    }

    /// Step, occurrence, state and reason of a lead's mails.
    pub async fn ledger(&self, n: u128) -> Vec<String> {
        let rows = sqlx::query(
            "select step, occurrence, state, reason from message where lead_id = $1 order by queued_at, step, occurrence",
        )
        .bind(lead_id(n))
        .fetch_all(self.database.pool())
        .await
        .unwrap();
        let names = ["", "queued", "sending", "sent", "failed", "uncertain", "skipped"];
        let line = |row: &sqlx::postgres::PgRow| {
            let state = names[usize::try_from(row.get::<i16, _>("state")).unwrap()];
            let reason: String = row.get("reason");
            let reason = if reason.is_empty() { reason } else { format!("({reason})") };
            format!("{} {} {state}{reason}", row.get::<String, _>("step"), row.get::<i32, _>("occurrence"))
        };
        rows.iter().map(line).collect()
    }

    /// Facts told of a lead, in their order, with dense sequences.
    pub async fn story(&self, n: u128) -> Vec<String> {
        let mut told: Vec<NurtureEvent> = self.outbox("nurture").await;
        told.retain(|event| event.lead_id == lead_id(n).to_string());
        let sequences: Vec<i32> = told.iter().map(|event| event.sequence).collect();
        assert_eq!(sequences, (1..=i32::try_from(told.len()).unwrap()).collect::<Vec<_>>(), "dense");
        let word = |event: &NurtureEvent| {
            let kind = event.r#type.trim_start_matches("leadflow.nurture.").trim_end_matches(".v1");
            if event.step.is_empty() { kind.to_owned() } else { format!("{kind} {}", event.step) }
        };
        told.iter().map(word).collect()
    }

    /// What nurture said on `engagement`.
    pub async fn acts(&self) -> Vec<EngagementEvent> {
        self.outbox("engagement").await
    }

    async fn outbox<M: prost::Message + Default>(&self, topic: &str) -> Vec<M> {
        let number: i16 = if topic == "nurture" { 6 } else { 1 };
        let rows: Vec<Vec<u8>> = sqlx::query_scalar("select payload from outbox where topic = $1 order by id")
            .bind(number)
            .fetch_all(self.database.pool())
            .await
            .unwrap();
        rows.iter().map(|bytes| M::decode(bytes.as_slice()).unwrap()).collect()
    }

    /// Mails at the relay, by recipient.
    pub fn arrived_mails(&self) -> BTreeMap<String, Vec<Mail>> {
        let mut by: BTreeMap<String, Vec<Mail>> = BTreeMap::new();
        for mail in self.mailbox.mails().unwrap() {
            by.entry(mail.entry.to[0].clone()).or_default().push(mail);
        }
        by
    }

    /// Every decision comes out the same again.
    pub async fn replay(&self) -> usize {
        let rows: Vec<(Option<Vec<u8>>, Vec<u8>)> =
            sqlx::query_as("select input, outcome from decision").fetch_all(self.database.pool()).await.unwrap();
        let mut connection = self.database.pool().acquire().await.unwrap();
        for (input, outcome) in &rows {
            let Some(input) = input else { continue };
            let named = leadflow_nurture::domain::decision::DecisionInput::decode(input.as_slice()).unwrap();
            let compiled = self.journeys.get(&mut connection, &named.journey_id, named.version).await.unwrap().unwrap();
            let again =
                leadflow_nurture::domain::decision::replay(Some(input), outcome, |_, _| Some(&compiled.journey));
            assert_eq!(again, leadflow_nurture::domain::decision::Replay::Equal);
        }
        rows.len()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
