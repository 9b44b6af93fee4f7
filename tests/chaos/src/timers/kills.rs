//! The kills: drawn from the seed, ordered by the time of the schema's clock, and written down when they are done. Half of
//! them come at any moment, the others while the process has a transaction open that has written something.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use leadflow_stand::Stand;
use nix::sys::signal::Signal;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::deployment::{PROCESSES, database};
use super::timetable::HOURS;
use crate::psql::ask;

/// File of [`Killed`] in the folder of a run.
pub(super) const KILLS: &str = "kills.jsonl";
/// Not in the first and the last seconds of the clock, when nothing is due yet or any more.
const EDGE: f64 = 120.0;
/// Looks for an open transaction in the process that is to be killed.
const LOOKS: usize = 20;
/// A session that has been idle in its transaction for so long is the one of a process that stands still.
const STILL: Duration = Duration::from_millis(100);
/// Ends when somebody has written in a transaction that is open, or after three seconds.
const WAIT_FOR_WORK: &str = "do $do$ begin for look in 1..600 loop
        perform pg_stat_clear_snapshot();
        exit when exists (select from pg_stat_activity
            where application_name = 'nurture' and backend_xid is not null);
        perform pg_sleep(0.005);
    end loop; end $do$";

/// A kill to come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Kill {
    /// Seconds that the clock has run, over all hours.
    pub(super) at: f64,
    /// Index into [`PROCESSES`].
    pub(super) process: usize,
    /// While it has a transaction open.
    pub(super) in_transaction: bool,
}

/// kill -9 of a process, which was started again at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Killed {
    pub(super) process: String,
    /// So many had still to wait: none, and nothing was tried.
    pub(super) waiting: u64,
}

/// In the order of the clock. The same arguments draw the same plan.
pub(super) fn draw(seed: u64, kills: u32) -> Vec<Kill> {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x00c1_0c4b);
    let all: f64 = HOURS.iter().map(|hour| f64::from(hour.minutes) * 60.0).sum();
    let mut plan: Vec<Kill> = (0..kills)
        .map(|number| Kill {
            at: random.random_range(EDGE..all - EDGE),
            process: random.random_range(0..PROCESSES.len()),
            in_transaction: number % 2 == 0,
        })
        .collect();
    plan.sort_by(|a, b| a.at.total_cmp(&b.at));
    plan
}

/// kill -9, then start. The log of PostgreSQL says whose transaction was cut.
pub(super) async fn carry_out(stand: &mut Stand, kill: Kill) -> anyhow::Result<()> {
    if kill.in_transaction {
        stop_in_transaction(stand, kill.process).await?;
    }
    stand.processes[kill.process].kill_and_start().await
}

/// Leaves the process stopped in the middle of a transaction, if it came by one.
async fn stop_in_transaction(stand: &Stand, process: usize) -> anyhow::Result<()> {
    let still = format!(
        "select count(*) from pg_stat_activity where application_name = 'nurture' and backend_xid is not null
             and state = 'idle in transaction' and clock_timestamp() - state_change > interval '{} milliseconds'",
        STILL.as_millis()
    );
    for _ in 0..LOOKS {
        ask(database(stand), WAIT_FOR_WORK).await?;
        stand.processes[process].signal(Signal::SIGSTOP)?;
        tokio::time::sleep(STILL + STILL / 2).await;
        if ask(database(stand), &still).await? != "0" {
            break;
        }
        // It was the work of the other one.
        stand.processes[process].signal(Signal::SIGCONT)?;
    }
    Ok(())
}

/// Writes them down.
pub(super) struct Journal(File);

impl Journal {
    pub(super) fn create(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(KILLS);
        Ok(Self(File::create(&path).with_context(|| format!("cannot write {}", path.display()))?))
    }

    pub(super) fn append(&mut self, killed: &Killed) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(killed)?;
        line.push(b'\n');
        Ok(self.0.write_all(&line)?)
    }
}
