//! Who may do what: API keys from one watched file, for all roles. A key is known only by its SHA-256; revoking one is
//! effective within ten seconds on every role.
//!
//! Which object a key may touch is asked here ([`Grant`]); whether the caller asks is the service's business.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use http::HeaderMap;
use jiff::Timestamp;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::error::ApiError;
use crate::telemetry::metrics;

mod edit;
mod file;
mod grant;
mod presented;
mod text;
mod watch;

pub use edit::{EditError, NewKey, create, list, revoke};
pub use file::{KeyEntry, KeysFile, Scope};
pub use grant::Grant;
pub use presented::{basic_user, bearer, presented_key};
pub use text::{KeyText, KeyTextError, key_look_alikes};

/// The keys of this deployment. Clones share them.
#[derive(Clone, Debug)]
pub struct Access {
    path: Arc<PathBuf>,
    keys: Arc<RwLock<Arc<Keys>>>,
    refused: Counter<u64>,
}

/// The keys of one version of the file, by their prefix: the prefix is no secret, the rest is compared in constant time.
#[derive(Debug, Default)]
struct Keys {
    by_prefix: HashMap<String, Vec<Key>>,
}

#[derive(Debug)]
struct Key {
    entry: KeyEntry,
    grant: Arc<Grant>,
}

impl Access {
    /// Reads the keys file.
    ///
    /// # Errors
    /// If it cannot be read or is not valid; at start that ends the process.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let keys = Keys::new(&KeysFile::read(path)?)?;
        let keys = Arc::new(RwLock::new(Arc::new(keys)));
        Ok(Self { path: Arc::new(path.to_owned()), keys, refused: metrics::ACCESS_REFUSED.counter() })
    }

    /// The grant of a key, if it is known, not expired and not revoked at `now`.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` with reason `API_KEY_INVALID`, `API_KEY_EXPIRED` or `API_KEY_REVOKED`; the last two only to who
    /// holds the very key.
    pub fn authenticate(&self, presented: &str, now: Timestamp) -> Result<Arc<Grant>, ApiError> {
        self.look_up(presented, now).inspect_err(|error| self.count(error))
    }

    fn look_up(&self, presented: &str, now: Timestamp) -> Result<Arc<Grant>, ApiError> {
        let invalid = || ApiError::unauthenticated("API_KEY_INVALID", "this key is not known");
        // A guess or a typing error fails here, before anything is looked up or hashed over.
        let text = KeyText::parse(presented).map_err(|_| invalid())?;
        let digest: [u8; 32] = Sha256::digest(text.as_str()).into();
        let keys = self.current();
        let candidates = keys.by_prefix.get(text.prefix()).map(Vec::as_slice).unwrap_or_default();
        let mut found = None;
        for key in candidates {
            if bool::from(key.grant.sha256.ct_eq(&digest)) {
                found = Some(key);
            }
        }
        found.ok_or_else(invalid)?.valid_at(now)
    }

    /// The grant of the request's key: `Authorization: Bearer lf_...`, or Basic with the key as user and no password.
    ///
    /// # Errors
    /// As [`Access::authenticate`]; reason `API_KEY_MISSING` without a key.
    pub fn from_headers(&self, headers: &HeaderMap, now: Timestamp) -> Result<Arc<Grant>, ApiError> {
        self.from_authorization(headers.get(http::header::AUTHORIZATION).map(presented::text), now)
    }

    /// The grant of the key in an `Authorization` header or metadata entry.
    ///
    /// # Errors
    /// As [`Access::from_headers`].
    pub fn from_authorization(&self, value: Option<&str>, now: Timestamp) -> Result<Arc<Grant>, ApiError> {
        let missing = || ApiError::unauthenticated("API_KEY_MISSING", "send a key: `Authorization: Bearer lf_...`");
        let key = presented_key(value).and_then(|key| key.ok_or_else(missing));
        self.authenticate(&key.inspect_err(|error| self.count(error))?, now)
    }

    /// For streams that outlive the look at their key: the same key as it stands now. Ask at least every ten seconds.
    ///
    /// # Errors
    /// If the key was revoked, has expired or is gone from the file.
    pub fn recheck(&self, grant: &Grant, now: Timestamp) -> Result<Arc<Grant>, ApiError> {
        let keys = self.current();
        let same_prefix = keys.by_prefix.get(&grant.prefix).map(Vec::as_slice).unwrap_or_default();
        let found = same_prefix.iter().find(|key| key.grant.sha256 == grant.sha256);
        found.ok_or_else(|| ApiError::unauthenticated("API_KEY_REVOKED", "this key was removed"))?.valid_at(now)
    }

    /// What every key may do that is valid at `now`, in no order.
    #[must_use]
    pub fn grants(&self, now: Timestamp) -> Vec<Arc<Grant>> {
        let keys = self.current();
        keys.by_prefix.values().flatten().filter_map(|key| key.valid_at(now).ok()).collect()
    }

    fn count(&self, error: &ApiError) {
        self.refused.add(1, &[KeyValue::new("reason", error.reason)]);
    }

    fn current(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }
}

impl Keys {
    fn new(file: &KeysFile) -> anyhow::Result<Self> {
        let mut by_prefix: HashMap<String, Vec<Key>> = HashMap::new();
        let mut names = BTreeMap::new();
        for entry in &file.keys {
            // The name is the caller of its commands: two callers of one name would share idempotency keys.
            if entry.revoked_at.is_none()
                && let Some(other) = names.insert(entry.name.as_str(), &entry.prefix)
            {
                anyhow::bail!("two keys are named {:?}: {other} and {}", entry.name, entry.prefix);
            }
            let key = Key { entry: entry.clone(), grant: Arc::new(Grant::new(entry)?) };
            by_prefix.entry(entry.prefix.clone()).or_default().push(key);
        }
        Ok(Self { by_prefix })
    }
}

impl Key {
    fn valid_at(&self, now: Timestamp) -> Result<Arc<Grant>, ApiError> {
        if self.entry.revoked_at.is_some_and(|at| at <= now) {
            return Err(ApiError::unauthenticated("API_KEY_REVOKED", "this key was revoked"));
        }
        if self.entry.expires_at.is_some_and(|at| at <= now) {
            return Err(ApiError::unauthenticated("API_KEY_EXPIRED", "this key has expired"));
        }
        Ok(Arc::clone(&self.grant))
    }
}
