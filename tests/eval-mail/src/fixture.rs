//! The list of fixtures that `truth.py` writes, and the bytes of each.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

/// What a mail is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Class {
    Bounce,
    Delay,
    Complaint,
    AutoReply,
    Ordinary,
    Reply,
}

impl Class {
    pub(crate) const ALL: [Self; 6] =
        [Self::Bounce, Self::Delay, Self::Complaint, Self::AutoReply, Self::Ordinary, Self::Reply];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bounce => "bounce",
            Self::Delay => "delay",
            Self::Complaint => "complaint",
            Self::AutoReply => "auto-reply",
            Self::Ordinary => "ordinary mail",
            Self::Reply => "reply text",
        }
    }
}

/// One mail.
#[derive(Debug, Deserialize)]
pub(crate) struct Fixture {
    /// The package.
    pub(crate) corpus: String,
    /// Where it lies; after a `#` which of several in one file.
    pub(crate) file: String,
    pub(crate) class: Class,
    /// Addresses of which one is to be named; none: nobody says.
    pub(crate) recipients: Vec<String>,
    /// The mail itself, if it lies in no file of its own.
    #[serde(default)]
    raw: Option<String>,
    /// Of a reply: its text.
    #[serde(default)]
    text: Option<String>,
    /// Of a reply: the new words.
    #[serde(default)]
    pub(crate) expected: Option<String>,
}

impl Fixture {
    /// The mail as a relay would hand it over.
    pub(crate) fn bytes(&self) -> anyhow::Result<Vec<u8>> {
        if let Some(text) = &self.text {
            let head = "From: Ada <ada@example.test>\nTo: sales@acme.test\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n";
            return Ok(format!("{head}Content-Transfer-Encoding: 8bit\n\n{text}\n").into_bytes());
        }
        if let Some(raw) = &self.raw {
            return Ok(raw.clone().into_bytes());
        }
        std::fs::read(&self.file).with_context(|| format!("could not read {}", self.file))
    }

    /// Its name for people.
    pub(crate) fn name(&self) -> String {
        let path = PathBuf::from(&self.file);
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        format!("{}/{}", self.corpus, name.unwrap_or_default())
    }
}

pub(crate) fn load(manifest: &Path) -> anyhow::Result<Vec<Fixture>> {
    let text = std::fs::read_to_string(manifest).with_context(|| format!("could not read {}", manifest.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no list of fixtures", manifest.display()))
}
