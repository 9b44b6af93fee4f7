//! What the doors acknowledged: a file that the traffic writes and the oracle reads. An event stands here only after its
//! 2xx or ACCEPTED.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// One acknowledged event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ack {
    /// The sender's id.
    pub(crate) message_id: String,
    /// Number of the person.
    pub(crate) person: u32,
    /// Whether it raised a hand.
    pub(crate) hand_raise: bool,
    /// "http" or "grpc".
    pub(crate) door: String,
    /// As the door said it (gRPC only).
    pub(crate) event_id: Option<String>,
}

/// Appends from many senders.
#[derive(Clone)]
pub(crate) struct AckLog(Arc<Mutex<BufWriter<File>>>);

impl AckLog {
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(Arc::new(Mutex::new(BufWriter::new(file)))))
    }

    pub(crate) fn append(&self, acks: &[Ack]) -> anyhow::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for ack in acks {
            serde_json::to_writer(&mut *file, ack)?;
            file.write_all(b"\n")?;
        }
        Ok(file.flush()?)
    }
}

/// All of them.
pub(crate) fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> anyhow::Result<Vec<T>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    BufReader::new(file).lines().map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}
