//! Editing the keys file, for the command line: whole file, atomically by rename, one editor at a time. Readers see the old
//! file or the new one, never half of one.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::Timestamp;

use super::Keys;
use super::file::{KeyEntry, KeysFile, Scope};
use super::text::KeyText;

const HEAD: &str =
    "# API keys of this deployment, as SHA-256. Written by `leadflow key create|revoke`; roles follow within 10 s.\n";

/// What a new key shall be.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// For people, unique.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Sources that it may publish as.
    pub sources: Vec<String>,
    /// Reps that it may act for; `*` is all.
    pub reps: Vec<String>,
    /// Origins of pages that may use it.
    pub origins: Vec<String>,
    /// Stands in a web page.
    pub browser: bool,
    /// From when on it is no longer valid.
    pub expires_at: Option<Timestamp>,
}

/// Why an edit was not made.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// There is a key of this name that is not revoked.
    #[error("there is a key named {0:?} already; revoke it first or take another name")]
    NameTaken(String),
    /// No key has this name or prefix.
    #[error("no key has the name or prefix {0:?}; `leadflow key list` shows them")]
    NoSuchKey(String),
    /// It was revoked before.
    #[error("the key {0:?} was revoked already")]
    AlreadyRevoked(String),
    /// The file, or what would be written to it.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// Makes a key and adds it to the file, which is made if it is missing. The text is returned once and kept nowhere.
///
/// # Errors
/// [`EditError`].
pub fn create(path: &Path, new: NewKey, now: Timestamp) -> Result<(KeyText, KeyEntry), EditError> {
    let text = KeyText::generate();
    let entry = KeyEntry {
        name: new.name,
        prefix: text.prefix().to_owned(),
        sha256: text.sha256_hex(),
        scopes: new.scopes,
        sources: new.sources,
        reps: new.reps,
        origins: new.origins,
        browser: new.browser,
        created_at: Some(now),
        expires_at: new.expires_at,
        revoked_at: None,
    };
    edit(path, |file| {
        if file.keys.iter().any(|key| key.name == entry.name && key.revoked_at.is_none()) {
            return Err(EditError::NameTaken(entry.name.clone()));
        }
        file.keys.push(entry.clone());
        Ok(())
    })?;
    Ok((text, entry))
}

/// Every key of the file, revoked ones included.
///
/// # Errors
/// If the file cannot be read or is not valid.
pub fn list(path: &Path) -> Result<Vec<KeyEntry>, EditError> {
    Ok(KeysFile::read(path)?.keys)
}

/// Revokes the key with this name or prefix from `now` on. Its entry stays, its name is free for a successor.
///
/// # Errors
/// [`EditError`].
pub fn revoke(path: &Path, name_or_prefix: &str, now: Timestamp) -> Result<KeyEntry, EditError> {
    edit(path, |file| {
        let named = |key: &&mut KeyEntry| key.name == name_or_prefix || key.prefix == name_or_prefix;
        let found = file.keys.iter_mut().filter(named).max_by_key(|key| key.revoked_at.is_none());
        let Some(key) = found else { return Err(EditError::NoSuchKey(name_or_prefix.to_owned())) };
        if key.revoked_at.is_some() {
            return Err(EditError::AlreadyRevoked(key.name.clone()));
        }
        key.revoked_at = Some(now);
        Ok(key.clone())
    })
}

/// Reads, changes, checks, writes; under a lock beside the file, so that no edit is lost.
fn edit<R>(path: &Path, change: impl FnOnce(&mut KeysFile) -> Result<R, EditError>) -> Result<R, EditError> {
    // A link (a secret mounted elsewhere) is followed: a rename would replace the link itself.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let _lock = lock(&path)?;
    let mut file = if path.exists() { KeysFile::read(&path)? } else { KeysFile::default() };
    let result = change(&mut file)?;
    let body = serde_saphyr::to_string(&file).context("could not write the keys as YAML")?;
    let text = format!("{HEAD}{body}");
    // What is written must be readable: a file that roles would refuse is worse than an edit that fails.
    let checked = KeysFile::parse(&path, &text).map_err(anyhow::Error::from)?;
    Keys::new(&checked)?;
    replace(&path, &text).with_context(|| format!("could not write {}", path.display()))?;
    Ok(result)
}

fn lock(path: &Path) -> Result<File, EditError> {
    let lock_path = beside(path, ".lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock_path);
    let file = file.with_context(|| format!("could not open {}", lock_path.display()))?;
    file.lock().with_context(|| format!("could not lock {}", lock_path.display()))?;
    Ok(file)
}

fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let temporary = beside(path, ".new");
    // Left behind by an editor that was killed; the lock says that nobody uses it now.
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    // The rename itself is in the folder.
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}
