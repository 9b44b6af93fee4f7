//! A test bed: a migrated database of its own, a published model, and the handler as the consumer calls it, without a
//! broker. What it appends to the outbox is read back as lead events.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use leadflow_platform::consumer::{Arrived, Handler, HandlerError, Outcome};
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::migrate::Migrations;
use leadflow_platform::outbox;
use leadflow_platform::pg::Database;
use leadflow_platform::record::{Position, Record};
use leadflow_platform::testing::TestDatabase;
use leadflow_proto::assignment::v1::AssignmentEvent;
use leadflow_proto::engagement::v1::EngagementEvent;
use leadflow_proto::qualification::v1::LeadEvent;
use leadflow_qualification::domain::day::Day;
use leadflow_qualification::fold_assignment::AssignmentHandler;
use leadflow_qualification::handler::EngagementHandler;
use leadflow_qualification::models::Models;
use leadflow_qualification::recompute;
use leadflow_qualification::replay::{Replay, replay};
use leadflow_qualification::store;
use prost::Message as _;
use tokio::sync::Notify;

/// The model that is shipped.
pub const SAMPLE: &str = include_str!("../../../../deploy/config/scoring.yaml");

pub struct Bed {
    pub test: TestDatabase,
    pub engagement: EngagementHandler,
    pub assignment: AssignmentHandler,
    pub models: Arc<Models>,
    pub key: Arc<IdentityKey>,
}

impl Bed {
    /// With the sample model active.
    pub async fn new() -> Self {
        Self::with_model(SAMPLE).await
    }

    pub async fn with_model(yaml: &str) -> Self {
        let migrations = Migrations::new(&store::MIGRATIONS).expect("valid numbers");
        let test = TestDatabase::new("qualification", &migrations).await;
        let models = Arc::new(Models::default());
        let key = Arc::new(IdentityKey::from_secret([7; 32]));
        let engagement = EngagementHandler::new(Arc::clone(&key), Arc::clone(&models), 1, Arc::new(Notify::new()));
        let assignment = AssignmentHandler::new(Arc::clone(&models), 1);
        let bed = Self { test, engagement, assignment, models, key };
        bed.publish(yaml).await;
        let mut tx = bed.database().write_tx("partitions").await.expect("a transaction");
        let today = Day::of(tx.now());
        store::partition::ensure(tx.connection(), today).await.expect("partitions");
        tx.commit().await.expect("committed");
        bed
    }

    pub fn database(&self) -> &Database {
        self.test.database()
    }

    pub async fn now(&self) -> Timestamp {
        self.database().now().await.expect("a clock")
    }

    pub async fn publish(&self, yaml: &str) -> i32 {
        let mut tx = self.database().write_tx("publish").await.expect("a transaction");
        let now = tx.now();
        let (model_no, _) =
            store::model::publish(tx.connection(), "default", yaml.as_bytes(), now).await.expect("published");
        tx.commit().await.expect("committed");
        model_no
    }

    /// One batch through the engagement handler, tried again as the consumer does.
    pub async fn apply(&self, events: &[EngagementEvent]) -> Vec<Outcome> {
        let records: Vec<Vec<u8>> = events.iter().map(EngagementEvent::encode_to_vec).collect();
        run(self.database(), &self.engagement, "leadflow.engagement.v1", &records).await
    }

    pub async fn apply_assignment(&self, events: &[AssignmentEvent]) -> Vec<Outcome> {
        let records: Vec<Vec<u8>> = events.iter().map(AssignmentEvent::encode_to_vec).collect();
        run(self.database(), &self.assignment, "leadflow.assignment.v1", &records).await
    }

    /// Everything told on the lead topic so far, in order.
    pub async fn lead_events(&self) -> Vec<LeadEvent> {
        let rows: Vec<Vec<u8>> = sqlx::query_scalar("select payload from outbox order by id")
            .fetch_all(self.database().pool())
            .await
            .expect("the outbox");
        rows.iter().map(|bytes| LeadEvent::decode(bytes.as_slice()).expect("a lead event")).collect()
    }

    /// Short types of what was told, by lead in order of appearance.
    pub async fn told(&self) -> Vec<String> {
        let short =
            |event: &LeadEvent| event.r#type.trim_start_matches("leadflow.lead.").trim_end_matches(".v1").to_owned();
        self.lead_events().await.iter().map(short).collect()
    }

    /// Folds anew whoever was noted, until nobody is.
    pub async fn drain(&self) {
        while recompute::drain(self.database(), &self.models, 1, 100).await.expect("recomputed") > 0 {}
    }

    /// Executes every decision again.
    pub async fn assert_replays_equal(&self) {
        let mut connection = self.database().pool().acquire().await.expect("a connection");
        let rows = store::decision::page(&mut connection, uuid::Uuid::nil(), i64::MAX).await.expect("decisions");
        assert!(!rows.is_empty());
        for row in rows {
            let replayed = replay(&mut connection, &self.models, &row).await.expect("replayed");
            assert!(matches!(replayed, Replay::Equal), "{:?}: {replayed:?}", row.kind);
        }
    }

    /// How many identifiers have this plain text: one or none.
    pub async fn count_value(&self, value: &str) -> i64 {
        sqlx::query_scalar("select count(*) from identifier where value = $1")
            .bind(value)
            .fetch_one(self.database().pool())
            .await
            .expect("a count")
    }

    pub async fn count(&self, what: &'static str) -> i64 {
        sqlx::query_scalar(what).fetch_one(self.database().pool()).await.expect("a count")
    }
}

/// A batch in a transaction, until it is committed.
pub async fn run<H: Handler>(database: &Database, handler: &H, topic: &str, values: &[Vec<u8>]) -> Vec<Outcome> {
    let arrived: Vec<Arrived<H::Event>> = values
        .iter()
        .enumerate()
        .map(|(offset, value)| {
            let position = Position { topic: topic.into(), partition: 0, offset: offset as i64 };
            let appended_at = "2026-01-01T00:00:00Z".parse().expect("a time");
            let record =
                Record { position, key: Vec::new(), value: value.clone(), headers: Default::default(), appended_at };
            let event = handler.decode(&record).expect("decodable");
            Arrived { event, position: record.position, appended_at, trace: None }
        })
        .collect();
    for _ in 0..200 {
        let mut tx = database.write_tx("test").await.expect("a transaction");
        match handler.handle(&mut tx, &arrived).await {
            Ok(result) => {
                outbox::append(&mut tx, &result.outbox).await.expect("appended");
                tx.commit().await.expect("committed");
                return result.outcomes;
            }
            Err(HandlerError::Again(_)) => {}
            Err(HandlerError::Pg(error)) => panic!("{error}: {:?}", error.source),
        }
    }
    panic!("again and again");
}

/// Builds events with ids that follow from a name.
pub struct Events {
    pub now: Timestamp,
}

impl Events {
    /// An act of `kind`, `minutes` before now, with the id of `name`.
    pub fn act(&self, name: &str, kind: &str, minutes: i64) -> EngagementEvent {
        let at = self.now - jiff::SignedDuration::from_mins(minutes);
        let kind = leadflow_qualification::domain::event::EventKind::from_word(kind).expect("a kind");
        EngagementEvent {
            event_id: uuid::Uuid::new_v5(&uuid::Uuid::nil(), name.as_bytes()).to_string(),
            kind: i32::from(kind.number()),
            source: "web".into(),
            occurred_at: Some(leadflow_qualification::wire::to_proto_time(at)),
            received_at: Some(leadflow_qualification::wire::to_proto_time(at)),
            week: store::partition::monday(Day::of(at)).0,
            ..EngagementEvent::default()
        }
    }

    pub fn page(&self, name: &str, browser: &str, path: &str, minutes: i64) -> EngagementEvent {
        let mut event = self.act(name, "page_view", minutes);
        event.anonymous_id = browser.into();
        event.context =
            Some(leadflow_proto::engagement::v1::EngagementContext { page_path: path.into(), ..Default::default() });
        event
    }

    pub fn identify(&self, name: &str, browser: &str, email: &str, minutes: i64) -> EngagementEvent {
        let mut event = self.act(name, "identify", minutes);
        (event.anonymous_id, event.email) = (browser.into(), email.into());
        event
    }

    pub fn demo(&self, name: &str, browser: &str, email: &str, minutes: i64) -> EngagementEvent {
        let mut event = self.act(name, "demo_request", minutes);
        (event.anonymous_id, event.email) = (browser.into(), email.into());
        event.text = "Please show me the reports".into();
        event
    }
}

pub fn texts<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
