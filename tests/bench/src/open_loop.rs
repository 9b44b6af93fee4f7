//! An open loop: every request has its moment, whatever became of the ones before. Whoever of the connections is free takes
//! the next request and waits for its moment; the latency counts from that moment, so a request that had to wait for a free
//! connection, or for a thread, counts its waiting (no coordinated omission). Plain threads, because the timers of an async
//! runtime tick once a millisecond.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;

use crate::http::{Answer, Blocking};

/// Enough for 2,000 requests a second of 30 ms each.
const CONNECTIONS: usize = 64;
/// Before a request is sent again that was answered 503. It counts.
const PAUSE: Duration = Duration::from_millis(100);

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

/// What became of the requests.
pub(crate) struct Sent {
    /// From the moment of a request to its answer 2xx, in microseconds.
    pub(crate) latencies: Histogram<u64>,
    /// Answers 503; those requests were sent again.
    pub(crate) later: usize,
}

/// Sends all of them; those before `from` warm up and are not counted.
///
/// # Errors
/// If one is not accepted.
pub(crate) fn send(authority: &str, shots: &Arc<Vec<Shot>>, start: Instant, from: Duration) -> anyhow::Result<Sent> {
    let counters = Arc::new(Counters::default());
    let mut threads = Vec::new();
    for number in 0..CONNECTIONS {
        let mut connection = Blocking::open(authority)?;
        let (shots, counters) = (Arc::clone(shots), Arc::clone(&counters));
        let work = move || one_connection(&mut connection, &shots, &counters, start, from);
        threads.push(std::thread::Builder::new().name(format!("sender-{number}")).stack_size(256 * 1024).spawn(work)?);
    }
    let mut latencies = histogram()?;
    for thread in threads {
        let of_one = thread.join().ok().context("a sender panicked")??;
        latencies.add(of_one)?;
    }
    Ok(Sent { latencies, later: counters.later.load(Ordering::Relaxed) })
}

/// Shared by the connections.
#[derive(Default)]
struct Counters {
    next: AtomicUsize,
    later: AtomicUsize,
}

fn one_connection(
    connection: &mut Blocking,
    shots: &[Shot],
    counters: &Counters,
    start: Instant,
    from: Duration,
) -> anyhow::Result<Histogram<u64>> {
    let mut latencies = histogram()?;
    while let Some(shot) = shots.get(counters.next.fetch_add(1, Ordering::Relaxed)) {
        let moment = start + shot.at;
        std::thread::sleep(moment.saturating_duration_since(Instant::now()));
        while connection.exchange(&shot.request)? == Answer::Later {
            counters.later.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(PAUSE);
        }
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
