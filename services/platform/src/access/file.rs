//! The keys file: YAML, written by `leadflow key`, read by every role.

use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeysFile {
    /// One entry per key, revoked ones included. Must be there, if only as `[]`: a file that was cut off is not an order to
    /// forget all keys.
    #[garde(dive)]
    pub keys: Vec<KeyEntry>,
}

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Scope {
    /// Send events.
    #[serde(rename = "publish")]
    Publish,
    /// Read what qualification knows, with its reasons.
    #[serde(rename = "read:leads")]
    ReadLeads,
    /// Read the assigned stream, with contact.
    #[serde(rename = "read:assignments")]
    ReadAssignments,
    /// Accept, decline, touch for the reps of this key.
    #[serde(rename = "act:rep")]
    ActForRep,
    /// Rules, reps, pools, erasure.
    #[serde(rename = "admin")]
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 5] =
        [Scope::Publish, Scope::ReadLeads, Scope::ReadAssignments, Scope::ActForRep, Scope::Admin];

    /// "publish", "read:assignments".
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::Publish => "publish",
            Scope::ReadLeads => "read:leads",
            Scope::ReadAssignments => "read:assignments",
            Scope::ActForRep => "act:rep",
            Scope::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = || Scope::ALL.map(Scope::as_str).join(", ");
        let found = Scope::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| format!("unknown scope {text:?}, known: {}", names()))
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One key. The key itself is nowhere: it was shown once, when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// For people; unique among the keys that are not revoked: "website", "crm-sync".
    #[garde(length(min = 1, max = 64))]
    pub name: String,
    /// The first characters of the key ("lf_3fGh8k"), to recognise it by.
    #[garde(custom(is_prefix))]
    pub prefix: String,
    /// SHA-256 of the key's text, 64 hexadecimal digits.
    #[garde(custom(is_sha256))]
    pub sha256: String,
    /// What it may be used for.
    #[garde(length(min = 1))]
    pub scopes: Vec<Scope>,
    /// Sources that it may publish as; the first is the default. Empty: its name is its source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[garde(skip)]
    pub sources: Vec<String>,
    /// Reps that it may act for; `*` is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[garde(skip)]
    pub reps: Vec<String>,
    /// Origins of pages that may use it (`https://www.example.com`); `*` is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[garde(skip)]
    pub origins: Vec<String>,
    /// Stands in a web page for all to see: may only publish, and only from its origins.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[garde(custom(fits_a_browser(self)))]
    pub browser: bool,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    #[schemars(with = "Option<String>")]
    pub created_at: Option<Timestamp>,
    /// From when on it is no longer valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    #[schemars(with = "Option<String>")]
    pub expires_at: Option<Timestamp>,
    /// Since when it is no longer valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    #[schemars(with = "Option<String>")]
    pub revoked_at: Option<Timestamp>,
}

impl KeysFile {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// If it cannot be read or is not valid, with line and field.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!("could not read the keys file {}; `leadflow key create` makes one", path.display())
        })?;
        Ok(Self::parse(path, &text)?)
    }

    /// Checks a text; `path` is what errors call it.
    ///
    /// # Errors
    /// If it is not valid, with line and field.
    pub fn parse(path: &Path, text: &str) -> Result<Self, config::ConfigError> {
        config::from_yaml(path, text)
    }
}

fn is_prefix(prefix: &str, _: &()) -> garde::Result {
    let rest = prefix.strip_prefix(super::text::START).unwrap_or_default();
    if rest.len() == super::text::PREFIX_DIGITS && rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Ok(())
    } else {
        Err(garde::Error::new("expected lf_ and the first six characters of the key"))
    }
}

fn is_sha256(text: &str, _: &()) -> garde::Result {
    if crate::identity_key::parse_hex(text).is_some() {
        Ok(())
    } else {
        Err(garde::Error::new("expected 64 hexadecimal digits"))
    }
}

fn fits_a_browser(entry: &KeyEntry) -> impl FnOnce(&bool, &()) -> garde::Result + '_ {
    move |browser, ()| match browser {
        true if entry.scopes != [Scope::Publish] => {
            Err(garde::Error::new("a browser key is public and may have the scope publish only"))
        }
        true if entry.origins.is_empty() => {
            Err(garde::Error::new("a browser key needs `origins`: the pages that may use it, or \"*\""))
        }
        _ => Ok(()),
    }
}
