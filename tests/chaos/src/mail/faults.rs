//! Carries out the plan, keeps every process alive as a supervisor would, and writes down what it broke and when.

use std::time::Duration;

use leadflow_stand::Stand;
use nix::sys::signal::Signal;
use tokio::time::Instant;

use super::deployment::{LEASE, PROCESSES};
use super::journal::{Incident, IncidentKind, Journal, now};
use super::plan::Fault;
use super::produce::Progress;
use crate::psql::ask;

/// No honest mail is in DATA for so long: what still is after it belongs to the process that stands still.
const HONEST: Duration = Duration::from_millis(3000);
/// Whoever looks for lost mails does it every five seconds.
const FOUND: Duration = Duration::from_millis(5500);

/// Somebody who stands still.
struct Sleeper {
    process: usize,
    until: Instant,
    since: jiff::Timestamp,
}

/// Breaks things.
pub(super) struct Breaker<'a> {
    stand: &'a mut Stand,
    journal: Journal,
    start: Instant,
    killed: Option<Instant>,
    asleep: Option<Sleeper>,
}

impl<'a> Breaker<'a> {
    pub(super) fn new(stand: &'a mut Stand, journal: Journal) -> Self {
        Self { stand, journal, start: Instant::now(), killed: None, asleep: None }
    }

    /// Ends when every fault was done and everybody is on the topic.
    pub(super) async fn carry_out(&mut self, plan: Vec<(u32, Fault)>, progress: Progress) -> anyhow::Result<()> {
        let mut open = plan.into_iter().peekable();
        loop {
            self.wake_in_time()?;
            self.revive()?;
            let done = progress.per_mille();
            if let Some((_, fault)) = open.next_if(|(at, fault)| *at <= done && self.may_begin(*fault)) {
                let told = self.carry_out_one(fault).await?;
                println!("chaos: {:>5.1}s {:>4.1}% {told}", self.start.elapsed().as_secs_f32(), f64::from(done) / 10.0);
            } else if open.peek().is_none() && self.asleep.is_none() && done >= 1000 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// One process is always awake, and whoever stands still is to wake again.
    fn may_begin(&self, fault: Fault) -> bool {
        match (fault, &self.asleep) {
            (Fault::Kill { process, .. }, Some(sleeper)) => sleeper.process != process,
            (Fault::Zombie(_), Some(_)) => false,
            _ => true,
        }
    }

    async fn carry_out_one(&mut self, fault: Fault) -> anyhow::Result<String> {
        match fault {
            Fault::Kill { process, in_data } => {
                if in_data {
                    self.wait_for_mails().await?;
                }
                let from = now();
                self.stand.processes[process].kill_and_start().await?;
                self.killed = Some(Instant::now());
                self.note(IncidentKind::Kill, PROCESSES[process].name, from)?;
                Ok(format!("kill -9 {}", PROCESSES[process].name))
            }
            Fault::Zombie(process) => self.freeze(process).await,
            Fault::PostgresStop => {
                let from = now();
                self.stand.script("postgres-stop-immediate").await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
                self.stand.script("postgres-start").await?;
                self.note(IncidentKind::PostgresStop, "", from)?;
                Ok("PostgreSQL stopped immediately and started".to_owned())
            }
        }
    }

    /// Stops a process until it has mails in DATA while it stands still; it sleeps on until others have taken them for lost.
    async fn freeze(&mut self, process: usize) -> anyhow::Result<String> {
        let name = PROCESSES[process].name;
        // It sends, and no mail in DATA is one of a sender that was just killed.
        self.stand.wait_ready(&[process], Duration::from_secs(30)).await?;
        if let Some(killed) = self.killed {
            tokio::time::sleep_until(killed + HONEST).await;
        }
        for _ in 0..20 {
            self.wait_for_mails().await?;
            let since = now();
            self.stand.processes[process].signal(Signal::SIGSTOP)?;
            tokio::time::sleep(HONEST).await;
            let inside = self.in_data_since(since).await?;
            let until = Instant::now() + if inside > 0 { LEASE + FOUND } else { Duration::ZERO };
            self.asleep = Some(Sleeper { process, until, since });
            if inside > 0 {
                return Ok(format!("SIGSTOP {name} with {inside} mails in DATA"));
            }
            self.wake_in_time()?;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(format!("SIGSTOP {name}, never with a mail in DATA"))
    }

    /// A moment with mails in DATA, in whichever process; not longer than some seconds.
    async fn wait_for_mails(&self) -> anyhow::Result<()> {
        for _ in 0..50 {
            let sql = "select count(*) from message where state = 2";
            if ask(self.stand.service("NURTURE_DATABASE_URL"), sql).await?.parse::<u32>()? >= 4 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Mails that were marked shortly before this and are still not settled.
    async fn in_data_since(&self, since: jiff::Timestamp) -> anyhow::Result<u32> {
        let sql = format!(
            "select count(*) from message m join chaos_begin b using (message_id) where m.state = 2
                 and b.at between timestamptz '{since}' - interval '{} milliseconds' and '{since}'",
            HONEST.as_millis()
        );
        Ok(ask(self.stand.service("NURTURE_DATABASE_URL"), &sql).await?.parse()?)
    }

    fn wake_in_time(&mut self) -> anyhow::Result<()> {
        let Some(sleeper) = self.asleep.as_ref().filter(|sleeper| sleeper.until <= Instant::now()) else {
            return Ok(());
        };
        let (process, since) = (sleeper.process, sleeper.since);
        self.asleep = None;
        self.stand.processes[process].signal(Signal::SIGCONT)?;
        println!("chaos: {} wakes", PROCESSES[process].name);
        self.note(IncidentKind::Zombie, PROCESSES[process].name, since)
    }

    fn revive(&mut self) -> anyhow::Result<()> {
        let mut ended = Vec::new();
        for (number, process) in self.stand.processes.iter_mut().enumerate() {
            let sleeps = self.asleep.as_ref().is_some_and(|sleeper| sleeper.process == number);
            if !sleeps && process.revive()? {
                ended.push(number);
            }
        }
        ended.into_iter().try_for_each(|number| self.note(IncidentKind::Ended, PROCESSES[number].name, now()))
    }

    fn note(&self, kind: IncidentKind, process: &str, from: jiff::Timestamp) -> anyhow::Result<()> {
        self.journal.append(&Incident { kind, process: process.to_owned(), from, until: now() })
    }
}
