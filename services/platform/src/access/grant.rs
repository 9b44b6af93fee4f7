//! What the holder of a key may do.

use super::file::{KeyEntry, Scope};
use crate::error::ApiError;

/// What the holder of one key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Name of the key, for people, logs and the idempotency of commands.
    pub name: String,
    /// The first characters of the key.
    pub prefix: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Sources that it may publish as, never empty.
    pub sources: Vec<String>,
    /// Reps that it may act for; `*` is all.
    pub reps: Vec<String>,
    /// Origins of pages that may use it.
    pub origins: Vec<String>,
    /// Stands in a web page for all to see.
    pub browser: bool,
    pub(super) sha256: [u8; 32],
}

impl Grant {
    pub(super) fn new(entry: &KeyEntry) -> anyhow::Result<Self> {
        let sha256 = crate::identity_key::parse_hex(&entry.sha256)
            .ok_or_else(|| anyhow::anyhow!("key {:?}: sha256 is not 64 hexadecimal digits", entry.name))?;
        let sources = if entry.sources.is_empty() { vec![entry.name.clone()] } else { entry.sources.clone() };
        Ok(Self {
            name: entry.name.clone(),
            prefix: entry.prefix.clone(),
            scopes: entry.scopes.clone(),
            sources,
            reps: entry.reps.clone(),
            origins: entry.origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect(),
            browser: entry.browser,
            sha256,
        })
    }

    /// The scope itself; `admin` does not imply the others.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, reason `SCOPE_MISSING`, naming the scope.
    pub fn require(&self, scope: Scope) -> Result<(), ApiError> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        let message = format!("this key lacks the scope {scope}");
        Err(ApiError::permission_denied("SCOPE_MISSING", message).with_metadata("scope", scope.as_str()))
    }

    /// Whether commands in the name of this rep are allowed.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, reason `SCOPE_MISSING` without `act:rep`, reason `REP_NOT_ALLOWED` for somebody else's rep.
    pub fn may_act_for(&self, rep_id: &str) -> Result<(), ApiError> {
        self.require(Scope::ActForRep)?;
        if self.reps.iter().any(|rep| rep == "*" || rep == rep_id) {
            return Ok(());
        }
        Err(ApiError::permission_denied("REP_NOT_ALLOWED", "this key may not act for this rep"))
    }

    /// The source that events of this key come from, unless it names another of its own.
    #[must_use]
    pub fn source(&self) -> &str {
        self.sources.first().map_or(&self.name, |source| source)
    }

    /// Whether events may name this source.
    #[must_use]
    pub fn may_publish_as(&self, source: &str) -> bool {
        self.sources.iter().any(|own| own == source)
    }

    /// Whether a page of this origin may use the key. A key without origins is used by servers, which send no `Origin`.
    #[must_use]
    pub fn allows_origin(&self, origin: Option<&str>) -> bool {
        match origin {
            None => !self.browser,
            Some(origin) => {
                let origin = origin.trim_end_matches('/').to_ascii_lowercase();
                self.origins.iter().any(|own| own == "*" || *own == origin)
            }
        }
    }
}
