//! A line that would otherwise be written again and again: said once, then not for a while.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One kind of line.
#[derive(Debug)]
pub(crate) struct Seldom {
    pause: Duration,
    said: Mutex<Option<Instant>>,
}

impl Seldom {
    /// At most one line in each `pause`.
    pub(crate) const fn new(pause: Duration) -> Self {
        Self { pause, said: Mutex::new(None) }
    }

    /// Whether it may be said now; then it counts as said.
    pub(crate) fn may_say(&self) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let may = said.is_none_or(|at| at.elapsed() >= self.pause);
        if may {
            *said = Some(Instant::now());
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_each_pause() {
        let line = Seldom::new(Duration::from_secs(3600));
        assert_eq!([line.may_say(), line.may_say(), line.may_say()], [true, false, false]);
        let line = Seldom::new(Duration::ZERO);
        assert_eq!([line.may_say(), line.may_say()], [true, true]);
    }
}
