//! Following the keys file. Polled rather than watched by notifications: Kubernetes swaps a link two folders up, network
//! file systems send none, and a small file every two seconds costs nothing.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{Access, Keys, KeysFile};
use crate::run::Tasks;

/// Well below the ten seconds in which a revoked key must be dead.
const INTERVAL: Duration = Duration::from_secs(2);

impl Access {
    /// Starts to follow the file. A file that is missing or not valid changes nothing: the keys of before stay, and it is
    /// said once.
    pub fn watch(&self, tasks: &Tasks) {
        self.watch_every(tasks, INTERVAL);
    }

    /// As [`Access::watch`], at another pace.
    pub fn watch_every(&self, tasks: &Tasks, interval: Duration) {
        let access = self.clone();
        let stop = tasks.stop_token();
        tasks.spawn("access-watch", async move {
            let mut seen = None;
            while stop.run_until_cancelled(tokio::time::sleep(interval)).await.is_some() {
                access.follow(&mut seen).await;
            }
            Ok(())
        });
    }

    /// `seen` is the digest of the content that was judged last, good or bad.
    async fn follow(&self, seen: &mut Option<Result<[u8; 32], std::io::ErrorKind>>) {
        let content = tokio::fs::read(self.path.as_path()).await;
        let digest = match &content {
            Ok(bytes) => Ok(Sha256::digest(bytes).into()),
            Err(error) => Err(error.kind()),
        };
        if *seen == Some(digest) {
            return;
        }
        let first_look = seen.is_none();
        *seen = Some(digest);
        let read = || -> anyhow::Result<Keys> {
            let text = String::from_utf8(content?)?;
            Keys::new(&KeysFile::parse(&self.path, &text)?)
        };
        match read() {
            Ok(keys) => {
                let count: usize = keys.by_prefix.values().map(Vec::len).sum();
                self.replace(keys);
                if !first_look {
                    tracing::info!(keys = count, "keys file changed, {count} keys are in effect");
                }
            }
            Err(error) => {
                let path = self.path.display();
                tracing::warn!("the keys file {path} is not usable, the keys of before stay in effect: {error:#}");
            }
        }
    }
}
