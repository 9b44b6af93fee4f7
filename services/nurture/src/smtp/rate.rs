//! At most n mails to one domain within any 60 seconds, evenly spread but for a tenth that may go at once: the generic cell
//! rate algorithm (ITU-T I.371), whose state is one instant for each domain. Time comes from the caller. Pure but for its
//! lock.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(60);
/// Domains that are remembered before those with nothing to remember are looked for.
const MANY: usize = 1024;

/// The rates of all domains.
#[derive(Debug)]
pub(super) struct Rates {
    pace: Option<Pace>,
    domains: Mutex<Domains>,
}

#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Between two mails in the long run.
    interval: Duration,
    /// How much earlier than that one may go.
    tolerance: Duration,
}

#[derive(Debug)]
struct Domains {
    /// When the next mail would be due if all were spread evenly.
    due: HashMap<String, Instant>,
    prune_at: usize,
}

impl Rates {
    /// `None`: no limit.
    pub(super) fn new(per_minute: Option<NonZeroU32>) -> Self {
        let domains = Mutex::new(Domains { due: HashMap::new(), prune_at: MANY });
        Self { pace: per_minute.map(Pace::new), domains }
    }

    /// How long until a mail may go to this domain; `None`: now.
    pub(super) fn wait(&self, domain: &str, now: Instant) -> Option<Duration> {
        let pace = self.pace?;
        let due = self.domains().due.get(&key(domain)).copied();
        pace.wait(due, now)
    }

    /// Takes one mail's place, or says how long there is none.
    pub(super) fn take(&self, domain: &str, now: Instant) -> Result<(), Duration> {
        let Some(pace) = self.pace else { return Ok(()) };
        let mut domains = self.domains();
        let key = key(domain);
        let due = domains.due.get(&key).copied();
        if let Some(wait) = pace.wait(due, now) {
            return Err(wait);
        }
        let due = due.map_or(now, |due| due.max(now)) + pace.interval;
        domains.due.insert(key, due);
        if domains.due.len() >= domains.prune_at {
            domains.due.retain(|_, due| *due > now);
            domains.prune_at = MANY.max(domains.due.len() * 2);
        }
        Ok(())
    }

    fn domains(&self) -> MutexGuard<'_, Domains> {
        self.domains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    /// With a burst of b and an interval of T a window W sees at most b - 1 + ceil(W / T).
    fn new(per_minute: NonZeroU32) -> Self {
        let burst = (per_minute.get() / 10).max(1);
        let spread = u128::from(per_minute.get() - burst + 1);
        let nanos = WINDOW.as_nanos().div_ceil(spread);
        let interval = Duration::from_nanos(u64::try_from(nanos).expect("60 seconds in nanoseconds fit"));
        Self { interval, tolerance: interval * (burst - 1) }
    }

    fn wait(self, due: Option<Instant>, now: Instant) -> Option<Duration> {
        let wait = due?.saturating_duration_since(now).saturating_sub(self.tolerance);
        (!wait.is_zero()).then_some(wait)
    }
}

fn key(domain: &str) -> String {
    domain.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rates(per_minute: u32) -> Rates {
        Rates::new(NonZeroU32::new(per_minute))
    }

    #[test]
    fn domains_do_not_share_and_case_does_not_matter() {
        let (rates, now) = (rates(1), Instant::now());
        assert_eq!(rates.take("example.test", now), Ok(()));
        assert_eq!(rates.take("EXAMPLE.test", now), Err(WINDOW));
        assert_eq!(rates.wait("Example.Test", now + Duration::from_secs(59)), Some(Duration::from_secs(1)));
        assert_eq!(rates.wait("example.test", now + WINDOW), None);
        assert_eq!(rates.wait("other.test", now), None);
        assert_eq!(rates.take("other.test", now), Ok(()));
        let unlimited = Rates::new(None);
        assert!((0..10_000).all(|_| unlimited.take("example.test", now).is_ok()));
    }

    #[test]
    fn a_look_takes_nothing_and_what_is_over_is_forgotten() {
        let (rates, now) = (rates(60), Instant::now());
        assert!((0..1000).all(|_| rates.wait("example.test", now).is_none()));
        for number in 0..10_000_u32 {
            let later = now + Duration::from_secs(u64::from(number) * 60);
            rates.take(&format!("d{number}.test"), later).unwrap();
        }
        assert!(rates.domains().due.len() <= MANY);
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate_in_any_window(per_minute in 1_u32..100, gaps in prop::collection::vec(0_u64..4000, 1..400)) {
            let (rates, mut now) = (rates(per_minute), Instant::now());
            let mut taken: Vec<Instant> = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                match (rates.wait("example.test", now), rates.take("example.test", now)) {
                    (None, Ok(())) => taken.push(now),
                    (Some(wait), Err(same)) => {
                        prop_assert_eq!(wait, same);
                        prop_assert!(wait <= WINDOW);
                        prop_assert_eq!(rates.wait("example.test", now + wait), None);
                    }
                    other => prop_assert!(false, "look and take differ: {:?}", other),
                }
                let recent = taken.iter().filter(|at| now.duration_since(**at) < WINDOW).count();
                prop_assert!(recent <= per_minute as usize, "{} of {}", recent, per_minute);
            }
        }

        #[test]
        fn whoever_always_asks_gets_nearly_all_of_the_rate(per_minute in 1_u32..100) {
            let (rates, start) = (rates(per_minute), Instant::now());
            let (mut now, mut taken) = (start, 0_u32);
            while now < start + WINDOW * 10 {
                match rates.take("example.test", now) {
                    Ok(()) => taken += 1,
                    Err(wait) => now += wait,
                }
            }
            prop_assert!(taken >= per_minute * 9, "{} of {}", taken, per_minute * 10);
        }
    }
}
