//! For tests against real parts: a database of a test's own, topics of a test's own, a clock that can be moved, a collector of what is exported. Behind the
//! feature `testing`; nothing of it is in a release.
//!
//! Both servers are found through the environment: `LEADFLOW_TEST_DATABASE_ADMIN_URL` (a superuser, because databases and
//! roles are made) and `LEADFLOW_TEST_KAFKA` (bootstrap servers). Switches that turn a mechanism off hang on the
//! `Database` of the test (`Database::switches`), so tests in one process do not disturb each other.

pub mod clock;
mod collector;
mod database;
mod kafka;

pub use collector::Collector;
pub use database::TestDatabase;
pub use kafka::TestKafka;

/// The value of an environment variable that the tests need.
fn required(variable: &str) -> String {
    match std::env::var(variable) {
        Ok(value) if !value.is_empty() => value,
        _ => panic!(
            "{variable} is not set: run `make test`, or `eval $(deploy/local/services.sh start .local/test)` before a single \
             test"
        ),
    }
}

/// A short name that no other test, process or run uses.
fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:x}_{}_{number}", crate::clock::wall_now().as_millisecond(), std::process::id())
}

/// Runs async clean-up from a `Drop`, in a thread and runtime of its own, and waits for it.
fn clean_up<F: Future<Output = anyhow::Result<()>>>(what: &str, work: impl FnOnce() -> F + Send) {
    let outcome = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async { tokio::time::timeout(std::time::Duration::from_secs(30), work()).await })?
            })
            .join()
    });
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("{what} was not cleaned up: {error:#}"),
        Err(_) => eprintln!("{what} was not cleaned up: panic"),
    }
}
