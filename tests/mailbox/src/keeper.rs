//! The one writer of a mailbox's folder: a thread that puts messages and log lines on the disk, and only then says so.
//! Whoever waits is told after one sync for all who waited together.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::log::{Entry, LOG_FILE};

/// Most jobs that share a sync.
const BATCH: usize = 64;

/// Sends to the writer; the thread ends when the last clone is gone.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    jobs: Sender<Job>,
}

struct Job {
    entry: Entry,
    bytes: Option<Vec<u8>>,
    done: oneshot::Sender<io::Result<Entry>>,
}

struct Folder {
    path: PathBuf,
    log: File,
    /// Length of its whole lines.
    end: u64,
    /// Messages so far.
    number: u64,
}

impl Keeper {
    /// Opens or makes the folder and starts the thread.
    pub(crate) fn start(path: &Path) -> io::Result<Self> {
        let mut folder = Folder::open(path)?;
        let (jobs, work) = channel();
        std::thread::Builder::new().name("mailbox-keeper".to_owned()).spawn(move || folder.work(&work))?;
        Ok(Self { jobs })
    }

    /// Keeps a message. When this returns, its bytes and its line are on the disk; the entry names its file.
    pub(crate) async fn keep(&self, entry: Entry, bytes: Vec<u8>) -> io::Result<Entry> {
        self.write(entry, Some(bytes)).await
    }

    /// Logs an attempt without a message.
    pub(crate) async fn note(&self, entry: Entry) -> io::Result<Entry> {
        self.write(entry, None).await
    }

    async fn write(&self, entry: Entry, bytes: Option<Vec<u8>>) -> io::Result<Entry> {
        let (done, told) = oneshot::channel();
        let gone = || io::Error::other("the thread that keeps mails has ended");
        self.jobs.send(Job { entry, bytes, done }).map_err(|_| gone())?;
        told.await.map_err(|_| gone())?
    }
}

impl Folder {
    fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        let mut log = OpenOptions::new().read(true).append(true).create(true).open(path.join(LOG_FILE))?;
        // A kill may have torn the last line: nobody was told of it.
        let mut text = Vec::new();
        log.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let end = whole as u64;
        log.set_len(end)?;
        Ok(Self { path: path.to_owned(), log, end, number: highest_number(path)? })
    }

    fn work(&mut self, work: &Receiver<Job>) {
        while let Ok(first) = work.recv() {
            let mut jobs = vec![first];
            while jobs.len() < BATCH
                && let Ok(job) = work.try_recv()
            {
                jobs.push(job);
            }
            let written = self.write(&mut jobs);
            for job in jobs {
                let told = match &written {
                    Ok(()) => Ok(job.entry),
                    Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
                };
                // Whoever waited may have been stopped; the line is true all the same.
                let _ = job.done.send(told);
            }
        }
    }

    /// Messages first, then their lines: a line names only what is there.
    fn write(&mut self, jobs: &mut [Job]) -> io::Result<()> {
        let mut lines = Vec::new();
        for job in jobs.iter_mut() {
            if let Some(bytes) = &job.bytes {
                self.number += 1;
                let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, bytes).simple().to_string();
                let name = format!("{:06}-{}.eml", self.number, &id[..8]);
                let mut file = File::create_new(self.path.join(&name))?;
                file.write_all(bytes)?;
                file.sync_data()?;
                job.entry.file = Some(name);
            }
            serde_json::to_writer(&mut lines, &job.entry)?;
            lines.push(b'\n');
        }
        if jobs.iter().any(|job| job.bytes.is_some()) {
            File::open(&self.path)?.sync_all()?;
        }
        if let Err(error) = self.log.write_all(&lines).and_then(|()| self.log.sync_data()) {
            // Half a line would spoil the next one.
            self.log.set_len(self.end)?;
            return Err(error);
        }
        self.end += lines.len() as u64;
        Ok(())
    }
}

/// Of the messages that are there, from their names.
fn highest_number(path: &Path) -> io::Result<u64> {
    let mut highest = 0;
    for file in std::fs::read_dir(path)? {
        let name = file?.file_name();
        let number = name.to_str().filter(|name| name.ends_with(".eml")).and_then(|name| name.split('-').next());
        highest = highest.max(number.and_then(|number| number.parse().ok()).unwrap_or(0));
    }
    Ok(highest)
}
