//! The deployment under test: a private broker and database, two processes of each role, keys, a model, a sales team.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use leadflow_proto::ingest::v1::ingest_service_client::IngestServiceClient;
use leadflow_simulator::door::Doors;
use leadflow_simulator::setup;
use tokio::process::Command;

use crate::RunArguments;
use crate::process::Process;
use crate::traffic::Replica;

/// One process of the deployment.
pub(crate) struct RoleProcess {
    pub(crate) role: &'static str,
    pub(crate) name: &'static str,
    port: u16,
}

/// Every process that faults may hit.
pub(crate) const ROLES: [RoleProcess; 6] = [
    RoleProcess { role: "ingest", name: "ingest-a", port: 0 },
    RoleProcess { role: "ingest", name: "ingest-b", port: 1 },
    RoleProcess { role: "qualification", name: "qualification-a", port: 2 },
    RoleProcess { role: "qualification", name: "qualification-b", port: 3 },
    RoleProcess { role: "assignment", name: "assignment-a", port: 4 },
    RoleProcess { role: "assignment", name: "assignment-b", port: 5 },
];

/// First public port; ops ports lie 1000 above.
const BASE_PORT: u16 = 18_400;

pub(crate) struct Stand {
    root: PathBuf,
    folder: PathBuf,
    binary: PathBuf,
    pub(crate) processes: Vec<Process>,
    services: std::collections::BTreeMap<String, String>,
    write_key: String,
    api_key: String,
}

impl Stand {
    /// From nothing to ready.
    pub(crate) async fn build(arguments: &RunArguments) -> anyhow::Result<Self> {
        let root = std::env::current_dir()?;
        let folder = root.join(&arguments.folder);
        let binary = root.join(&arguments.binary);
        anyhow::ensure!(binary.exists(), "{} is missing: cargo build --release -p leadflow", binary.display());
        let mut stand = Self {
            root,
            folder,
            binary,
            processes: Vec::new(),
            services: std::collections::BTreeMap::new(),
            write_key: String::new(),
            api_key: String::new(),
        };
        // A run begins with an empty broker and database: what an earlier one left is no evidence.
        stand.script("remove").await?;
        stand.script("start").await?;
        std::fs::create_dir_all(stand.folder.join("log"))?;
        stand.services = read_env(&stand.folder.join("services.env"))?;
        stand.configure()?;
        stand.prepare().await?;
        Ok(stand)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn api_key(&self) -> String {
        self.api_key.clone()
    }

    /// Superuser address of the database, for looking at sessions.
    pub(crate) fn database_admin_url(&self) -> String {
        self.services.get("DATABASE_ADMIN_URL").cloned().unwrap_or_default()
    }

    pub(crate) fn brokers(&self) -> String {
        self.services.get("KAFKA_BROKERS").cloned().unwrap_or_default()
    }

    /// `deploy/local/services.sh COMMAND FOLDER`.
    pub(crate) async fn script(&self, command: &str) -> anyhow::Result<()> {
        let output = Command::new(self.root.join("deploy/local/services.sh"))
            .args([command, &self.folder.to_string_lossy()])
            .stdin(Stdio::null())
            .output()
            .await
            .context("deploy/local/services.sh could not be started")?;
        anyhow::ensure!(
            output.status.success(),
            "services.sh {command} failed: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// One configuration file a process: they differ in their ports.
    fn configure(&mut self) -> anyhow::Result<()> {
        let service =
            |name: &str| self.services.get(name).cloned().with_context(|| format!("services.env lacks {name}"));
        let (brokers, qualification, assignment) =
            (service("KAFKA_BROKERS")?, service("QUALIFICATION_DATABASE_URL")?, service("ASSIGNMENT_DATABASE_URL")?);
        let (folder, root) = (self.folder.display(), self.root.display());
        for process in &ROLES {
            let port = BASE_PORT + process.port;
            let listen = |role: &str| {
                // Only the own section is used; the others must be valid all the same.
                let port = if role == process.role { port } else { 0 };
                let ops = if role == process.role { port + 1000 } else { 0 };
                format!("  listen: \"127.0.0.1:{port}\"\n  ops_listen: \"127.0.0.1:{ops}\"\n")
            };
            let text = format!(
                "kafka:\n  brokers: \"{brokers}\"\nidentity_key_file: {folder}/identity.key\nkeys_file: {folder}/keys.yaml\ntopics_file: {root}/deploy/config/topics.yaml\ntelemetry:\n  log_format: json\ningest:\n{}  sources_file: {root}/deploy/config/sources.yaml\nqualification:\n{}  database:\n    url: \"{qualification}\"\nassignment:\n{}  database:\n    url: \"{assignment}\"\n",
                listen("ingest"),
                listen("qualification"),
                listen("assignment"),
            );
            std::fs::write(self.config(process.name), text)?;
            let arguments = vec![
                "--config".to_owned(),
                self.config(process.name).display().to_string(),
                "serve".to_owned(),
                process.role.to_owned(),
            ];
            let log = self.folder.join("log").join(format!("{}.log", process.name));
            self.processes.push(Process::new(process.name, &self.binary, arguments, log));
        }
        let key: String = (0..32).map(|n| format!("{:02x}", n * 7 + 3)).collect();
        std::fs::write(self.folder.join("identity.key"), key)?;
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(self.folder.join("identity.key"), std::fs::Permissions::from_mode(0o600))?;
        Ok(())
    }

    fn config(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.yaml"))
    }

    /// Topics, migrations, keys; then the roles; then model and team through their doors.
    async fn prepare(&mut self) -> anyhow::Result<()> {
        let config = self.config(ROLES[2].name).display().to_string();
        self.leadflow(&["--config", &config, "topics", "apply"]).await?;
        self.leadflow(&["--config", &config, "migrate", "up"]).await?;
        let key = ["--config", &config, "key", "create", "--json"];
        let publish = self
            .leadflow(&[&key[..], &["--name", "chaos-publish", "--scope", "publish", "--source", "web"]].concat())
            .await?;
        self.write_key = key_of(&publish)?;
        let rest = [
            "--name",
            "chaos-rest",
            "--scope",
            "read:leads",
            "--scope",
            "read:assignments",
            "--scope",
            "act:rep",
            "--scope",
            "admin",
            "--rep",
            "*",
        ];
        self.api_key = key_of(&self.leadflow(&[&key[..], &rest].concat()).await?)?;
        for process in &mut self.processes {
            process.start()?;
        }
        self.wait_ready(&[4, 5], Duration::from_secs(60)).await?;
        // Qualification is ready only with a model: it is published first, to a role that listens already.
        self.retry(&["model", "publish", "deploy/config/scoring.yaml"]).await?;
        crate::sales::team(&self.assignment_endpoints()[0], &self.api_key).await?;
        self.wait_ready(&[0, 1, 2, 3, 4, 5], Duration::from_secs(60)).await
    }

    async fn retry(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut last = None;
        for _ in 0..60 {
            match self.leadflow(arguments).await {
                Ok(_) => return Ok(()),
                Err(error) => last = Some(error),
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Err(last.context("no attempt was made")?)
    }

    /// The command line of the binary under test, with addresses and key of this run.
    pub(crate) async fn leadflow(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(&self.binary)
            .args(arguments)
            .env("LEADFLOW_QUALIFICATION_URL", self.url(2))
            .env("LEADFLOW_ASSIGNMENT_URL", self.url(4))
            .env("LEADFLOW_API_KEY", &self.api_key)
            .stdin(Stdio::null())
            .output()
            .await?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "leadflow {} failed: {stderr}", arguments.join(" "));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn url(&self, process: usize) -> String {
        format!("http://127.0.0.1:{}", BASE_PORT + ROLES[process].port)
    }

    pub(crate) fn assignment_endpoints(&self) -> Vec<String> {
        vec![self.url(4), self.url(5)]
    }

    pub(crate) fn doors(&self) -> anyhow::Result<Vec<Replica>> {
        (0..2)
            .map(|process| {
                let url = self.url(process);
                let channel = tonic::transport::Endpoint::from_shared(url.clone())?
                    .connect_timeout(Duration::from_secs(2))
                    .connect_lazy();
                let channel = setup::Authorized::new(channel, setup::Bearer::new(&self.write_key)?);
                Ok(Replica { http: Doors::new(&url, &self.write_key)?, grpc: IngestServiceClient::new(channel) })
            })
            .collect()
    }

    /// Until each of these processes says so on its ops port.
    pub(crate) async fn wait_ready(&mut self, processes: &[usize], within: Duration) -> anyhow::Result<()> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        let deadline = tokio::time::Instant::now() + within;
        for &process in processes {
            let url = format!("http://127.0.0.1:{}/readyz", BASE_PORT + ROLES[process].port + 1000);
            loop {
                let answer = client.get(&url).send().await;
                if matches!(&answer, Ok(answer) if answer.status().is_success()) {
                    break;
                }
                self.processes[process].revive()?;
                anyhow::ensure!(
                    tokio::time::Instant::now() < deadline,
                    "{} is not ready: {answer:?}",
                    ROLES[process].name
                );
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        Ok(())
    }

    /// Starts the judge and prints what it prints.
    pub(crate) async fn ask_the_oracle(&mut self, arguments: &RunArguments) -> anyhow::Result<bool> {
        self.wait_ready(&[0, 1, 2, 3, 4, 5], Duration::from_secs(90)).await.context("after the faults")?;
        let status = Command::new(std::env::current_exe()?)
            .arg("oracle")
            .args(["--folder", &self.folder.to_string_lossy(), "--seed", &arguments.seed.to_string()])
            .args(["--brokers", &self.brokers(), "--leadflow", &self.binary.to_string_lossy()])
            .args(["--config", &self.config(ROLES[2].name).to_string_lossy()])
            .env("LEADFLOW_QUALIFICATION_URL", self.url(2))
            .env("LEADFLOW_ASSIGNMENT_URL", self.url(4))
            .env("LEADFLOW_API_KEY", &self.api_key)
            .stdin(Stdio::null())
            .status()
            .await?;
        Ok(status.success())
    }

    /// Ends everything that this run started. Roles must end by themselves on SIGTERM.
    pub(crate) async fn tear_down(&mut self) {
        for process in &mut self.processes {
            if process.pid().is_some() && !process.terminate(Duration::from_secs(25)).await {
                println!("chaos: {} did not end with code 0 within 25 s of SIGTERM", process.name());
            }
        }
        if let Err(error) = self.script("stop").await {
            println!("chaos: {error:#}");
        }
    }
}

fn key_of(json: &str) -> anyhow::Result<String> {
    let value: serde_json::Value = serde_json::from_str(json.trim())?;
    Ok(value["key"].as_str().context("key create printed no key")?.to_owned())
}

/// `export NAME='value'` lines.
fn read_env(path: &Path) -> anyhow::Result<std::collections::BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let pair = |line: &str| {
        let (name, value) = line.trim().strip_prefix("export ")?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('\'').to_owned()))
    };
    Ok(text.lines().filter_map(pair).collect())
}
