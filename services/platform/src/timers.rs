//! The loop under every timer of a service: finds out when to look, never what is due. What is due is a plain query of the
//! service on `wake_at`, bound to the database clock; a crash rolls back and the row is due again at once.
//!
//! The service may say when the next row is due, but that is only a hint: a row can be set below it at any time, by another
//! process, even into the past. So the loop looks at least every `interval`, and at once when it is woken.

mod letter;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::Timestamp;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;
use rand::RngExt as _;
use tokio::sync::Notify;

use crate::causes::causes;
use crate::health::{Health, STUCK_AFTER};
use crate::pg::{Database, Mechanism, is_disconnected};
use crate::run::Tasks;
use crate::telemetry::metrics::TIMERS_LATE;

pub use letter::{ATTEMPTS, GivenUp};

/// The loop looks every `interval` whatever the hint says.
pub const HINT_IS_CAPPED: Mechanism = Mechanism("timers.hint_is_capped");

const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LAST_BACKOFF: Duration = Duration::from_secs(5);

static LATE: LazyLock<Histogram<f64>> = LazyLock::new(|| TIMERS_LATE.histogram());

/// What a step found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// More is due than one step takes.
    AtOnce,
    /// The next row is due in this time, as far as this process knows.
    Within(Duration),
    /// Nothing is set.
    Rest,
}

/// Runs `step` as the task `name`: at once, then as it says, at least every `interval` (shortened at random by up to a
/// tenth, so that replicas do not march in step), and whenever `wake` is notified. A step that fails is tried again with
/// growing pauses; it never ends the process, unless nothing succeeds for a minute while the database is there.
pub fn poll_loop<S, F>(
    tasks: &Tasks,
    health: &Health,
    database: &Database,
    name: &'static str,
    interval: Duration,
    wake: Arc<Notify>,
    mut step: S,
) where
    S: FnMut() -> F + Send + 'static,
    F: Future<Output = anyhow::Result<Next>> + Send,
{
    let (stop, database) = (tasks.stop_token(), database.clone());
    let progress = health.progress(name, STUCK_AFTER);
    tasks.spawn(name, async move {
        let mut backoff = FIRST_BACKOFF;
        while !stop.is_cancelled() {
            progress.busy(true);
            let pause = match step().await {
                Ok(next) => {
                    // Resting until the next look is no lack of progress, however long it is.
                    progress.beat();
                    progress.busy(false);
                    backoff = FIRST_BACKOFF;
                    pause(next, interval, database.is_on(HINT_IS_CAPPED))
                }
                Err(error) => {
                    // While the database is away there is nothing to make progress with.
                    if is_disconnected(&error) {
                        progress.beat();
                    }
                    let (is_away, error) = (database.is_away(&error), causes(&error));
                    if is_away {
                        tracing::debug!(timer = name, "timer {name} failed, trying again: {error}");
                    } else {
                        tracing::warn!(timer = name, "timer {name} failed, trying again: {error}");
                    }
                    let pause = shortened(backoff);
                    backoff = (backoff * 2).min(LAST_BACKOFF);
                    pause
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        Ok(())
    });
}

fn pause(next: Next, interval: Duration, capped: bool) -> Duration {
    match next {
        Next::AtOnce => Duration::ZERO,
        Next::Within(hint) if capped => hint.min(shortened(interval)),
        Next::Within(hint) => hint,
        Next::Rest => shortened(interval),
    }
}

/// Nine to ten tenths.
fn shortened(duration: Duration) -> Duration {
    duration.mul_f64(rand::rng().random_range(0.9..=1.0))
}

/// Records how late a timer fired: `now` is the clock of the transaction that acts on it.
pub fn record_late(name: &'static str, due: Timestamp, now: Timestamp) {
    let late = now.duration_since(due).as_secs_f64().max(0.0);
    LATE.record(late, &[KeyValue::new("timer", name)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_never_delays_the_next_look_beyond_the_interval() {
        let interval = Duration::from_secs(10);
        assert_eq!(pause(Next::AtOnce, interval, true), Duration::ZERO);
        assert_eq!(pause(Next::Within(Duration::from_millis(5)), interval, true), Duration::from_millis(5));
        for next in [Next::Rest, Next::Within(Duration::from_secs(3600))] {
            let pause = pause(next, interval, true);
            assert!(pause >= interval.mul_f64(0.9) && pause <= interval, "{next:?}: {pause:?}");
        }
        assert_eq!(pause(Next::Within(Duration::from_secs(3600)), interval, false), Duration::from_secs(3600));
    }
}
