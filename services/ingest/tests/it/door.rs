//! A running ingest with topics of its own, keys of every sort, and what came out on the topics.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use leadflow_ingest::{IngestConfig, Parts, start};
use leadflow_platform::access::{Access, NewKey, Scope, create};
use leadflow_platform::clock::wall_now;
use leadflow_platform::health::Health;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::run::Tasks;
use leadflow_platform::server::bind;
use leadflow_platform::testing::TestKafka;
use leadflow_platform::topics::Topic;
use leadflow_proto::engagement::v1::EngagementEvent;
use leadflow_proto::ingest::v1::RejectedEvent;
use prost::Message as _;

pub(crate) const PAGE: &str = "https://www.acme.test";

const SOURCES: &str = r#"
sources:
  web:
    names: { Demo Requested: demo_request }
    consent: { marketing: marketing_email }
    region: DE
  app: { rudderstack: true }
  probe: { test: true }
forms:
  demo:
    source: web
    kind: demo_request
    public: true
    origins: ["https://www.acme.test"]
    thank_you: https://www.acme.test/thanks
    honeypot: fax
    fields: { newsletter: consent.marketing_email }
  booth: { source: web, kind: event_attended, thank_you: /thanks }
mailboxes:
  sales: { our_message_ids: [mail.acme.test], reply_domains: [reply.acme.test] }
  app-only: { source: app }
hooks:
  postmark: { recipe: postmark, source: web, secret_file: hooks/postmark, mailbox: sales }
  postmark-header: { recipe: postmark, source: web, secret_file: hooks/header, proof: header, header: X-Hook-Secret }
  sendgrid: { recipe: sendgrid, source: web, secret_file: hooks/sendgrid, mailbox: sales }
  mailgun: { recipe: mailgun, source: web, secret_file: hooks/mailgun, mailbox: sales }
"#;

/// Of the hooks.
pub(crate) const BASIC: (&str, &str) = ("postmark", "of-today-and-long-enough");
pub(crate) const HEADER: &str = "a-value-nobody-guesses";
pub(crate) const SIGNING_KEY: &str = "key-1234567890abcdef1234567890abcdef";

/// Everything of one test. Dropped, its topics go away and its tasks stop.
pub(crate) struct Door {
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
    pub(crate) kafka: Option<TestKafka>,
    pub(crate) keys: Keys,
    pub(crate) folder: PathBuf,
    pub(crate) health: Health,
    tasks: Tasks,
}

/// One key of every sort.
pub(crate) struct Keys {
    pub(crate) server: String,
    pub(crate) browser: String,
    pub(crate) app: String,
    pub(crate) reader: String,
}

impl Door {
    /// On topics of its own.
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| ()).await
    }

    /// With another configuration.
    pub(crate) async fn open_with(change: impl FnOnce(&mut IngestConfig)) -> Self {
        let kafka = TestKafka::new().await;
        let config = kafka.config().clone();
        Self::open_on(config, Some(kafka), change).await
    }

    /// On a broker that the test gives.
    pub(crate) async fn open_on(
        kafka_config: KafkaConfig,
        kafka: Option<TestKafka>,
        change: impl FnOnce(&mut IngestConfig),
    ) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = std::env::temp_dir().join(format!("leadflow-ingest-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("sources.yaml"), SOURCES).unwrap();
        let verification_key = crate::hooks::verification_key();
        std::fs::create_dir_all(folder.join("hooks")).unwrap();
        for (name, secret) in [
            ("postmark", &*format!("{}:{}\n", BASIC.0, BASIC.1)),
            ("header", HEADER),
            ("sendgrid", &verification_key),
            ("mailgun", SIGNING_KEY),
        ] {
            std::fs::write(folder.join("hooks").join(name), secret).unwrap();
        }
        let keys = make_keys(&folder.join("keys.yaml"));
        let tasks = Tasks::new();
        let access = Access::load(&folder.join("keys.yaml")).unwrap();
        access.watch_every(&tasks, Duration::from_millis(50));
        let mut config = IngestConfig::new(([127, 0, 0, 1], 0).into(), folder.join("sources.yaml"));
        change(&mut config);
        let listener = bind(config.listen).await.unwrap();
        let url = format!("http://{}", listener.local_addr());
        let health = Health::new();
        let awaited = kafka.is_some();
        let parts = Parts {
            tasks: tasks.clone(),
            health: health.clone(),
            access,
            identity_key: IdentityKey::from_secret([7; 32]),
            kafka: kafka_config,
        };
        start(&config, parts, listener).await.unwrap();
        if awaited {
            let mut ready = health.subscribe();
            let waited = tokio::time::timeout(Duration::from_secs(30), ready.wait_for(|ready| *ready)).await;
            assert!(waited.is_ok(), "not ready: {:?}", health.readiness());
        }
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { url, client, kafka, keys, folder, health, tasks }
    }

    /// A post with the server's key.
    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.url)).basic_auth(&self.keys.server, Some(""))
    }

    /// A post of JSON with the server's key: status and answer.
    pub(crate) async fn send(&self, path: &str, body: impl Into<String>) -> (u16, serde_json::Value) {
        let request = self.post(path).header("content-type", "application/json").body(body.into());
        answer(request.send().await.unwrap()).await
    }

    pub(crate) async fn events(&self, topic: Topic, number: usize) -> Vec<EngagementEvent> {
        let kafka = self.kafka.as_ref().unwrap();
        let records = kafka.records_until(topic, |records| records.len() >= number).await;
        assert_eq!(records.len(), number);
        records.iter().map(|record| EngagementEvent::decode(record.value.as_slice()).unwrap()).collect()
    }

    pub(crate) async fn rejected(&self, number: usize) -> Vec<RejectedEvent> {
        let kafka = self.kafka.as_ref().unwrap();
        let records = kafka.records_until(Topic::Rejected, |records| records.len() >= number).await;
        assert_eq!(records.len(), number);
        records.iter().map(|record| RejectedEvent::decode(record.value.as_slice()).unwrap()).collect()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.tasks.stop_token().cancel();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn make_keys(path: &std::path::Path) -> Keys {
    let key = |name: &str, source: &str, scope, browser: bool| {
        let origins = if browser { vec![PAGE.to_owned()] } else { Vec::new() };
        let new = NewKey {
            name: name.to_owned(),
            scopes: vec![scope],
            sources: vec![source.to_owned()],
            reps: Vec::new(),
            origins,
            browser,
            expires_at: None,
        };
        create(path, new, wall_now()).unwrap().0.as_str().to_owned()
    };
    Keys {
        server: key("server", "web", Scope::Publish, false),
        browser: key("browser", "web", Scope::Publish, true),
        app: key("app", "app", Scope::Publish, false),
        reader: key("reader", "web", Scope::ReadLeads, false),
    }
}

/// Status and JSON; text that is no JSON as a string.
pub(crate) async fn answer(response: reqwest::Response) -> (u16, serde_json::Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text)))
}

/// A body as gzip.
pub(crate) fn gzip(body: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// A door that several tasks use.
pub(crate) async fn shared() -> Arc<Door> {
    Arc::new(Door::open().await)
}
