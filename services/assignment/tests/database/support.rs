//! A schema of the assignment role with reps, pools and leads, and the parts of the role over it, driven step by step.
//! Leads arrive as records of qualification would; what leaves is read from the outbox.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::ToSpan as _;
use leadflow_assignment::MIGRATIONS;
use leadflow_assignment::domain::decision::{self, Replay};
use leadflow_assignment::domain::ledger::Ledger;
use leadflow_assignment::grpc::Desk;
use leadflow_assignment::grpc::command::{Command, Order};
use leadflow_assignment::handler::Intake;
use leadflow_assignment::planner::expiry::Expiry;
use leadflow_assignment::planner::{Planner, PlannerHandle};
use leadflow_assignment::store;
use leadflow_assignment::store::ledger::Member;
use leadflow_assignment::store::rep::Rep;
use leadflow_assignment::wire::lead_event;
use leadflow_platform::consumer::{Arrived, Handler as _, Outcome};
use leadflow_platform::error::ApiError;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::migrate::Migrations;
use leadflow_platform::outbox::{self, PublisherHandle};
use leadflow_platform::pg::Database;
use leadflow_platform::record::{Position, TraceParent};
use leadflow_platform::run::Tasks;
use leadflow_platform::testing::{TestDatabase, clock};
use leadflow_platform::timers::Next;
use leadflow_proto::assignment::v1::AssignmentEvent;
use leadflow_proto::qualification::v1 as lead;
use prost::Message as _;
use sqlx::Row as _;
use uuid::Uuid;

pub use crate::samples::*;

/// Tuesday, ten in the morning.
pub const NOW: &str = "2026-11-24T10:00:00Z";

/// A role without sockets.
pub struct World {
    pub test: TestDatabase,
    pub database: Database,
    pub intake: Intake,
    pub planner: Planner,
    pub expiry: Expiry,
    pub desk: Desk,
    offset: AtomicI64,
    request: AtomicI64,
}

impl World {
    /// An empty schema at [`NOW`]; the clock stands still.
    pub async fn new() -> Self {
        let test = TestDatabase::new("assignment", &Migrations::new(&MIGRATIONS).unwrap()).await;
        let database = test.database().clone();
        clock::stop_at(&database, at(NOW)).await.unwrap();
        sqlx::query("create table published (like outbox)").execute(database.pool()).await.unwrap();
        Self::over(test, database)
    }

    fn over(test: TestDatabase, database: Database) -> Self {
        let handle = PlannerHandle::default();
        let publisher = PublisherHandle::default();
        let key = Arc::new(IdentityKey::from_secret([7; 32]));
        Self {
            intake: Intake::new(1, key, handle.clone()),
            planner: Planner::new(&database, 1, publisher.clone(), handle.clone(), &Tasks::new()),
            expiry: Expiry::new(&database, 1, publisher.clone(), handle.clone()),
            desk: Desk { database: database.clone(), incarnation: 1, publisher, planner: handle },
            offset: AtomicI64::new(0),
            request: AtomicI64::new(0),
            test,
            database,
        }
    }

    /// A second process on the same schema.
    pub async fn another_planner(&self) -> Planner {
        let database = self.test.connect("other").await;
        Planner::new(&database, 1, PublisherHandle::default(), PlannerHandle::default(), &Tasks::new())
    }

    /// Reps who are present all year and have no hours, no caps.
    pub async fn reps(&self, rep_ids: &[&str]) {
        for rep_id in rep_ids {
            self.rep(Rep { rep_id: (*rep_id).to_owned(), ..rep() }).await;
        }
    }

    /// This rep, present all year.
    pub async fn rep(&self, rep: Rep) {
        let mut tx = self.database.write_tx("test").await.unwrap();
        store::rep::put(tx.connection(), &rep).await.unwrap();
        let until = at(NOW).checked_add((365 * 24).hours()).unwrap();
        store::rep::set_presence(tx.connection(), &rep.rep_id, Some(until)).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The default pool with these members; offers for `timeout_s`, 0: none.
    pub async fn pool(&self, members: &[(&str, i32)], timeout_s: i64) {
        let (names, weights): (Vec<&str>, Vec<i32>) = members.iter().copied().unzip();
        let pool = self.database.pool();
        sqlx::query(
            "insert into pool (pool_id, version, name, product_line, is_default, offer_timeout_ms, round_pause_ms, owner_match)
             values ('default', 1, 'Default', '', true, $1 * 1000, 60000, true)",
        )
        .bind(timeout_s)
        .execute(pool)
        .await
        .unwrap();
        sqlx::query(
            "insert into pool_member (pool_id, rep_id, weight) select 'default', * from unnest($1::text[], $2::int[])",
        )
        .bind(names)
        .bind(weights)
        .execute(pool)
        .await
        .unwrap();
    }

    /// Delivers records as one batch, as the consumer would.
    pub async fn deliver(&self, events: Vec<lead::LeadEvent>) -> Vec<Outcome> {
        let batch: Vec<_> = events.into_iter().map(|event| self.arrived(event)).collect();
        let mut tx = self.database.write_tx("test").await.unwrap();
        let result = self.intake.handle(&mut tx, &batch).await.unwrap();
        outbox::append(&mut tx, &result.outbox).await.unwrap();
        tx.commit().await.unwrap();
        self.intake.committed();
        assert_eq!(result.outcomes.len(), batch.len());
        result.outcomes
    }

    fn arrived(&self, event: lead::LeadEvent) -> Arrived<lead_event::LeadNews> {
        let offset = self.offset.fetch_add(1, Ordering::Relaxed);
        Arrived {
            event: lead_event::read(event).unwrap(),
            position: Position { topic: "leadflow.lead.v1".into(), partition: 0, offset },
            appended_at: at(NOW).checked_add((offset - 3_600_000).milliseconds()).unwrap(),
            trace: Some(TraceParent(TRACE.into())),
        }
    }

    /// Plans until nothing is left to do at this moment.
    pub async fn plan(&self) {
        for _ in 0..100 {
            if self.planner.step().await.unwrap() != Next::AtOnce {
                return;
            }
        }
        panic!("the planner does not come to rest");
    }

    /// A rep's command under a new key.
    pub async fn command(&self, n: u128, rep_id: &str, command: Command) -> Result<AssignmentEvent, ApiError> {
        let reply = self.desk.carry_out(self.order(n, rep_id), command).await?;
        Ok(reply.event.unwrap())
    }

    /// For a command on lead `n`, under a new key.
    pub fn order(&self, n: u128, rep_id: &str) -> Order {
        Order {
            lead_id: lead_id(n),
            rep_id: rep_id.to_owned(),
            if_sequence: 0,
            caller: "test".to_owned(),
            request_id: format!("request-{}", self.request.fetch_add(1, Ordering::Relaxed)),
            request_hash: [1; 32],
        }
    }

    /// The broker acknowledges what was told so far.
    pub async fn publish(&self) {
        let sql =
            "with gone as (delete from outbox where topic = 5 returning *) insert into published select * from gone";
        sqlx::query(sql).execute(self.database.pool()).await.unwrap();
    }

    /// Publishes, lets offers expire and plans.
    pub async fn tick(&self) {
        self.publish().await;
        self.tick_without_broker().await;
    }

    /// Lets offers expire and plans; nobody outside hears of anything.
    pub async fn tick_without_broker(&self) {
        while self.expiry.step().await.unwrap() == Next::AtOnce {}
        self.plan().await;
    }

    /// One number from the database.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.database.pool()).await.unwrap()
    }

    /// The pool `default` as it is shown.
    pub async fn ledger(&self) -> (Ledger, Vec<Member>) {
        let mut tx = self.database.write_tx("test").await.unwrap();
        let shown = store::pool::shown(tx.connection(), Some("default")).await.unwrap().pop().unwrap();
        (store::ledger::of(&shown.pool, &shown.members), shown.members)
    }

    /// What holds at any moment: one active owner per lead, counts that are true, a ledger that adds up, dense sequences,
    /// and decisions that come out the same again.
    pub async fn check(&self) {
        let two_owners = "select count(*) from (select from assignment where state in (1, 2) group by lead_id having count(*) > 1) t";
        assert_eq!(self.count(two_owners).await, 0, "leads with two owners");
        let wrong_counts = "select count(*) from rep r where open_count <>
            (select count(*) from assignment a where a.rep_id = r.rep_id and a.state in (1, 2))";
        assert_eq!(self.count(wrong_counts).await, 0, "reps whose open_count is not their open leads");
        let over = "select count(*) from rep where max_open > 0 and open_count > max_open";
        assert_eq!(self.count(over).await, 0, "reps over their cap");
        let states = "select count(*) from lead l left join assignment a on a.lead_id = l.lead_id and a.state in (1, 2)
            where (l.state in (2, 3)) <> (a.state is not null) or (l.state = 2) <> (coalesce(a.state, 0) = 1)";
        assert_eq!(self.count(states).await, 0, "leads whose state is not that of their assignment");
        let (ledger, _) = self.ledger().await;
        assert_eq!(ledger.accounts.values().map(|account| account.carried_micro).sum::<i64>(), 0, "carried");
        assert_eq!(ledger.accounts.values().map(|account| account.credit_micro).sum::<i64>(), 0, "credited");
        assert_eq!(ledger.accounts.values().map(|account| account.received).sum::<i64>(), ledger.leads, "received");
        let mut sequences: BTreeMap<String, Vec<i32>> = BTreeMap::new();
        for event in self.told().await {
            sequences.entry(event.lead_id).or_default().push(event.sequence);
        }
        for (lead_id, seen) in sequences {
            assert_eq!(seen, (1..=seen.len() as i32).collect::<Vec<_>>(), "sequences of {lead_id}");
        }
        let rows = sqlx::query("select decision_id, input, outcome, digest from decision where input is not null")
            .fetch_all(self.database.pool())
            .await
            .unwrap();
        for row in rows {
            let (decision_id, input): (Uuid, Vec<u8>) = (row.get("decision_id"), row.get("input"));
            let (outcome, digest): (Vec<u8>, Vec<u8>) = (row.get("outcome"), row.get("digest"));
            assert_eq!(decision::replay(Some(&input), &outcome), Replay::Equal, "{decision_id}");
            assert_eq!(decision::digest(&input, &outcome).to_vec(), digest, "{decision_id}");
        }
    }

    /// Lets time pass.
    pub async fn pass(&self, seconds: i64) {
        let now = self.database.now().await.unwrap();
        clock::stop_at(&self.database, now.checked_add(seconds.seconds()).unwrap()).await.unwrap();
    }

    /// Everything that was told, in order, published or not.
    pub async fn told(&self) -> Vec<AssignmentEvent> {
        let sql = "select payload from (select * from published union all select * from outbox) t where topic = 5 order by id";
        let rows: Vec<(Vec<u8>,)> = sqlx::query_as(sql).fetch_all(self.database.pool()).await.unwrap();
        rows.iter().map(|(payload,)| AssignmentEvent::decode(payload.as_slice()).unwrap()).collect()
    }

    /// What was told of one lead: fact, rep, sequence.
    pub async fn story(&self, n: u128) -> Vec<String> {
        let events = self.told().await;
        let of = events.iter().filter(|event| event.lead_id == lead_id(n).to_string());
        of.map(|event| format!("{} {} {}", event.sequence, fact(event), rep_of(event))).collect()
    }
}
