//! Following the sources file and the secret files that it names. Polled, as the keys file is, and for the same reason: not
//! every file system tells.

use std::io;
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

/// What was judged last.
#[derive(Debug, Default)]
struct Judged {
    /// Of the file and the secrets in effect.
    digest: Option<[u8; 32]>,
    /// Why it was not usable: looked at again each time, for a secret file may come later than its hook; said once.
    wrong: Option<String>,
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
            let mut judged = Judged::default();
            while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
                let of = handle.clone();
                // Some small files; a file system that hangs must not hold up the doors.
                let looked = tokio::task::spawn_blocking(move || {
                    of.follow(&mut judged);
                    judged
                });
                judged = looked.await.unwrap_or_default();
            }
            Ok(())
        });
    }

    fn follow(&self, judged: &mut Judged) {
        let content = std::fs::read(self.path.as_path()).unwrap_or_default();
        let digest = self.digest(&content);
        if judged.digest == Some(digest) && judged.wrong.is_none() {
            return;
        }
        let first_look = judged.digest.replace(digest).is_none();
        let path = self.path.display();
        match std::str::from_utf8(&content).map_err(anyhow::Error::from).and_then(|text| parse(&self.path, text)) {
            Ok(sources) => {
                self.current.store(Arc::new(sources));
                // With the secret files that are in effect from now on.
                *judged = Judged { digest: Some(self.digest(&content)), wrong: None };
                if !first_look {
                    tracing::info!("the sources file {path} or a secret of it changed and is in effect");
                }
            }
            Err(error) => {
                let wrong = format!("{error:#}");
                if judged.wrong.as_ref() != Some(&wrong) {
                    tracing::warn!(
                        "the sources file {path} is not usable, the sources of before stay in effect: {wrong}"
                    );
                }
                judged.wrong = Some(wrong);
            }
        }
    }

    fn digest(&self, content: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update((content.len() as u64).to_be_bytes());
        hash.update(content);
        for file in self.current().secret_files() {
            let secret = secret_of(&self.path, file).unwrap_or_default();
            hash.update((secret.len() as u64).to_be_bytes());
            hash.update(secret);
        }
        hash.finalize().into()
    }
}

/// Reads and checks the text of a sources file and the secrets that it names: for `leadflow check`, too.
///
/// # Errors
/// What is wrong and where.
pub fn parse(path: &Path, text: &str) -> anyhow::Result<Sources> {
    let file: SourcesFile = from_yaml(path, text)?;
    let secret = |secret_file: &Path| secret_of(path, secret_file);
    Sources::compile(&file, secret).with_context(|| format!("{} is not valid", path.display()))
}

/// A relative path begins at the folder of the sources file.
fn secret_of(sources_file: &Path, secret_file: &Path) -> io::Result<String> {
    let folder = sources_file.parent().unwrap_or(Path::new("."));
    std::fs::read_to_string(folder.join(secret_file))
}
