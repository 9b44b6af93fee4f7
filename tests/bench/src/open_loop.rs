//! An open loop: every request has its moment, whatever became of the ones before. Whoever of the connections is free takes
//! the next request and waits for its moment; the latency counts from that moment, so a request that had to wait for a free
//! connection, or for a thread, counts its waiting (no coordinated omission). Plain threads, because the timers of an async
//! runtime tick once a millisecond.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;

use crate::http::Blocking;

/// Enough for 2,000 requests a second of 30 ms each.
const CONNECTIONS: usize = 64;

/// One request and its moment, counted from the start.
pub(crate) struct Shot {
    /// When it is meant to be sent.
    pub(crate) at: Duration,
    /// As it goes over the wire.
    pub(crate) request: Vec<u8>,
}

/// An empty histogram of microseconds, up to ten minutes, with three digits.
///
/// # Errors
/// Never, with these bounds.
pub(crate) fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 600_000_000, 3)?)
}

/// Sends all of them and returns the latencies up to the answer, in microseconds, of those that come at or after `from`.
///
/// # Errors
/// If one is not accepted.
pub(crate) fn send(
    authority: &str,
    shots: &Arc<Vec<Shot>>,
    start: Instant,
    from: Duration,
) -> anyhow::Result<Histogram<u64>> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut threads = Vec::new();
    for number in 0..CONNECTIONS {
        let mut connection = Blocking::open(authority)?;
        let (shots, next) = (Arc::clone(shots), Arc::clone(&next));
        let work = move || one_connection(&mut connection, &shots, &next, start, from);
        threads.push(std::thread::Builder::new().name(format!("sender-{number}")).stack_size(256 * 1024).spawn(work)?);
    }
    let mut all = histogram()?;
    for thread in threads {
        let latencies = thread.join().ok().context("a sender panicked")??;
        all.add(latencies)?;
    }
    Ok(all)
}

fn one_connection(
    connection: &mut Blocking,
    shots: &[Shot],
    next: &AtomicUsize,
    start: Instant,
    from: Duration,
) -> anyhow::Result<Histogram<u64>> {
    let mut latencies = histogram()?;
    while let Some(shot) = shots.get(next.fetch_add(1, Ordering::Relaxed)) {
        let moment = start + shot.at;
        std::thread::sleep(moment.saturating_duration_since(Instant::now()));
        connection.exchange(&shot.request)?;
        if shot.at >= from {
            latencies.saturating_record(micros(moment.elapsed()));
        }
    }
    Ok(latencies)
}

/// Whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
