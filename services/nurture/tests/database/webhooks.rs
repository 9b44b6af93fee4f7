//! Calls of endpoints over real sockets: signed, once, by the schedule, and one endpoint never at the expense of another.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use jiff::ToSpan as _;
use leadflow_nurture::caller::Caller;
use leadflow_platform::run::Tasks;
use leadflow_platform::server::{self, Limits};
use leadflow_platform::testing::clock;
use leadflow_platform::timers::Next;
use leadflow_platform::webhook::SCHEDULE;
use sqlx::Row as _;
use standardwebhooks::Webhook;
use tokio::sync::Semaphore;

use crate::support::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD_SECRET: &str = "whsec_dGhlIG9sZCBzZWNyZXQgb2YgdGhpcyBlbmRwb2ludA==";

/// What an endpoint answers.
#[derive(Clone)]
enum Answer {
    Status(u16),
    With(u16, &'static str, String),
    /// 200, but not before the gate is opened.
    Held(Arc<Semaphore>),
}

/// One call as it came.
struct Received {
    name: String,
    headers: HeaderMap,
    body: Bytes,
}

/// Endpoints by the last part of their path. The last answer stays.
#[derive(Clone, Default)]
struct Others {
    answers: Arc<Mutex<HashMap<String, VecDeque<Answer>>>>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Others {
    fn answer<const N: usize>(&self, name: &str, answers: [Answer; N]) {
        self.answers.lock().unwrap().insert(name.to_owned(), answers.into());
    }

    fn names(&self) -> Vec<String> {
        self.received.lock().unwrap().iter().map(|one| one.name.clone()).collect()
    }

    fn next(&self, name: &str) -> Answer {
        let mut answers = self.answers.lock().unwrap();
        let Some(answers) = answers.get_mut(name) else { return Answer::Status(200) };
        if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
    }
}

async fn take(State(others): State<Others>, Path(name): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    others.received.lock().unwrap().push(Received { name: name.clone(), headers, body });
    let status = |number| StatusCode::from_u16(number).unwrap();
    match others.next(&name) {
        Answer::Status(number) => status(number).into_response(),
        Answer::With(number, header, value) => (status(number), [(header, value)]).into_response(),
        Answer::Held(gate) => {
            gate.acquire().await.unwrap().forget();
            StatusCode::OK.into_response()
        }
    }
}

/// A world with endpoints `crm` and `other` on a socket, and a caller that is driven by hand.
struct Bed {
    world: World,
    others: Others,
    caller: Caller,
    tasks: Tasks,
    address: SocketAddr,
    folder: PathBuf,
}

const LOOPBACK: &str = "webhook_client: { allow_http: true, allow_networks: [127.0.0.0/8] }\n";

impl Bed {
    async fn new() -> Self {
        Self::with(LOOPBACK, "127.0.0.1").await
    }

    async fn with(client: &str, host: &str) -> Self {
        let (tasks, others) = (Tasks::new(), Others::default());
        let routes = axum::Router::new().route("/{name}", axum::routing::post(take)).with_state(others.clone());
        let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr();
        server::serve(&tasks, "others", listener, routes, Limits::default());
        let folder = std::env::temp_dir().join(format!("leadflow-webhooks-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("new"), SECRET).unwrap();
        std::fs::write(folder.join("old"), OLD_SECRET).unwrap();
        let (new, old) = (folder.join("new"), folder.join("old"));
        let endpoint = |name: &str| {
            let url = format!("http://{host}:{}/{name}", address.port());
            format!("  {name}: {{ url: \"{url}\", secret_files: [\"{}\", \"{}\"] }}\n", new.display(), old.display())
        };
        let more = format!("{client}webhooks:\n{}{}", endpoint("crm"), endpoint("other"));
        let world = World::with(leadflow_mailbox::Script::default(), &more).await;
        let caller = world.caller(&tasks).unwrap();
        let bed = Self { world, others, caller, tasks, address, folder };
        for (kind, name) in [("form", "crm"), ("chat", "other")] {
            let head = format!("entry: {{ event: {{ kind: {kind} }}, reentry: always }}");
            let steps = format!("  - id: call\n    webhook: {{ endpoint: {name} }}");
            bed.world.publish(&journey(&head, &steps).replace("name: warm-up", &format!("name: {name}"))).await;
        }
        bed
    }

    /// A call becomes due.
    async fn queue(&self, n: u128, name: &str) {
        let kind = if name == "crm" { "form" } else { "chat" };
        self.world.deliver(vec![engaged(n, 1, kind, &[])]).await;
    }

    /// Makes every call that is due, and waits for what becomes of it.
    async fn call(&self) -> Next {
        loop {
            let next = self.caller.step().await.unwrap();
            self.until("calls are over", async || {
                self.world.count("select count(*) from webhook_call where lease_until is not null").await == 0
            })
            .await;
            if next != Next::AtOnce {
                return next;
            }
        }
    }

    async fn until(&self, what: &str, look: impl AsyncFn() -> bool) {
        for _ in 0..3000 {
            if look().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{what}: not within a minute");
    }

    /// Endpoint, state with its reason, attempts; of one that waits also how long. What is settled has no body any more.
    async fn rows(&self) -> Vec<String> {
        let rows = sqlx::query(
            "select endpoint, state, reason, attempt, length(body) as bytes, settled_at is not null as settled,
                 extract(epoch from not_before - clock())::float8 as wait from webhook_call order by queued_at, endpoint",
        )
        .fetch_all(self.world.database.pool())
        .await
        .unwrap();
        let line = |row: &sqlx::postgres::PgRow| {
            let state: i16 = row.get("state");
            let word = ["", "queued", "delivered", "failed", "refused"][usize::try_from(state).unwrap()];
            let (bytes, settled): (i32, bool) = (row.get("bytes"), row.get("settled"));
            assert_eq!((bytes == 0, settled), (state != 1, state != 1), "body and time of what is {word}");
            let (endpoint, reason): (&str, &str) = (row.get("endpoint"), row.get("reason"));
            format!("{endpoint} {word}({reason}) after {}", row.get::<i32, _>("attempt"))
        };
        rows.iter().map(line).collect()
    }

    /// Seconds until the only call is due.
    async fn wait(&self) -> f64 {
        sqlx::query_scalar("select extract(epoch from not_before - clock())::float8 from webhook_call where state = 1")
            .fetch_one(self.world.database.pool())
            .await
            .unwrap()
    }

    async fn pass_seconds(&self, seconds: f64) {
        let now = self.world.database.now().await.unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "days")]
        let later = now.checked_add(((seconds * 1e6).ceil() as i64).microseconds()).unwrap();
        clock::stop_at(&self.world.database, later).await.unwrap();
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.tasks.stop_token().cancel();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_signed_by_every_secret_made_once_and_forgotten() {
    let bed = Bed::new().await;
    bed.queue(1, "crm").await;
    assert_eq!(bed.rows().await, ["crm queued() after 0"]);
    assert_eq!(bed.call().await, Next::Rest);
    assert_eq!(bed.rows().await, ["crm delivered() after 1"]);
    // Nothing is left to do, however often and late somebody looks.
    bed.world.pass(100).await;
    assert_eq!(bed.call().await, Next::Rest);
    let received = bed.others.received.lock().unwrap();
    let [call] = received.as_slice() else { panic!("{} calls", received.len()) };
    for secret in [SECRET, OLD_SECRET] {
        Webhook::new(secret).unwrap().verify(&call.body, &call.headers).unwrap();
    }
    Webhook::new("whsec_YSBzZWNyZXQgb2Ygc29tZWJvZHkgZWxzZSBlbnRpcmVseQ==")
        .unwrap()
        .verify(&call.body, &call.headers)
        .unwrap_err();
    let body: serde_json::Value = serde_json::from_slice(&call.body).unwrap();
    assert_eq!(
        (body["type"].as_str(), body["data"]["step"].as_str(), body["data"]["lead_id"].as_str()),
        (Some("leadflow.nurture.step.v1"), Some("call"), Some(lead_id(1).to_string().as_str()))
    );
    assert_eq!(body["data"]["lead"]["contact"]["email"].as_str(), Some(email(1).as_str()));
    assert_eq!(call.headers["content-type"], "application/json");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_is_made_again_by_the_schedule_and_given_up_at_its_end() {
    let bed = Bed::new().await;
    bed.others.answer("crm", [Answer::Status(500)]);
    bed.queue(1, "crm").await;
    for (attempt, planned) in (1..).zip(&SCHEDULE[1..]) {
        assert!(matches!(bed.call().await, Next::Within(_)));
        assert_eq!(bed.rows().await, [format!("crm queued(status) after {attempt}")]);
        let (wait, planned) = (bed.wait().await, planned.as_secs_f64());
        assert!((planned..=planned * 1.1 + 0.001).contains(&wait), "attempt {attempt}: {wait} s for {planned} s");
        // Not early, and then at once.
        bed.pass_seconds(wait - 0.5).await;
        assert!(matches!(bed.call().await, Next::Within(_)));
        assert_eq!(bed.others.names().len(), attempt);
        bed.pass_seconds(bed.wait().await).await;
    }
    assert_eq!(bed.call().await, Next::Rest);
    assert_eq!(bed.rows().await, ["crm failed(status) after 10"]);
    let received = bed.others.received.lock().unwrap();
    let ids: std::collections::BTreeSet<&str> =
        received.iter().map(|one| one.headers["webhook-id"].to_str().unwrap()).collect();
    assert_eq!((received.len(), ids.len()), (10, 1), "the receiver knows a repeat by its id");
    for call in received.iter() {
        Webhook::new(SECRET).unwrap().verify(&call.body, &call.headers).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_asks_for_patience_gets_it_and_is_well_again_afterwards() {
    let bed = Bed::new().await;
    let later = |status, seconds: &str| Answer::With(status, "retry-after", seconds.to_owned());
    bed.others.answer("crm", [later(503, "7200"), later(429, "1"), Answer::Status(204)]);
    bed.queue(1, "crm").await;
    bed.call().await;
    assert!((bed.wait().await - 7200.0).abs() < 0.001, "{}", bed.wait().await);
    assert_eq!(bed.world.count("select count(*) from webhook_endpoint where first_failure_at is not null").await, 1);
    bed.pass_seconds(7200.0).await;
    bed.call().await;
    // Less than the schedule grants no call before its time.
    assert!(bed.wait().await >= SCHEDULE[2].as_secs_f64());
    bed.pass_seconds(bed.wait().await).await;
    bed.call().await;
    assert_eq!(bed.rows().await, ["crm delivered() after 3"]);
    assert_eq!(bed.world.count("select count(*) from webhook_endpoint where first_failure_at is not null").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_not_asked_again_until_somebody_restarts_the_role() {
    let bed = Bed::new().await;
    bed.others.answer("crm", [Answer::Status(410), Answer::Status(200)]);
    bed.queue(1, "crm").await;
    bed.call().await;
    assert_eq!(bed.rows().await, ["crm failed(gone) after 1"]);
    bed.pass_seconds(1.0).await;
    bed.queue(2, "crm").await;
    bed.queue(3, "other").await;
    bed.call().await;
    assert_eq!(
        bed.rows().await[1..],
        ["crm refused(endpoint_disabled) after 1".to_owned(), "other delivered() after 1".to_owned()]
    );
    assert_eq!(bed.others.names(), ["crm", "other"], "nobody asked it");
    assert_eq!(bed.world.count("select count(*) from webhook_endpoint where reason = 'gone'").await, 1);
    // As at the start of a process.
    bed.caller.enable_all().await.unwrap();
    bed.pass_seconds(1.0).await;
    bed.queue(4, "crm").await;
    bed.call().await;
    assert_eq!(bed.rows().await[3], "crm delivered() after 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_only_fails_for_five_days_is_given_up() {
    let bed = Bed::new().await;
    bed.others.answer("crm", [Answer::Status(500)]);
    bed.queue(1, "crm").await;
    bed.call().await;
    bed.world.pass(5 * 24 - 1).await;
    bed.call().await;
    assert_eq!(bed.world.count("select count(*) from webhook_endpoint where disabled_at is not null").await, 0);
    bed.world.pass(2).await;
    bed.queue(2, "crm").await;
    bed.call().await;
    assert_eq!(bed.world.count("select count(*) from webhook_endpoint where reason = 'silent'").await, 1);
    assert_eq!(bed.rows().await, ["crm failed(status) after 3", "crm refused(endpoint_disabled) after 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_an_endpoint_points_to_is_not_followed() {
    let bed = Bed::new().await;
    let elsewhere = format!("http://{}/elsewhere", bed.address);
    for (n, status) in [(1, 301), (2, 302), (3, 307), (4, 308)] {
        bed.others.answer("crm", [Answer::With(status, "location", elsewhere.clone())]);
        bed.queue(n, "crm").await;
        bed.call().await;
        // Out of the way of the next one.
        bed.pass_seconds(1.0).await;
    }
    assert_eq!(bed.rows().await, ["crm queued(redirect) after 1"; 4]);
    assert_eq!(bed.others.names(), ["crm"; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_endpoint_delays_nobody_else() {
    let bed = Bed::new().await;
    let gate = Arc::new(Semaphore::new(0));
    bed.others.answer("crm", [Answer::Held(Arc::clone(&gate))]);
    bed.queue(1, "crm").await;
    bed.caller.step().await.unwrap();
    bed.until("it was asked", async || bed.others.names() == ["crm"]).await;
    // What comes later is behind it in the ledger, of the same endpoint and of another one.
    bed.pass_seconds(5.0).await;
    bed.queue(2, "crm").await;
    bed.queue(3, "other").await;
    bed.caller.step().await.unwrap();
    let delivered = "select count(*) from webhook_call where endpoint = 'other' and state = 2";
    bed.until("the other one has its call", async || bed.world.count(delivered).await == 1).await;
    assert_eq!(bed.caller.step().await.unwrap(), Next::Rest, "the end of the slow call wakes");
    assert_eq!(bed.rows().await[..2], ["crm queued() after 1", "crm queued() after 0"], "one at a time");
    gate.add_permits(2);
    let open = "select count(*) from webhook_call where state = 1 and attempt = 1";
    bed.until("the slow one is over", async || bed.world.count(open).await == 0).await;
    bed.call().await;
    assert_eq!(bed.world.count("select count(*) from webhook_call where state = 2").await, 3);
    assert_eq!(bed.others.names(), ["crm", "other", "crm"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_into_a_private_network_is_refused_and_an_address_there_is_no_configuration() {
    let bed = Bed::with("webhook_client: { allow_http: true }\n", "localhost").await;
    bed.queue(1, "crm").await;
    assert_eq!(bed.call().await, Next::Rest);
    assert_eq!(bed.rows().await, ["crm refused(address) after 1"]);
    assert!(bed.others.names().is_empty(), "nobody was asked");

    let url = format!("http://{}/crm", bed.address);
    let secret = bed.folder.join("new");
    let more = format!(
        "webhook_client: {{ allow_http: true }}\nwebhooks: {{ crm: {{ url: \"{url}\", secret_files: [\"{}\"] }} }}\n",
        secret.display()
    );
    let world = World::with(leadflow_mailbox::Script::default(), &more).await;
    let error = format!("{:#}", world.caller(&bed.tasks).err().unwrap());
    assert!(error.starts_with("nurture.webhooks.crm: "), "{error}");
}
