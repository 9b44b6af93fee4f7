//! Health by what really happens: ready means that every part says so, alive means that every part with work makes progress.
//!
//! `/readyz` lists the parts with their reasons, `/livez` the ones that are stuck; gRPC health follows `/readyz`. A part
//! that is stuck also ends the process: somebody must start it anew, and not everybody has a Kubernetes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::run::Tasks;
use crate::telemetry::Telemetry;

/// A part with work and no beat for this long is stuck.
pub const STUCK_AFTER: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A whole process that was frozen and goes on has only old beats: its lanes get these seconds to make new ones.
const LOOKS: u32 = 5;

/// The health of a process. Clones share it.
#[derive(Clone, Debug)]
pub struct Health {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    checks: Mutex<BTreeMap<String, Option<String>>>,
    progress: Mutex<Vec<Arc<Lane>>>,
    ready: watch::Sender<bool>,
}

#[derive(Debug)]
struct Lane {
    name: String,
    within: Duration,
    state: Mutex<LaneState>,
}

#[derive(Debug)]
struct LaneState {
    busy: bool,
    beat: Instant,
    gone: bool,
}

/// One named part that must be ready. Not ready until it says so.
#[derive(Clone, Debug)]
pub struct Check {
    name: String,
    inner: Arc<Inner>,
}

/// The progress of one lane. Dropped, it is no longer watched.
#[derive(Debug)]
pub struct Progress {
    lane: Arc<Lane>,
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
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl Health {
    /// No checks yet: not ready before the first one is.
    #[must_use]
    pub fn new() -> Self {
        let inner = Inner { checks: Mutex::default(), progress: Mutex::default(), ready: watch::Sender::new(false) };
        Self { inner: Arc::new(inner) }
    }

    /// Adds a named part, not ready for now.
    #[must_use]
    pub fn register(&self, name: impl Into<String>) -> Check {
        let check = Check { name: name.into(), inner: Arc::clone(&self.inner) };
        check.not_ready("starting");
        check
    }

    /// Watches a lane: while busy it must beat at least every `within` ([`STUCK_AFTER`]).
    #[must_use]
    pub fn progress(&self, name: impl Into<String>, within: Duration) -> Progress {
        let state = LaneState { busy: false, beat: Instant::now(), gone: false };
        let lane = Arc::new(Lane { name: name.into(), within, state: Mutex::new(state) });
        let mut lanes = locked(&self.inner.progress);
        lanes.retain(|lane| !locked(&lane.state).gone);
        lanes.push(Arc::clone(&lane));
        Progress { lane }
    }

    /// True if there are checks and all are ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        *self.inner.ready.borrow()
    }

    /// Changes of [`Health::is_ready`].
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.inner.ready.subscribe()
    }

    /// Every check with its reason.
    #[must_use]
    pub fn readiness(&self) -> Vec<Readiness> {
        let checks = locked(&self.inner.checks);
        let line = |(name, reason): (&String, &Option<String>)| Readiness {
            name: name.clone(),
            ready: reason.is_none(),
            reason: reason.clone(),
        };
        checks.iter().map(line).collect()
    }

    /// Lanes that have work.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn busy(&self) -> Vec<String> {
        let lanes = locked(&self.inner.progress);
        lanes.iter().filter(|lane| locked(&lane.state).busy).map(|lane| lane.name.clone()).collect()
    }

    /// Lanes that have work and did not beat in time, with how long ago they did.
    #[must_use]
    pub fn stuck(&self) -> Vec<(String, Duration)> {
        let lanes = locked(&self.inner.progress);
        let stuck = lanes.iter().filter_map(|lane| {
            let state = locked(&lane.state);
            let silent = state.beat.elapsed();
            (state.busy && !state.gone && silent > lane.within).then(|| (lane.name.clone(), silent))
        });
        stuck.collect()
    }

    /// Starts the watch: a stuck lane fails the task and with it the process; a drain makes the process not ready.
    pub fn watch(&self, tasks: &Tasks) {
        self.watch_every(tasks, LOOK_EVERY);
    }

    /// As [`Health::watch`], at another pace.
    pub fn watch_every(&self, tasks: &Tasks, interval: Duration) {
        let health = self.clone();
        let stop = tasks.stop_token();
        tasks.spawn("health", async move {
            let mut stuck_looks = 0;
            while stop.run_until_cancelled(tokio::time::sleep(interval)).await.is_some() {
                let Some((name, silent)) = health.stuck().into_iter().next() else {
                    stuck_looks = 0;
                    continue;
                };
                stuck_looks += 1;
                if stuck_looks >= LOOKS {
                    anyhow::bail!("{name} has work and made no progress for {} s", silent.as_secs());
                }
            }
            health.register("drain").not_ready("the process is stopping");
            Ok(())
        });
    }

    /// The routes of the ops port: `/livez`, `/readyz`, `/metrics`.
    pub fn router(&self, telemetry: Option<Telemetry>) -> axum::Router {
        let (live, ready) = (self.clone(), self.clone());
        axum::Router::new()
            .route("/livez", get(move || async move { live.answer_live() }))
            .route("/readyz", get(move || async move { ready.answer_ready() }))
            .route("/metrics", get(move || async move { answer_metrics(telemetry.as_ref()) }))
    }

    fn answer_live(&self) -> Response {
        let stuck: Vec<_> = self
            .stuck()
            .into_iter()
            .map(|(name, silent)| serde_json::json!({ "name": name, "silent_seconds": silent.as_secs() }))
            .collect();
        let status = if stuck.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, Json(serde_json::json!({ "alive": stuck.is_empty(), "stuck": stuck }))).into_response()
    }

    fn answer_ready(&self) -> Response {
        let ready = self.is_ready();
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, Json(serde_json::json!({ "ready": ready, "checks": self.readiness() }))).into_response()
    }
}

impl Check {
    /// This part is ready.
    pub fn ready(&self) {
        self.inner.set(&self.name, None);
    }

    /// This part is not ready; `reason` says why and what to do, for a person who reads `/readyz`.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.inner.set(&self.name, Some(reason.into()));
    }
}

impl Inner {
    fn set(&self, name: &str, reason: Option<String>) {
        let mut checks = locked(&self.checks);
        let before = checks.insert(name.to_owned(), reason.clone());
        if before.as_ref() != Some(&reason) {
            match &reason {
                None => tracing::info!(check = name, "{name} is ready"),
                // The first reason is always "starting" and nobody needs to read it.
                Some(reason) if before.is_some() => tracing::info!(check = name, "{name} is not ready: {reason}"),
                Some(_) => {}
            }
        }
        let all = checks.values().all(Option::is_none);
        self.ready.send_if_modified(|ready| std::mem::replace(ready, all) != all);
    }
}

impl Progress {
    /// A unit of work was done.
    pub fn beat(&self) {
        locked(&self.lane.state).beat = Instant::now();
    }

    /// Whether there is work. The clock starts when it changes to true, not each time it is said.
    pub fn busy(&self, busy: bool) {
        let mut state = locked(&self.lane.state);
        if busy && !state.busy {
            state.beat = Instant::now();
        }
        state.busy = busy;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        locked(&self.lane.state).gone = true;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer_metrics(telemetry: Option<&Telemetry>) -> Response {
    let text = telemetry.map(Telemetry::prometheus_text).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
