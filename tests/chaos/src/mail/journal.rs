//! What the driver writes down for the oracle: the faults that it made, and the stops that a door answered. Times are the wall
//! clock of this machine, which is the one of PostgreSQL and of the relay too.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// File of [`Incident`]s in the folder of a run.
pub(super) const INCIDENTS: &str = "incidents.jsonl";
/// File of [`Answered`] stops.
pub(super) const STOPS: &str = "stops.jsonl";

/// What can make a sender lose its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum IncidentKind {
    /// kill -9 of a process.
    Kill,
    /// SIGSTOP until SIGCONT of a process.
    Zombie,
    /// From the immediate stop of PostgreSQL until it answers again.
    PostgresStop,
    /// A process ended by itself: never expected.
    Ended,
}

/// Something that was broken on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Incident {
    pub(super) kind: IncidentKind,
    /// "nurture-a"; empty for PostgreSQL.
    pub(super) process: String,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

/// A stop that was answered with 200.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answered {
    /// Number of the person.
    pub(super) person: u32,
    /// When the request that was answered left.
    pub(super) asked: Timestamp,
    /// When its 200 was here.
    pub(super) at: Timestamp,
}

/// A file of JSON lines with many writers.
#[derive(Clone, Debug)]
pub(super) struct Journal(Arc<Mutex<File>>);

impl Journal {
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(Arc::new(Mutex::new(file))))
    }

    pub(super) fn append(&self, line: &impl Serialize) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(file.write_all(&text)?)
    }
}

#[expect(clippy::disallowed_methods, reason = "the driver stands outside: its wall clock is the one of its witnesses")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}
