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
    by_name: HashMap<String, Domain>,
    prune_at: usize,
}

/// What is known of one domain.
#[derive(Clone, Copy, Debug)]
struct Domain {
    /// When the next mail would be due if all were spread evenly.
    due: Instant,
    /// End of the line of those that were told to come again: each has a time of its own.
    queue: Instant,
    /// End of the line of those that came again and were too late for their time, after a pause or an outage.
    again: Instant,
}

impl Rates {
    /// `None`: no limit.
    pub(super) fn new(per_minute: Option<NonZeroU32>) -> Self {
        let domains = Mutex::new(Domains { by_name: HashMap::new(), prune_at: MANY });
        Self { pace: per_minute.map(Pace::new), domains }
    }

    /// How long until a mail may go to this domain; `None`: now.
    #[cfg(test)]
    fn wait(&self, domain: &str, now: Instant) -> Option<Duration> {
        let pace = self.pace?;
        let due = self.domains().by_name.get(&key(domain)).map(|domain| domain.due);
        pace.wait(due, now)
    }

    /// Takes one mail's place, or says when to come again. Whoever comes again (`queued`) goes before whoever is new: new
    /// ones stand in line behind all that were told a time, so that nobody comes in vain more than once or twice.
    pub(super) fn take(&self, domain: &str, queued: bool, now: Instant) -> Result<(), Duration> {
        let Some(pace) = self.pace else { return Ok(()) };
        let mut domains = self.domains();
        let key = key(domain);
        let known = domains.by_name.get(&key).copied();
        let due = known.map(|domain| domain.due);
        let (queue, again) = known.map_or((now, now), |domain| (domain.queue.max(now), domain.again.max(now)));
        let wait = pace.wait(due, now);
        if wait.is_none() && (queued || queue <= now) {
            let due = due.map_or(now, |due| due.max(now)) + pace.interval;
            domains.by_name.insert(key, Domain { due, queue, again });
            domains.prune(now);
            return Ok(());
        }
        let (free, due) = (now + wait.unwrap_or_default(), due.unwrap_or(now));
        let place = free.max(if queued { again } else { queue });
        let next = place + pace.interval;
        let domain = if queued { Domain { due, queue, again: next } } else { Domain { due, queue: next, again } };
        domains.by_name.insert(key, domain);
        Err(place - now)
    }

    fn domains(&self) -> MutexGuard<'_, Domains> {
        self.domains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Domains {
    /// Forgets domains of whom nothing is to be remembered.
    fn prune(&mut self, now: Instant) {
        if self.by_name.len() >= self.prune_at {
            self.by_name.retain(|_, domain| domain.due > now || domain.queue > now || domain.again > now);
            self.prune_at = MANY.max(self.by_name.len() * 2);
        }
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
        assert_eq!(rates.take("example.test", true, now), Ok(()));
        assert_eq!(rates.take("EXAMPLE.test", true, now), Err(WINDOW));
        assert_eq!(rates.wait("Example.Test", now + Duration::from_secs(59)), Some(Duration::from_secs(1)));
        assert_eq!(rates.wait("example.test", now + WINDOW), None);
        assert_eq!(rates.wait("other.test", now), None);
        assert_eq!(rates.take("other.test", true, now), Ok(()));
        let unlimited = Rates::new(None);
        assert!((0..10_000).all(|_| unlimited.take("example.test", false, now).is_ok()));
    }

    #[test]
    fn a_look_takes_nothing_and_what_is_over_is_forgotten() {
        let (rates, now) = (rates(60), Instant::now());
        assert!((0..1000).all(|_| rates.wait("example.test", now).is_none()));
        for number in 0..10_000_u32 {
            let later = now + Duration::from_secs(u64::from(number) * 60);
            rates.take(&format!("d{number}.test"), true, later).unwrap();
        }
        assert!(rates.domains().by_name.len() <= MANY);
    }

    #[test]
    fn whoever_is_told_a_time_goes_then_and_nobody_comes_three_times_in_vain() {
        let (rates, start) = (rates(60), Instant::now());
        // Four hundred want to go at once; each comes again when it was told to.
        let mut coming: std::collections::BinaryHeap<std::cmp::Reverse<(Instant, u32, u32)>> =
            (0..400).map(|number| std::cmp::Reverse((start, number, 0))).collect();
        let (mut gone, mut most) = (Vec::new(), 0);
        while let Some(std::cmp::Reverse((now, number, times))) = coming.pop() {
            match rates.take("example.test", times > 0, now) {
                Ok(()) => gone.push((now, number)),
                Err(wait) => {
                    most = most.max(times + 1);
                    coming.push(std::cmp::Reverse((now + wait, number, times + 1)));
                }
            }
        }
        assert_eq!(gone.len(), 400);
        assert!(most <= 2, "somebody came {most} times in vain");
        assert!(gone.is_sorted_by_key(|(_, number)| *number), "in the order in which they came");
        let took = gone.last().unwrap().0 - start;
        assert!(took < Duration::from_secs(480), "{took:?}");
    }

    #[test]
    fn all_who_are_late_at_once_get_times_of_their_own() {
        let (rates, start) = (rates(60), Instant::now());
        let mut coming: std::collections::BinaryHeap<std::cmp::Reverse<(Instant, u32, u32)>> =
            std::collections::BinaryHeap::new();
        for number in 0..200 {
            match rates.take("example.test", false, start) {
                Ok(()) => {}
                // Nothing goes for a hundred seconds: whoever was told a time before that comes after it.
                Err(wait) => {
                    let at = (start + wait).max(start + Duration::from_secs(100));
                    coming.push(std::cmp::Reverse((at, number, 0)));
                }
            }
        }
        let (mut gone, mut most, mut asked) = (0, 0, 0);
        while let Some(std::cmp::Reverse((now, number, times))) = coming.pop() {
            asked += 1;
            match rates.take("example.test", true, now) {
                Ok(()) => gone += 1,
                Err(wait) => {
                    most = most.max(times + 1);
                    coming.push(std::cmp::Reverse((now + wait, number, times + 1)));
                }
            }
        }
        assert!(gone >= 190, "{gone}");
        assert!(asked <= 3 * gone && most <= 6, "{asked} looks for {gone} mails, at most {most} for one");
    }

    #[test]
    fn somebody_new_does_not_take_the_place_of_those_in_line() {
        let (rates, now) = (rates(1), Instant::now());
        assert_eq!(rates.take("example.test", false, now), Ok(()));
        let first = rates.take("example.test", false, now).unwrap_err();
        let second = rates.take("example.test", false, now).unwrap_err();
        assert_eq!((first, second), (WINDOW, WINDOW * 2));
        let later = now + first;
        assert_eq!(rates.take("example.test", false, later), Err(WINDOW * 2), "behind both");
        assert_eq!(rates.take("example.test", true, later), Ok(()));
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate_in_any_window(per_minute in 1_u32..100, gaps in prop::collection::vec(0_u64..4000, 1..400)) {
            let (rates, mut now) = (rates(per_minute), Instant::now());
            let mut taken: Vec<Instant> = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                match (rates.wait("example.test", now), rates.take("example.test", true, now)) {
                    (None, Ok(())) => taken.push(now),
                    (Some(wait), Err(told)) => {
                        prop_assert!(told >= wait);
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
                match rates.take("example.test", true, now) {
                    Ok(()) => taken += 1,
                    Err(wait) => now += wait,
                }
            }
            prop_assert!(taken >= per_minute * 9, "{} of {}", taken, per_minute * 10);
        }
    }
}
