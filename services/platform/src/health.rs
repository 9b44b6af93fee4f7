//! Health by what really happens: ready means that every part says so, alive means that every part with work makes progress.
//!
//! `/readyz` lists the parts with their reasons, `/livez` the ones that are stuck; gRPC health follows `/readyz`. A part
//! that is stuck also ends the process: somebody must start it anew, and not everybody has a Kubernetes.

mod parts;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::run::Tasks;
use crate::telemetry::Telemetry;

use parts::Parts;
pub use parts::{Check, Readiness, Status};

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

#[derive(Debug, Default)]
struct Inner {
    parts: Arc<Parts>,
    progress: Mutex<Vec<Arc<Lane>>>,
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

/// The progress of one lane. Dropped, it is no longer watched.
#[derive(Debug)]
pub struct Progress {
    lane: Arc<Lane>,
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
        Self { inner: Arc::default() }
    }

    /// Adds a named part, not ready for now.
    #[must_use]
    pub fn register(&self, name: impl Into<String>) -> Check {
        Check::new(name.into(), Arc::clone(&self.inner.parts))
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
        *self.inner.parts.all_ready.borrow()
    }

    /// Changes of [`Health::is_ready`].
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.inner.parts.all_ready.subscribe()
    }

    /// Every check with its reasons.
    #[must_use]
    pub fn readiness(&self) -> Vec<Readiness> {
        self.inner.parts.readiness()
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
        let checks = self.readiness();
        let status = Status::of(&checks);
        let ready = status != Status::NotReady;
        let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (code, Json(serde_json::json!({ "ready": ready, "status": status, "checks": checks }))).into_response()
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
