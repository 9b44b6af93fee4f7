//! A closed loop: many kept-alive connections that each send the next request as soon as the last one was answered, and
//! what the server spends on it meanwhile. It measures cost and throughput, never latency.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use futures::future::try_join_all;

use crate::Settings;
use crate::deployment::Deployment;
use crate::http::{Answer, Shared};
use crate::report::number;

const CONNECTIONS: usize = 256;

/// What came of a flood, between warm-up and end.
pub(crate) struct Flooded {
    /// Accepted requests.
    pub(crate) count: u64,
    /// Of them a second.
    pub(crate) per_second: f64,
    /// CPU time of the server process, in microseconds.
    pub(crate) server_micros: f64,
    later: u64,
    shares: String,
}

impl std::fmt::Display for Flooded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (requests, shares) = (number(self.per_second), &self.shares);
        write!(formatter, "{requests} requests/s, {} times 503; of one core: {shares}", self.later)
    }
}

/// Shared by the thread of the connections and the one that looks.
#[derive(Default)]
struct Counters {
    accepted: AtomicU64,
    later: AtomicU64,
    stop: AtomicBool,
}

/// Who is flooded.
pub(crate) struct Server {
    /// As its process is counted.
    pub(crate) name: &'static str,
    /// Host and port.
    pub(crate) authority: String,
}

/// Sends these requests, over and over, for some seconds.
///
/// # Errors
/// If one is refused, or none is answered.
pub(crate) async fn flood(
    deployment: &Deployment,
    settings: &Settings,
    server: &Server,
    requests: Vec<Vec<u8>>,
) -> anyhow::Result<Flooded> {
    let counters = Arc::new(Counters::default());
    let (authority, shared) = (server.authority.clone(), Arc::clone(&counters));
    let senders = std::thread::Builder::new()
        .name("senders".to_owned())
        .spawn(move || all_connections(&authority, &requests, &shared))?;
    tokio::time::sleep(Duration::from_secs(settings.pick(3, 1))).await;
    let (before, first) = (deployment.usage()?, counters.accepted.load(Ordering::Relaxed));
    let later = counters.later.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(settings.pick(12, 2))).await;
    let (after, last) = (deployment.usage()?, counters.accepted.load(Ordering::Relaxed));
    let later = counters.later.load(Ordering::Relaxed) - later;
    counters.stop.store(true, Ordering::Relaxed);
    senders.join().ok().context("the senders panicked")??;
    let (spent, count) = (after.since(&before), last - first);
    anyhow::ensure!(count > 0, "not one request was accepted, {later} were answered 503");
    Ok(Flooded {
        count,
        per_second: count as f64 / spent.wall.as_secs_f64(),
        server_micros: spent.of(server.name).as_secs_f64() * 1e6,
        later,
        shares: spent.shares(),
    })
}

/// All of them on one thread: a thread each would cost more in switches than in requests.
fn all_connections(authority: &str, requests: &[Vec<u8>], counters: &Counters) -> anyhow::Result<()> {
    let next = Cell::new(0);
    let one = |_| async {
        let mut connection = Shared::open(authority).await?;
        while !counters.stop.load(Ordering::Relaxed) {
            let request = &requests[next.get() % requests.len()];
            next.set(next.get() + 1);
            match connection.exchange(request).await? {
                Answer::Accepted => counters.accepted.fetch_add(1, Ordering::Relaxed),
                Answer::Later => counters.later.fetch_add(1, Ordering::Relaxed),
            };
        }
        anyhow::Ok(())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(try_join_all((0..CONNECTIONS).map(one)))?;
    Ok(())
}
