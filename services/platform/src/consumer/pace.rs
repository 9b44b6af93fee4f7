//! When a lane waits a moment for more, and how much of its time bulk topics may have. Pure: the caller says what time it is.

use std::time::{Duration, Instant};

use super::gather::Limit;

/// Above this many events per second a lane waits a moment before it opens a transaction.
const BUSY_PER_SECOND: f64 = 300.0;
/// The moment. Timers of the runtime tick once a millisecond, so it takes one to two.
const MOMENT: Duration = Duration::from_millis(1);
/// So long after a live event bulk topics yield.
const LIVE_MEMORY: Duration = Duration::from_secs(1);
/// The most of a bulk batch beside live events.
const BULK_BESIDE_LIVE: usize = 100;
/// Bulk gets one part in this many of the time.
const BULK_SHARE: u32 = 4;
/// The rate is averaged over about this long.
const WINDOW: f64 = 0.25;

/// What a lane knows about its recent past.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: f64,
    last_batch: Option<Instant>,
    last_was_full: bool,
    last_live: Option<Instant>,
    bulk_from: Option<Instant>,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { rate: 0.0, last_batch: None, last_was_full: false, last_live: None, bulk_from: None }
    }

    /// How long to wait for more before the next batch: nothing while it is quiet or the queues are full anyway.
    pub(crate) fn moment(&self) -> Option<Duration> {
        (self.rate > BUSY_PER_SECOND && !self.last_was_full).then_some(MOMENT)
    }

    /// The last batch was full: there is more than one transaction's worth.
    pub(crate) fn backlog(&self) -> bool {
        self.last_was_full
    }

    /// A batch was taken from the queues.
    pub(crate) fn took(&mut self, events: usize, full: bool, live: bool, now: Instant) {
        let passed = self.last_batch.map_or(WINDOW, |last| now.duration_since(last).as_secs_f64());
        let weight = 1.0 - (-passed / WINDOW).exp();
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        let current = f64::from(events) / passed.max(1e-6);
        self.rate += weight * (current - self.rate);
        self.last_batch = Some(now);
        self.last_was_full = full;
        if live {
            self.last_live = Some(now);
        }
    }

    /// A bulk batch is done after so long.
    pub(crate) fn bulk_took(&mut self, duration: Duration, now: Instant) {
        self.bulk_from = Some(now + duration * (BULK_SHARE - 1));
    }

    /// How large a bulk batch may be now; if none may be, from when.
    pub(crate) fn bulk_limit(&self, limit: Limit, now: Instant) -> Result<Limit, Instant> {
        if self.last_live.is_none_or(|live| now.duration_since(live) > LIVE_MEMORY) {
            return Ok(limit);
        }
        match self.bulk_from {
            Some(from) if from > now => Err(from),
            _ => Ok(Limit { events: limit.events.min(BULK_BESIDE_LIVE), ..limit }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { events: 1000, bytes: 1 << 20 };

    fn after(pace: &mut Pace, batches: usize, events: usize, every: Duration) {
        let mut now = Instant::now();
        for _ in 0..batches {
            now += every;
            pace.took(events, false, true, now);
        }
    }

    #[test]
    fn a_quiet_lane_does_not_wait() {
        let mut pace = Pace::new();
        assert_eq!(pace.moment(), None);
        after(&mut pace, 100, 1, Duration::from_millis(10));
        assert_eq!(pace.moment(), None);
    }

    #[test]
    fn a_busy_lane_waits_unless_more_is_there_anyway() {
        let mut pace = Pace::new();
        after(&mut pace, 1000, 1, Duration::from_millis(1));
        assert_eq!(pace.moment(), Some(MOMENT));
        pace.took(1000, true, true, Instant::now());
        assert_eq!(pace.moment(), None);
    }

    #[test]
    fn bulk_yields_to_live_for_a_second() {
        let mut pace = Pace::new();
        let now = Instant::now();
        assert_eq!(pace.bulk_limit(LIMIT, now).expect("nothing live").events, 1000);
        pace.took(1, false, true, now);
        assert_eq!(pace.bulk_limit(LIMIT, now).expect("a share").events, 100);
        pace.bulk_took(Duration::from_millis(10), now);
        assert_eq!(pace.bulk_limit(LIMIT, now).expect_err("a quarter"), now + Duration::from_millis(30));
        assert!(pace.bulk_limit(LIMIT, now + Duration::from_millis(31)).is_ok());
        let later = now + Duration::from_millis(1100);
        assert_eq!(pace.bulk_limit(LIMIT, later).expect("live is over").events, 1000);
    }
}
