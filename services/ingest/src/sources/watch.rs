//! Following the sources file. Polled, as the keys file is, and for the same reason: not every file system tells.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use leadflow_platform::config::from_yaml;
use leadflow_platform::run::Tasks;
use sha2::{Digest as _, Sha256};

use super::compile::Sources;
use super::file::SourcesFile;

const INTERVAL: Duration = Duration::from_secs(2);

/// The sources in effect. Clones share them; reading takes no lock.
#[derive(Clone, Debug)]
pub struct SourcesHandle {
    path: Arc<PathBuf>,
    current: Arc<ArcSwap<Sources>>,
}

impl SourcesHandle {
    /// Reads the file.
    ///
    /// # Errors
    /// If it cannot be read or is not valid; at start that ends the process.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
        let sources = parse(path, &text)?;
        Ok(Self { path: Arc::new(path.to_owned()), current: Arc::new(ArcSwap::from_pointee(sources)) })
    }

    /// What is in effect now.
    #[must_use]
    pub fn current(&self) -> Arc<Sources> {
        self.current.load_full()
    }

    /// Follows the file, effective within three seconds. One that is wrong changes nothing, and it is said once.
    pub fn watch(&self, tasks: &Tasks) {
        let (handle, stop) = (self.clone(), tasks.stop_token());
        tasks.spawn("sources-watch", async move {
            let mut seen = None;
            while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
                handle.follow(&mut seen).await;
            }
            Ok(())
        });
    }

    /// `seen` is the digest of the content that was judged last, good or bad.
    async fn follow(&self, seen: &mut Option<[u8; 32]>) {
        let content = tokio::fs::read(self.path.as_path()).await.unwrap_or_default();
        let digest: [u8; 32] = Sha256::digest(&content).into();
        if *seen == Some(digest) {
            return;
        }
        let first_look = seen.replace(digest).is_none();
        let path = self.path.display();
        match String::from_utf8(content).map_err(anyhow::Error::from).and_then(|text| parse(&self.path, &text)) {
            Ok(sources) => {
                self.current.store(Arc::new(sources));
                if !first_look {
                    tracing::info!("the sources file {path} changed and is in effect");
                }
            }
            Err(error) => {
                tracing::warn!(
                    "the sources file {path} is not usable, the sources of before stay in effect: {error:#}"
                );
            }
        }
    }
}

/// Reads and checks the text of a sources file: for `leadflow check`, too.
///
/// # Errors
/// What is wrong and where.
pub fn parse(path: &Path, text: &str) -> anyhow::Result<Sources> {
    let file: SourcesFile = from_yaml(path, text)?;
    Sources::compile(&file).with_context(|| format!("{} is not valid", path.display()))
}
