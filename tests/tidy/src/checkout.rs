//! The files of the checkout, read once per test. What `.gitignore` names is not part of it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A text file of the checkout.
#[derive(Clone, Debug)]
pub struct File {
    /// Path from the root, with forward slashes.
    pub path: String,
    /// All of it.
    pub text: String,
}

impl File {
    /// A file that exists only in a test of a rule.
    #[must_use]
    pub fn sample(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Whether one of the folders of its path has this name.
    #[must_use]
    pub fn is_in(&self, folder: &str) -> bool {
        self.path.rsplit_once('/').is_some_and(|(folders, _)| folders.split('/').any(|name| name == folder))
    }

    /// Its name without the folders.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// What `.gitignore` names, and git's own folder.
const NOT_OURS: [&str; 5] = ["target", ".local", ".git", "node_modules", "__pycache__"];

/// The root of the checkout.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every text file of the checkout, in order of path.
///
/// # Panics
/// When a folder or file cannot be read.
#[must_use]
pub fn files() -> Vec<File> {
    let mut found = Vec::new();
    visit(&root(), "", &mut found).expect("the checkout can be read");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The Rust files.
#[must_use]
pub fn rust_files() -> Vec<File> {
    let mut files = files();
    files.retain(|file| file.path.ends_with(".rs"));
    files
}

/// One file by its path from the root; `None` if it does not exist or is no text.
#[must_use]
pub fn file(path: &str) -> Option<File> {
    let text = fs::read_to_string(root().join(path)).ok()?;
    Some(File { path: path.to_owned(), text })
}

fn visit(folder: &Path, prefix: &str, found: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            visit(&entry.path(), &format!("{prefix}{name}/"), found)?;
        } else if kind.is_file() {
            // What is not UTF-8 is a picture or the like: no rule speaks of it.
            if let Ok(text) = fs::read_to_string(entry.path()) {
                found.push(File { path: format!("{prefix}{name}"), text });
            }
        }
    }
    Ok(())
}
