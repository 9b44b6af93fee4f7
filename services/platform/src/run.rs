//! The tasks of a process: each has a name, the first failure stops all, and stopping is a drain with a deadline.
//!
//! Every task of the program is started here (or in the two places that say why not). What a task holds open, it gives
//! back when the stop token is cancelled.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use futures::FutureExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::causes::causes;

/// How long a process may take from the signal to its end.
pub const DRAIN: Duration = Duration::from_secs(20);

/// Named tasks of one process. Clones are handles to the same set.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    stop: CancellationToken,
    tracker: TaskTracker,
    next: AtomicU64,
    running: Mutex<BTreeMap<u64, Running>>,
    first_failure: Mutex<Option<anyhow::Error>>,
}

#[derive(Debug)]
struct Running {
    name: &'static str,
    abort: Option<AbortHandle>,
}

impl Tasks {
    /// No tasks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when the drain begins: tasks finish the unit of work they are in and return.
    #[must_use]
    pub fn stop_token(&self) -> CancellationToken {
        self.inner.stop.clone()
    }

    /// Another handle to the same tasks.
    #[must_use]
    pub fn handle(&self) -> Tasks {
        self.clone()
    }

    /// Starts a task. An error or a panic stops every other task, and [`Tasks::run_until`] returns it with this name.
    /// Returning `Ok` is fine at any time.
    #[expect(clippy::disallowed_methods, reason = "the one place where tasks are started")]
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let id = self.inner.next.fetch_add(1, Ordering::Relaxed);
        self.inner.running().insert(id, Running { name, abort: None });
        let inner = Arc::clone(&self.inner);
        let handle = tokio::spawn(self.inner.tracker.track_future(async move {
            // Held by the future itself, so that an aborted task is taken off the list too.
            let _listed = Listed { inner: Arc::clone(&inner), id };
            match AssertUnwindSafe(task).catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => inner.fail(name, error),
                Err(_) => inner.fail(name, anyhow::anyhow!("panicked (see the log line of the panic)")),
            }
        }));
        if let Some(running) = self.inner.running().get_mut(&id) {
            running.abort = Some(handle.abort_handle());
        }
    }

    /// Records a failure of something that is not a task of this runtime (an operating system thread) and stops all.
    pub fn fail(&self, name: &'static str, error: anyhow::Error) {
        self.inner.fail(name, error);
    }

    /// Runs until SIGTERM or SIGINT, or until a task fails, then drains. A second SIGINT ends the process at once.
    ///
    /// # Errors
    /// The first failure, with the task's name; or the names of the tasks that were still there at the deadline.
    pub async fn run_until_signal(self, drain: Duration) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate()).context("could not listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("could not listen for SIGINT")?;
        let first = async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, "{name} received, finishing the work in flight");
        };
        let stopping = self.stop_token();
        // A listener made when the drain begins hears only what comes after: a person who does not want to wait.
        let second = async move {
            stopping.cancelled().await;
            if let Ok(mut again) = signal(SignalKind::interrupt()) {
                again.recv().await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            result = self.run_until(first, drain) => result,
            () = second => {
                tracing::warn!("SIGINT during the drain, ending at once");
                std::process::exit(130)
            }
        }
    }

    /// Runs until `stop` is ready or a task fails, then drains.
    ///
    /// # Errors
    /// The first failure, with the task's name; or the names of the tasks that were still there at the deadline.
    pub async fn run_until(self, stop: impl Future<Output = ()>, drain: Duration) -> anyhow::Result<()> {
        tokio::select! {
            () = stop => {}
            () = self.inner.stop.cancelled() => {}
        }
        self.inner.stop.cancel();
        self.inner.tracker.close();
        let drained = tokio::time::timeout(drain, self.inner.tracker.wait()).await;
        if drained.is_err() {
            let names = self.inner.abort_all();
            self.inner.fail("drain", anyhow::anyhow!("still running after {drain:?}: {}", names.join(", ")));
        }
        match self.inner.first_failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl Inner {
    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, name: &'static str, error: anyhow::Error) {
        let mut first = self.first_failure.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_none() {
            tracing::error!(task = name, "task {name} failed, everything stops: {}", causes(&error));
            *first = Some(error.context(format!("task {name} failed")));
        } else {
            tracing::warn!(task = name, "task {name} failed too: {}", causes(&error));
        }
        drop(first);
        self.stop.cancel();
    }

    fn abort_all(&self) -> Vec<&'static str> {
        let running = self.running();
        for task in running.values() {
            if let Some(abort) = &task.abort {
                abort.abort();
            }
        }
        let mut names: Vec<_> = running.values().map(|task| task.name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

struct Listed {
    inner: Arc<Inner>,
    id: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.inner.running().remove(&self.id);
    }
}
