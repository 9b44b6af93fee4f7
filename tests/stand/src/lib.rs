//! A whole deployment in a folder: a private broker and database, the processes of the roles, keys, a model. For chaos and
//! figures; the binary under test is the one that users run.

mod configuration;
mod lead;
mod process;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use leadflow_proto::ingest::v1::ingest_service_client::IngestServiceClient;
use leadflow_simulator::door::Doors;
use leadflow_simulator::setup::{self, Authorized};
use tokio::process::Command;

pub use lead::OpenLead;
pub use process::Process;

/// One process of the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleProcess {
    /// "ingest", "qualification", "assignment", "nurture" (see [`Stand::build_with_nurture`]) or "all".
    pub role: &'static str,
    /// "ingest-a"; names the log and the configuration file.
    pub name: &'static str,
}

/// How to build a stand.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The binary under test.
    pub binary: PathBuf,
    /// Folder of the run; emptied first.
    pub folder: PathBuf,
    /// First public port; each process takes the next four (one per role); ops ports lie 1000 above.
    pub base_port: u16,
    /// The processes, not yet started.
    pub processes: Vec<RoleProcess>,
}

/// One replica of ingest, by both of its doors.
#[derive(Clone, Debug)]
pub struct Replica {
    /// Segment-compatible HTTP.
    pub http: Doors,
    /// gRPC.
    pub grpc: IngestServiceClient<Authorized>,
}

/// A deployment.
#[derive(Debug)]
pub struct Stand {
    root: PathBuf,
    plan: Plan,
    nurture: Option<String>,
    /// In the order of the plan.
    pub processes: Vec<Process>,
    services: BTreeMap<String, String>,
    write_key: String,
    api_key: String,
}

/// Ports of one process: one public port for each role, even if it plays only one.
const PORTS_PER_PROCESS: u16 = 4;
const ROLES: [&str; 4] = ["ingest", "qualification", "assignment", NURTURE];
const NURTURE: &str = "nurture";

impl Stand {
    /// Broker, database, topics, schemas and keys from nothing; no role runs yet.
    ///
    /// # Errors
    /// Whatever did not come up.
    pub async fn build(plan: Plan) -> anyhow::Result<Self> {
        Self::build_from(plan, None).await
    }

    /// The same, with a section `nurture`: `settings` are its lines in YAML without addresses, database and `public_url`,
    /// "smtp: { url: ... }".
    ///
    /// # Errors
    /// Whatever did not come up.
    pub async fn build_with_nurture(plan: Plan, settings: &str) -> anyhow::Result<Self> {
        Self::build_from(plan, Some(settings.to_owned())).await
    }

    async fn build_from(plan: Plan, nurture: Option<String>) -> anyhow::Result<Self> {
        let root = std::env::current_dir()?;
        let plan = Plan { binary: root.join(&plan.binary), folder: root.join(&plan.folder), ..plan };
        anyhow::ensure!(
            plan.binary.exists(),
            "{} is missing: cargo build --release -p leadflow",
            plan.binary.display()
        );
        let (write_key, api_key) = (String::new(), String::new());
        let (processes, services) = (Vec::new(), BTreeMap::new());
        let mut stand = Self { root, plan, nurture, processes, services, write_key, api_key };
        // A run begins with an empty broker and database: what an earlier one left is no evidence.
        stand.script("remove").await?;
        stand.script("start").await?;
        std::fs::create_dir_all(stand.folder().join("log"))?;
        stand.services = configuration::services(&stand.folder().join("services.env"))?;
        stand.write_configurations()?;
        stand.make_topics_schemas_and_keys().await?;
        Ok(stand)
    }

    /// Folder of the run.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.plan.folder
    }

    /// The binary under test.
    #[must_use]
    pub fn binary(&self) -> &Path {
        &self.plan.binary
    }

    /// A key with every scope but publish.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// A key with the scope publish, source "web".
    #[must_use]
    pub fn write_key(&self) -> &str {
        &self.write_key
    }

    /// A value of services.env: `KAFKA_BROKERS`, `DATABASE_ADMIN_URL` ...; empty if it is not there.
    #[must_use]
    pub fn service(&self, name: &str) -> &str {
        self.services.get(name).map_or("", String::as_str)
    }

    /// Configuration file of a process.
    #[must_use]
    pub fn config(&self, process: usize) -> PathBuf {
        self.folder().join(format!("{}.yaml", self.plan.processes[process].name))
    }

    /// Public address of a role of a process.
    #[must_use]
    pub fn url(&self, process: usize, role: &str) -> String {
        format!("http://127.0.0.1:{}", self.port(process, role))
    }

    fn port(&self, process: usize, role: &str) -> u16 {
        let number = ROLES.iter().position(|name| *name == role).unwrap_or(0);
        self.plan.base_port
            + PORTS_PER_PROCESS * u16::try_from(process).unwrap_or(0)
            + u16::try_from(number).unwrap_or(0)
    }

    /// Public addresses of every process that plays this role.
    #[must_use]
    pub fn urls(&self, role: &str) -> Vec<String> {
        let plays = |process: &RoleProcess| self.plays(*process).contains(&role);
        let of_role = self.plan.processes.iter().enumerate().filter(|(_, process)| plays(process));
        of_role.map(|(number, _)| self.url(number, role)).collect()
    }

    /// Without its section nurture plays nowhere, not even where all do.
    fn plays(&self, process: RoleProcess) -> Vec<&'static str> {
        match process.role {
            "all" => ROLES.into_iter().filter(|role| *role != NURTURE || self.nurture.is_some()).collect(),
            role => vec![role],
        }
    }

    /// Role and name of each process.
    #[must_use]
    pub fn roles(&self) -> &[RoleProcess] {
        &self.plan.processes
    }

    /// `deploy/local/services.sh COMMAND FOLDER`.
    ///
    /// # Errors
    /// With what it printed.
    pub async fn script(&self, command: &str) -> anyhow::Result<()> {
        let output = Command::new(self.root.join("deploy/local/services.sh"))
            .args([command, &self.folder().to_string_lossy()])
            .stdin(Stdio::null())
            .output()
            .await
            .context("deploy/local/services.sh could not be started")?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        anyhow::ensure!(output.status.success(), "services.sh {command} failed: {out}{err}");
        Ok(())
    }

    /// One configuration file a process: they differ in their ports.
    fn write_configurations(&mut self) -> anyhow::Result<()> {
        let nurture = self.nurture.as_deref();
        let (services, folder, root) = (&self.services, self.folder(), self.root.as_path());
        let shared = configuration::Shared { services, folder, root, nurture };
        let mut processes = Vec::new();
        for (number, process) in self.plan.processes.iter().enumerate() {
            let text = shared.file(|role| self.port(number, role))?;
            std::fs::write(self.config(number), text)?;
            let config = self.config(number).display().to_string();
            let arguments = ["--config", &config, "serve", process.role].map(str::to_owned).to_vec();
            let log = self.folder().join("log").join(format!("{}.log", process.name));
            processes.push(Process::new(process.name, &self.plan.binary, arguments, log));
        }
        self.processes = processes;
        configuration::write_identity_key(&self.folder().join("identity.key"))
    }

    async fn make_topics_schemas_and_keys(&mut self) -> anyhow::Result<()> {
        let config = self.config(0).display().to_string();
        self.leadflow(&["--config", &config, "topics", "apply"]).await?;
        self.leadflow(&["--config", &config, "migrate", "up"]).await?;
        let key = ["--config", &config, "key", "create", "--json"];
        let publish = ["--name", "stand-publish", "--scope", "publish", "--source", "web"];
        self.write_key = key_of(&self.leadflow(&[&key[..], &publish].concat()).await?)?;
        let scopes = ["read:leads", "read:assignments", "act:rep", "admin"].map(|scope| ["--scope", scope]).concat();
        let rest = [&["--name", "stand-rest", "--rep", "*"][..], &scopes].concat();
        self.api_key = key_of(&self.leadflow(&[&key[..], &rest].concat()).await?)?;
        Ok(())
    }

    /// Starts these processes.
    ///
    /// # Errors
    /// If one cannot be started.
    pub fn start(&mut self, processes: &[usize]) -> anyhow::Result<()> {
        processes.iter().try_for_each(|process| self.processes[*process].start())
    }

    /// `leadflow model publish`, until qualification, which starts without one, takes it.
    ///
    /// # Errors
    /// What the last attempt said.
    pub async fn publish_model(&mut self, file: &str) -> anyhow::Result<()> {
        let mut last = None;
        for _ in 0..120 {
            for process in &mut self.processes {
                process.revive()?;
            }
            match self.leadflow(&["model", "publish", file]).await {
                Ok(_) => return Ok(()),
                Err(error) => last = Some(error),
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Err(last.context("no attempt was made")?)
    }

    /// Addresses and key of this run, for clients.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let first = |role: &str| self.urls(role).into_iter().next().unwrap_or_default();
        vec![
            ("LEADFLOW_INGEST_URL", first("ingest")),
            ("LEADFLOW_QUALIFICATION_URL", first("qualification")),
            ("LEADFLOW_ASSIGNMENT_URL", first("assignment")),
            ("LEADFLOW_NURTURE_URL", first(NURTURE)),
            ("LEADFLOW_WRITE_KEY", self.write_key.clone()),
            ("LEADFLOW_API_KEY", self.api_key.clone()),
        ]
    }

    /// The command line of the binary under test; its stdout.
    ///
    /// # Errors
    /// With what it printed to stderr.
    pub async fn leadflow(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(&self.plan.binary)
            .args(arguments)
            .envs(self.environment())
            .stdin(Stdio::null())
            .output()
            .await?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "leadflow {} failed: {stderr}", arguments.join(" "));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Both doors of every replica of ingest.
    ///
    /// # Errors
    /// If a client cannot be made.
    pub fn doors(&self) -> anyhow::Result<Vec<Replica>> {
        let replica = |url: String| {
            let endpoint =
                tonic::transport::Endpoint::from_shared(url.clone())?.connect_timeout(Duration::from_secs(2));
            let channel = Authorized::new(endpoint.connect_lazy(), setup::Bearer::new(&self.write_key)?);
            Ok(Replica { http: Doors::new(&url, &self.write_key)?, grpc: IngestServiceClient::new(channel) })
        };
        self.urls("ingest").into_iter().map(replica).collect()
    }

    /// Until each of these processes says so on its ops port; one that ended is started again.
    ///
    /// # Errors
    /// With the answer of the one that is not ready in time.
    pub async fn wait_ready(&mut self, processes: &[usize], within: Duration) -> anyhow::Result<()> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        let deadline = tokio::time::Instant::now() + within;
        for &process in processes {
            let plays = self.plan.processes[process];
            for role in self.plays(plays) {
                let url = format!("http://127.0.0.1:{}/readyz", self.port(process, role) + 1000);
                loop {
                    let answer = client.get(&url).send().await;
                    if matches!(&answer, Ok(answer) if answer.status().is_success()) {
                        break;
                    }
                    self.processes[process].revive()?;
                    let late = tokio::time::Instant::now() >= deadline;
                    anyhow::ensure!(!late, "{} is not ready: {}", plays.name, describe(answer).await);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
        Ok(())
    }

    /// Ends everything that this run started; returns what did not end with code 0 within 25 s of SIGTERM.
    pub async fn tear_down(&mut self) -> Vec<String> {
        let mut late = Vec::new();
        for process in &mut self.processes {
            if process.pid().is_some() && !process.terminate(Duration::from_secs(25)).await {
                late.push(format!("{} did not end with code 0 within 25 s of SIGTERM", process.name()));
            }
        }
        if let Err(error) = self.script("stop").await {
            late.push(format!("{error:#}"));
        }
        late
    }
}

async fn describe(answer: reqwest::Result<reqwest::Response>) -> String {
    match answer {
        Ok(answer) => answer.text().await.unwrap_or_default(),
        Err(error) => error.to_string(),
    }
}

fn key_of(json: &str) -> anyhow::Result<String> {
    let value: serde_json::Value = serde_json::from_str(json.trim())?;
    Ok(value["key"].as_str().context("key create printed no key")?.to_owned())
}
