//! A whole line in one process for end-to-end tests: every role with its own schema, topics of its own, real sockets.

use std::path::{Path, PathBuf};
use std::time::Duration;

use leadflow_ingest::IngestConfig;
use leadflow_mailbox::{Mailbox, Script};
use leadflow_nurture::NurtureConfig;
use leadflow_platform::access::{self, Access, NewKey, Scope};
use leadflow_platform::clock::wall_now;
use leadflow_platform::consumer::{ConsumerConfig, Start};
use leadflow_platform::health::Health;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::migrate::Migrations;
use leadflow_platform::pg::Database;
use leadflow_platform::run::Tasks;
use leadflow_platform::server::{Limits, bind};
use leadflow_platform::testing::{TestDatabase, TestKafka};
use leadflow_platform::topics;
use leadflow_proto::nurture::v1::PublishJourneyRequest;
use leadflow_proto::nurture::v1::nurture_admin_service_client::NurtureAdminServiceClient;
use leadflow_proto::qualification::v1::PublishModelRequest;
use leadflow_proto::qualification::v1::qualification_admin_service_client::QualificationAdminServiceClient;
use leadflow_simulator::setup::{self, Authorized};

/// The four roles, ready, with the sample model, the sample journey and the sample team, and a relay that keeps its mails.
pub struct Line {
    /// Its topics.
    pub kafka: TestKafka,
    /// Public addresses.
    pub ingest: String,
    /// Of qualification.
    pub qualification: String,
    /// Of assignment.
    pub assignment: String,
    /// Of nurture: the links of its mails lead there.
    pub nurture: String,
    /// Where its mails arrive.
    pub mailbox: Mailbox,
    /// A key with the scope publish for the source "web".
    pub write_key: String,
    /// A key with all other scopes.
    pub api_key: String,
    nurture_lines: String,
    tasks: Tasks,
    _schemas: [TestDatabase; 3],
    folder: PathBuf,
}

/// What a test wants otherwise.
#[derive(Clone, Debug, Default)]
pub struct Otherwise {
    /// Faults of the relay.
    pub script: Script,
    /// Further lines of section `nurture`.
    pub nurture_lines: String,
}

impl Line {
    /// # Errors
    /// Whatever did not come up within half a minute.
    pub async fn open() -> anyhow::Result<Self> {
        Self::open_with(Otherwise::default()).await
    }

    /// # Errors
    /// As [`Line::open`].
    pub async fn open_with(otherwise: Otherwise) -> anyhow::Result<Self> {
        // The first of several lines wins.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kafka = TestKafka::new().await;
        let spine = Migrations::spine_only();
        let schemas = [
            TestDatabase::new(leadflow_qualification::role::SCHEMA, &spine).await,
            TestDatabase::new(leadflow_assignment::SCHEMA, &spine).await,
            TestDatabase::new(leadflow_nurture::SCHEMA, &spine).await,
        ];
        let folder = std::env::temp_dir().join(format!("leadflow-line-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder)?;
        let (write_key, api_key) = keys(&folder.join("keys.yaml"))?;
        let config = leadflow_mailbox::Config::new(folder.join("mails")).with_script(otherwise.script);
        let mailbox = Mailbox::start(config).await?;
        let mut line = Self {
            mailbox,
            nurture: String::new(),
            kafka,
            ingest: String::new(),
            qualification: String::new(),
            assignment: String::new(),
            write_key,
            api_key,
            nurture_lines: otherwise.nurture_lines,
            tasks: Tasks::new(),
            _schemas: schemas,
            folder,
        };
        line.start_roles().await?;
        Ok(line)
    }

    async fn start_roles(&mut self) -> anyhow::Result<()> {
        let access = Access::load(&self.folder.join("keys.yaml"))?;
        let (kafka, config) = (self.kafka.config().clone(), root().join("deploy/config"));
        let identity_key = || IdentityKey::from_secret([7; 32]);
        let consumer = ConsumerConfig { start: Start::Earliest, ..ConsumerConfig::default() };
        let [qualification, assignment, nurture] = &self._schemas;
        let health: [Health; 4] = std::array::from_fn(|_| Health::new());
        let anywhere = "127.0.0.1:0".parse()?;

        let listener = bind(anywhere).await?;
        self.assignment = format!("http://{}", listener.local_addr());
        let parts = leadflow_assignment::Parts {
            tasks: self.tasks.handle(),
            health: health[0].clone(),
            access: access.clone(),
            identity_key: identity_key(),
            kafka: kafka.clone(),
            topics: topics::load(Some(&config.join("topics.yaml")))?,
        };
        let role = leadflow_assignment::AssignmentConfig { database: assignment.config(), consumer: consumer.clone() };
        leadflow_assignment::start(&role, parts, listener, Limits::default()).await?;

        let listener = bind(anywhere).await?;
        self.qualification = format!("http://{}", listener.local_addr());
        let parts = leadflow_qualification::role::Parts {
            tasks: self.tasks.handle(),
            health: health[1].clone(),
            access: access.clone(),
            identity_key: identity_key(),
            kafka: kafka.clone(),
        };
        let role = leadflow_qualification::role::QualificationConfig { database: qualification.config(), consumer };
        leadflow_qualification::role::start(&role, parts, listener, Limits::default()).await?;
        let mut admin = QualificationAdminServiceClient::new(self.channel(&self.qualification).await?);
        let body = std::fs::read(config.join("scoring.yaml"))?;
        admin.publish_model(PublishModelRequest { body, validate_only: false }).await?;
        setup::sample_team(self.channel(&self.assignment).await?, wall_now()).await?;

        let listener = bind(anywhere).await?;
        self.nurture = format!("http://{}", listener.local_addr());
        let parts = leadflow_nurture::Parts {
            tasks: self.tasks.handle(),
            health: health[3].clone(),
            access: access.clone(),
            identity_key: identity_key(),
            kafka: kafka.clone(),
        };
        let role = self.nurture_config(nurture)?;
        leadflow_nurture::start(role, parts, listener, Limits::default()).await?;

        let role = IngestConfig::new(anywhere, config.join("sources.yaml"));
        let listener = bind(role.listen).await?;
        self.ingest = format!("http://{}", listener.local_addr());
        let (tasks, health_of_ingest) = (self.tasks.handle(), health[2].clone());
        let identity_key = identity_key();
        let parts = leadflow_ingest::Parts { tasks, health: health_of_ingest, access, identity_key, kafka };
        leadflow_ingest::start(&role, parts, listener).await?;
        for health in health {
            let mut ready = health.subscribe();
            let waited = tokio::time::timeout(Duration::from_secs(30), ready.wait_for(|ready| *ready)).await;
            anyhow::ensure!(waited.is_ok(), "not ready: {:?}", health.readiness());
        }
        Ok(())
    }

    fn nurture_config(&self, database: &TestDatabase) -> anyhow::Result<NurtureConfig> {
        let yaml = format!(
            "listen: 127.0.0.1:0\ndatabase: {{ url: \"postgres://later\" }}\npublic_url: {}\nquiet_hours: null\n\
             smtp: {{ url: \"smtp+plain://{}\" }}\nsender:\n  name: Seller\n  email: hello@seller.example\n  \
             postal_address: Seller, 1 Sample Street\n  message_id_domain: mail.seller.example\n  reply_domain: mail.seller.example\n{}",
            self.nurture, self.mailbox.address, self.nurture_lines
        );
        let mut config: NurtureConfig = serde_saphyr::from_str(&yaml)?;
        config.database = database.config();
        config.consumer = ConsumerConfig { start: Start::Earliest, ..ConsumerConfig::default() };
        Ok(config)
    }

    /// Publishes a journey of the sample configuration.
    ///
    /// # Errors
    /// As the role says.
    pub async fn publish_journey(&self, name: &str) -> anyhow::Result<()> {
        let path = root().join("deploy/config/journeys").join(name);
        let body = leadflow_nurture::bundle::bundle(&path, &|path: &Path| std::fs::read(path));
        self.publish_journey_text(body.map_err(|error| anyhow::anyhow!(error))?).await
    }

    /// Publishes a journey of a test's own, with its templates in it.
    ///
    /// # Errors
    /// As the role says.
    pub async fn publish_journey_text(&self, body: Vec<u8>) -> anyhow::Result<()> {
        let mut admin = NurtureAdminServiceClient::new(self.channel(&self.nurture).await?);
        admin.publish_journey(PublishJourneyRequest { body, migrate: false }).await?;
        Ok(())
    }

    /// The schema of nurture, to move its clock.
    #[must_use]
    pub fn nurture_database(&self) -> &Database {
        self._schemas[2].database()
    }

    /// A channel with the API key on it.
    ///
    /// # Errors
    /// If the role cannot be reached.
    pub async fn channel(&self, url: &str) -> anyhow::Result<Authorized> {
        setup::connect(url, &self.api_key).await
    }

    /// Stops every role; none may take longer than the drain.
    ///
    /// # Errors
    /// The role that failed, or would not end.
    pub async fn close(mut self) -> anyhow::Result<()> {
        let tasks = std::mem::replace(&mut self.tasks, Tasks::new());
        tasks.run_until(std::future::ready(()), Duration::from_secs(20)).await
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.tasks.stop_token().cancel();
        // It is in the folder of temporary files: whatever stays is swept there.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn keys(file: &Path) -> anyhow::Result<(String, String)> {
    let publish = NewKey {
        name: "publish".to_owned(),
        scopes: vec![Scope::Publish],
        sources: vec!["web".to_owned()],
        ..NewKey::default()
    };
    let rest = NewKey {
        name: "rest".to_owned(),
        scopes: vec![Scope::ReadLeads, Scope::ReadAssignments, Scope::ActForRep, Scope::Admin],
        reps: vec!["*".to_owned()],
        ..NewKey::default()
    };
    let key = |new| Ok::<_, anyhow::Error>(access::create(file, new, wall_now())?.0.as_str().to_owned());
    Ok((key(publish)?, key(rest)?))
}
