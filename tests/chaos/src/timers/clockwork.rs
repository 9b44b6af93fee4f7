//! Lets the clock of the schema run through its hours, kills processes by the plan, and ends when nobody waits any more and
//! everything was told, or when patience is over: then the oracle says who was forgotten.

use std::time::Duration;

use leadflow_stand::Stand;
use tokio::time::Instant;

use super::deployment::{PROCESSES, database, running_clock};
use super::kills::{self, Journal, Kill, Killed};
use super::timetable::{HOURS, Hour};
use crate::psql::ask;

/// Between two lines about how far it is.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The clock, and what happens by it.
pub(super) struct Clockwork<'a> {
    pub(super) stand: &'a mut Stand,
    pub(super) speed: u32,
    pub(super) journal: Journal,
    pub(super) start: Instant,
    /// After the last due moment of an hour, for what is late.
    pub(super) patience: Duration,
    /// The rest of the plan, by time.
    pub(super) kills: Vec<Kill>,
}

impl Clockwork<'_> {
    /// Until the last lead has stood in the offsets as read.
    pub(super) async fn wait_for_leads(&mut self, leads: u32, patience: Duration) -> anyhow::Result<()> {
        let (began, mut told) = (Instant::now(), Instant::now());
        loop {
            self.nobody_ended()?;
            let read: u64 =
                self.number("select coalesce(sum(applied + duplicate + dead), 0) from kafka_offset").await?;
            if read >= u64::from(leads) {
                let rate = f64::from(leads) / began.elapsed().as_secs_f64();
                println!("chaos: {:>6.1}s {leads} leads are read, {rate:.0}/s", self.seconds());
                return Ok(());
            }
            anyhow::ensure!(began.elapsed() < patience, "{read} of {leads} leads were read after {patience:?}");
            if told.elapsed() >= LINE_EVERY {
                told = Instant::now();
                println!("chaos: {:>6.1}s {read} leads are read", self.seconds());
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// All hours.
    pub(super) async fn run(&mut self) -> anyhow::Result<()> {
        self.kills.reverse();
        let mut before = 0.0;
        for hour in &HOURS {
            ask(database(self.stand), &running_clock(hour.from, self.speed)).await?;
            println!("chaos: {:>6.1}s the clock runs from {}, {} times as fast", self.seconds(), hour.from, self.speed);
            self.run_hour(hour, before).await?;
            before += f64::from(hour.minutes) * 60.0;
        }
        self.stand.wait_ready(&[0, 1], Duration::from_secs(60)).await?;
        self.until_told().await
    }

    async fn run_hour(&mut self, hour: &Hour, before: f64) -> anyhow::Result<()> {
        let (began, mut told) = (Instant::now(), Instant::now());
        let length = f64::from(hour.minutes) * 60.0;
        let overdue = format!("select count(*) from enrollment where wake_at <= timestamptz '{}'", hour.wakes);
        loop {
            let passed = began.elapsed().as_secs_f64() * f64::from(self.speed);
            let due = |kill: &mut Kill| kill.at <= before + passed.min(length);
            if let Some(kill) = self.kills.pop_if(due) {
                self.kill(kill).await?;
            }
            self.nobody_ended()?;
            if told.elapsed() >= LINE_EVERY {
                told = Instant::now();
                println!("chaos: {:>6.1}s {} still wait", self.seconds(), self.waiting().await?);
            }
            if passed >= length {
                let late = self.number(&overdue).await?;
                if late == 0 {
                    println!("chaos: {:>6.1}s nobody of this hour waits any more", self.seconds());
                    return Ok(());
                }
                if passed >= length + self.patience.as_secs_f64() * f64::from(self.speed) {
                    println!("chaos: {:>6.1}s {late} are late by {:?}: given up", self.seconds(), self.patience);
                    return Ok(());
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn kill(&mut self, kill: Kill) -> anyhow::Result<()> {
        let (waiting, process) = (self.waiting().await?, PROCESSES[kill.process].name);
        kills::carry_out(self.stand, kill).await?;
        self.journal.append(&Killed { process: process.to_owned(), waiting })?;
        println!("chaos: {:>6.1}s kill -9 {process}, {waiting} still wait", self.seconds());
        Ok(())
    }

    /// Until every fact has left the outbox.
    async fn until_told(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.number("select count(*) from outbox").await? > 0 {
            self.nobody_ended()?;
            if began.elapsed() >= self.patience {
                println!("chaos: {:>6.1}s the outbox is not empty: given up", self.seconds());
                break;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        println!("chaos: {:>6.1}s everything is told", self.seconds());
        Ok(())
    }

    async fn waiting(&self) -> anyhow::Result<u64> {
        self.number("select count(*) from enrollment where wake_at is not null").await
    }

    async fn number(&self, sql: &str) -> anyhow::Result<u64> {
        Ok(ask(database(self.stand), sql).await?.parse()?)
    }

    /// Nothing but us ends a process in this run.
    fn nobody_ended(&mut self) -> anyhow::Result<()> {
        for process in &mut self.stand.processes {
            anyhow::ensure!(!process.revive()?, "{} ended by itself", process.name());
        }
        Ok(())
    }

    fn seconds(&self) -> f32 {
        self.start.elapsed().as_secs_f32()
    }
}
