//! One child process that is killed, stopped, continued and started again. Only processes of this run are signalled.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

/// What to start, and the running child.
#[derive(Debug)]
pub struct Process {
    name: String,
    binary: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// Not yet started. Its output goes to `log`.
    #[must_use]
    pub fn new(name: &str, binary: &Path, arguments: Vec<String>, log: PathBuf) -> Self {
        Self { name: name.to_owned(), binary: binary.to_owned(), arguments, log, child: None }
    }

    /// "qualification-a".
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts it.
    ///
    /// # Errors
    /// If the binary cannot be started.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.binary)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {} as {}", self.binary.display(), self.name))?;
        self.child = Some(child);
        Ok(())
    }

    /// Starts it again if it ended by itself, as a supervisor would. True if it had.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn revive(&mut self) -> anyhow::Result<bool> {
        let ended = match &mut self.child {
            Some(child) => child.try_wait()?,
            None => return Ok(false),
        };
        let Some(status) = ended else { return Ok(false) };
        println!("{} ended by itself ({status}), started again", self.name);
        self.start()?;
        Ok(true)
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// If it is not running.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = self.pid().with_context(|| format!("{} is not running", self.name))?;
        kill(pid, signal).with_context(|| format!("cannot signal {}", self.name))
    }

    /// Of the running child.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        let pid = self.child.as_ref()?.id()?;
        Some(Pid::from_raw(i32::try_from(pid).ok()?))
    }

    /// kill -9, then start.
    ///
    /// # Errors
    /// If it cannot be started.
    pub async fn kill_and_start(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await.ok();
        }
        self.start()
    }

    /// SIGTERM, then wait; true if it ended with code 0 in time.
    pub async fn terminate(&mut self, within: Duration) -> bool {
        if self.signal(Signal::SIGTERM).is_err() {
            return false;
        }
        let Some(mut child) = self.child.take() else { return false };
        match tokio::time::timeout(within, child.wait()).await {
            Ok(Ok(status)) => status.success(),
            _ => {
                child.kill().await.ok();
                false
            }
        }
    }
}
