//! How fast records come: decides whether a record goes out at once or waits a moment for company. Pure.

use std::time::Duration;

/// Counts in windows of this length.
const WINDOW: Duration = Duration::from_millis(100);
/// Above this rate company comes by itself within the wait, and half as many requests spare the broker most of its work.
const BUSY_FROM: u64 = 600;
/// Below this rate waiting only delays. Lower than the other, so that a steady rate does not flap.
const QUIET_FROM: u64 = 300;

/// The rate of one producer.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    window_began: Duration,
    records: u64,
    busy: bool,
}

impl Pace {
    /// `records` come at `now` (since any fixed moment, never backwards). True if they may wait for company.
    pub(crate) fn note(&mut self, now: Duration, records: u64) -> bool {
        let passed = now.saturating_sub(self.window_began);
        if passed >= WINDOW {
            let per_second = u128::from(self.records) * 1_000_000 / passed.as_micros().max(1);
            let limit = if self.busy { QUIET_FROM } else { BUSY_FROM };
            self.busy = per_second > u128::from(limit);
            self.window_began = now;
            self.records = 0;
        }
        self.records += records;
        self.busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Busy or not after one second at a steady rate.
    fn after_a_second(pace: &mut Pace, start: Duration, per_second: u32) -> bool {
        let gap = Duration::from_secs(1) / per_second;
        (1..=per_second).fold(false, |_, n| pace.note(start + gap * n, 1))
    }

    #[test]
    fn a_steady_rate_is_busy_or_quiet_and_does_not_flap() {
        let mut pace = Pace::default();
        let second = Duration::from_secs;
        assert!(!after_a_second(&mut pace, second(0), 100));
        assert!(!after_a_second(&mut pace, second(1), 500), "between the limits, from below");
        assert!(after_a_second(&mut pace, second(2), 2000));
        assert!(after_a_second(&mut pace, second(3), 500), "between the limits, from above");
        assert!(!after_a_second(&mut pace, second(4), 100));
    }

    #[test]
    fn the_first_record_after_a_pause_does_not_wait() {
        let mut pace = Pace::default();
        assert!(after_a_second(&mut pace, Duration::ZERO, 5000));
        assert!(!pace.note(Duration::from_secs(10), 1));
    }
}
