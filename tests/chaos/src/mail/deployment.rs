//! What is put under fire: two processes of nurture, a relay that fails by script and is never faulted, a clock of the schema
//! that runs ahead so that second attempts come in time.
//!
//! The lease of a mail in DATA is the longest that its phases may take and 30 s, by the clock of the schema: sped up it must
//! still outlast an honest sender. So the phase that never lasts here (the body of a small mail) is allowed long, and all
//! others are short: a lease is 155 s of that clock and 5 s of ours, an honest attempt takes half. Claims last as long.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use leadflow_mailbox::{Fault, Script};
use leadflow_stand::{Plan, Process, RoleProcess, Stand};

use super::MailArguments;
use crate::psql::ask;

/// Every process that faults may hit.
pub(super) const PROCESSES: [RoleProcess; 2] =
    [RoleProcess { role: "nurture", name: "nurture-a" }, RoleProcess { role: "nurture", name: "nurture-b" }];
/// So many times as fast.
const SPEED: u32 = 30;
/// Mails under way at a time in one process.
pub(super) const POOL: usize = 12;
/// A lease, of either kind, in our time.
pub(super) const LEASE: Duration = Duration::from_millis(5200);
const BASE_PORT: u16 = 18_500;
const RELAY_PORT: u16 = 18_590;
const WATCH: &str = include_str!("watch.sql");
const JOURNEY: &str = include_str!("journey.yaml");

/// The stand, and the relay beside it.
pub(super) struct Deployment {
    pub(super) stand: Stand,
    relay: Process,
}

impl Deployment {
    /// From nothing to ready.
    pub(super) async fn assemble(arguments: &MailArguments) -> anyhow::Result<Self> {
        let plan = Plan {
            binary: arguments.binary.clone(),
            folder: arguments.folder.clone(),
            base_port: BASE_PORT,
            processes: PROCESSES.to_vec(),
        };
        let stand = Stand::build_with_nurture(plan, &settings()).await?;
        let relay = relay(&stand, arguments)?;
        let mut deployment = Self { stand, relay };
        match deployment.set_up().await {
            Ok(()) => Ok(deployment),
            Err(error) => {
                deployment.end().await;
                Err(error)
            }
        }
    }

    async fn set_up(&mut self) -> anyhow::Result<()> {
        let database = self.stand.service("NURTURE_DATABASE_URL").to_owned();
        ask(&database, WATCH).await.context("watch the marks")?;
        ask(&database, &faster()).await.context("speed up the clock")?;
        self.relay.start()?;
        self.stand.start(&[0, 1])?;
        self.stand.wait_ready(&[0, 1], Duration::from_secs(60)).await?;
        anyhow::ensure!(!self.relay.revive()?, "the relay ended; see log/relay.log");
        let journey = self.stand.folder().join("journey.yaml");
        std::fs::write(&journey, JOURNEY)?;
        self.stand.leadflow(&["journey", "publish", &journey.to_string_lossy()]).await?;
        Ok(())
    }

    /// Ends everything; what did not end in order.
    pub(super) async fn end(&mut self) -> Vec<String> {
        let mut late = self.stand.tear_down().await;
        if self.relay.pid().is_some() && !self.relay.terminate(Duration::from_secs(5)).await {
            late.push("the relay did not end with code 0: its log is no evidence".to_owned());
        }
        late
    }
}

/// Where the relay keeps mails and log.
pub(super) fn relay_folder(folder: &Path) -> PathBuf {
    folder.join("relay")
}

/// Replaces the clock of the schema by one that starts at the time `expression` and runs ahead.
pub(super) fn clock_from(expression: &str) -> String {
    format!(
        "execute format('create or replace function clock() returns timestamptz language sql volatile parallel safe as
             $clock$ select timestamptz %L + (clock_timestamp() - timestamptz %L) * {SPEED}::double precision $clock$',
             {expression}, clock_timestamp());"
    )
}

fn faster() -> String {
    format!("do $do$ begin {} end $do$", clock_from("clock()"))
}

/// Section `nurture`. No cap, no quiet hours, no brakes: the run has thousands of refused addresses.
fn settings() -> String {
    format!(
        "quiet_hours: null
frequency_cap: null
brakes: {{ complaints_per_thousand: 1000, bounces_per_thousand: 1000, from_messages: 1000000 }}
sender:
  name: Seller
  email: hello@seller.example
  postal_address: Seller, 1 Sample Street, 12345 Sampletown
  message_id_domain: mail.seller.example
smtp:
  url: smtp+plain://127.0.0.1:{RELAY_PORT}
  pool_size: {POOL}
  timeouts: {{ claim: 155, pool: 120, connect: 1, greeting: 0.5, command: 0.5, data: 1, body: 120, final_reply: 1.5 }}"
    )
}

/// Not yet started: every kind of fault at three of ten first attempts, drawn from the seed; and one of ten, taken and kept,
/// hears of it so slowly that a kill often comes before the last byte.
fn relay(stand: &Stand, arguments: &MailArguments) -> anyhow::Result<Process> {
    let script = Script {
        seed: arguments.seed,
        share: 0.4,
        faults: [&Fault::ALL[..], &[Fault::KeepAndDrip; 8]].concat(),
        hang_seconds: 20.0,
        ..Script::default()
    };
    let (path, folder) = (stand.folder().join("relay.json"), relay_folder(stand.folder()));
    std::fs::write(&path, serde_json::to_vec_pretty(&script)?)?;
    let words = [
        "--listen".to_owned(),
        format!("127.0.0.1:{RELAY_PORT}"),
        "--folder".to_owned(),
        folder.display().to_string(),
        "--script".to_owned(),
        path.display().to_string(),
    ];
    let binary = std::env::current_exe()?.with_file_name("mail-catcher");
    anyhow::ensure!(binary.exists(), "{} is missing: cargo build -p leadflow-mailbox", binary.display());
    Ok(Process::new("relay", &binary, words.to_vec(), stand.folder().join("log/relay.log")))
}
