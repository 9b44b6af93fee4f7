//! The parts of a process and what each says of itself: ready, ready but degraded, or not ready.
//!
//! Not ready means: send nobody here. Degraded means: come, but a human should know. A role whose broker is away still
//! answers what its database knows, and a door says when to come again; taking them off the network would help nobody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::watch;

/// What is wrong at this moment although the part is ready; none while nothing is.
type Doubt = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// All parts of a process.
pub(super) struct Parts {
    by_name: Mutex<BTreeMap<String, Part>>,
    pub(super) all_ready: watch::Sender<bool>,
}

#[derive(Default)]
struct Part {
    not_ready: Option<String>,
    doubts: Vec<Doubt>,
}

/// One named part that must be ready. Not ready until it says so.
#[derive(Clone)]
pub struct Check {
    name: String,
    parts: Arc<Parts>,
}

/// One line of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Name of the check.
    pub name: String,
    /// Whether it is ready.
    pub ready: bool,
    /// Why it is not, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is wrong although it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
}

/// The word over all parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All is well.
    Ready,
    /// Everything can be asked, but something is wrong.
    Degraded,
    /// A part is not ready, or none has said that it is.
    NotReady,
}

impl Status {
    /// Over these parts.
    #[must_use]
    pub fn of(parts: &[Readiness]) -> Self {
        if parts.is_empty() || parts.iter().any(|part| !part.ready) {
            Self::NotReady
        } else if parts.iter().any(|part| part.degraded.is_some()) {
            Self::Degraded
        } else {
            Self::Ready
        }
    }
}

impl Check {
    pub(super) fn new(name: String, parts: Arc<Parts>) -> Self {
        let check = Self { name, parts };
        check.not_ready("starting");
        check
    }

    /// This part is ready.
    pub fn ready(&self) {
        self.parts.set(&self.name, None);
    }

    /// This part is not ready; `reason` says why and what to do, for a person who reads `/readyz`.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.parts.set(&self.name, Some(reason.into()));
    }

    /// This part is degraded whenever `doubt` says something, also if it is ready. Asked with each look at `/readyz`: it must
    /// not block.
    pub fn degraded_while(&self, doubt: impl Fn() -> Option<String> + Send + Sync + 'static) {
        self.parts.locked().entry(self.name.clone()).or_default().doubts.push(Arc::new(doubt));
    }
}

impl Default for Parts {
    fn default() -> Self {
        Self { by_name: Mutex::default(), all_ready: watch::Sender::new(false) }
    }
}

impl Parts {
    /// Each part with what it says.
    pub(super) fn readiness(&self) -> Vec<Readiness> {
        let parts: Vec<(String, Option<String>, Vec<Doubt>)> = {
            let parts = self.locked();
            parts.iter().map(|(name, part)| (name.clone(), part.not_ready.clone(), part.doubts.clone())).collect()
        };
        // Without the lock: whoever is asked has locks of its own.
        let line = |(name, reason, doubts): (String, Option<String>, Vec<Doubt>)| {
            let said: Vec<String> = doubts.iter().filter_map(|doubt| doubt()).collect();
            let degraded = (!said.is_empty()).then(|| said.join("; "));
            Readiness { name, ready: reason.is_none(), reason, degraded }
        };
        parts.into_iter().map(line).collect()
    }

    fn set(&self, name: &str, reason: Option<String>) {
        let mut parts = self.locked();
        let is_new = !parts.contains_key(name);
        let part = parts.entry(name.to_owned()).or_default();
        let before = std::mem::replace(&mut part.not_ready, reason.clone());
        // The first reason is always "starting" and nobody needs to read it.
        let was_starting = before.as_deref() == Some("starting");
        match &reason {
            None if before.is_some() => tracing::info!(check = name, "{name} is ready"),
            Some(reason) if !is_new && (before.is_none() || was_starting) => {
                tracing::info!(check = name, "{name} is not ready: {reason}");
            }
            // Still not ready, in other words: `/readyz` has them.
            Some(_) | None => {}
        }
        let all = parts.values().all(|part| part.not_ready.is_none());
        self.all_ready.send_if_modified(|ready| std::mem::replace(ready, all) != all);
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, Part>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<String> = self.locked().keys().cloned().collect();
        formatter.debug_struct("Parts").field("names", &names).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Check {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Check").field(&self.name).finish()
    }
}
