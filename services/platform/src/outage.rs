//! Something outside that does not answer: the broker, the database, a mail relay. Told once when it goes away, once a minute while it is
//! away and once when it is back, however many clients run into it; and known to whoever asks for the health of a part.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use opentelemetry::KeyValue;

use crate::clock::wall_now;
use crate::telemetry::metrics::OUTAGE;

/// A connection that is cut and made anew is no outage: what is over by then is not told.
const GRACE: Duration = Duration::from_secs(1);
/// It is told again that it is still away.
const STILL_EVERY: Duration = Duration::from_secs(60);
/// Something that comes and goes is not told more often than this.
const CALM: Duration = Duration::from_secs(10);
/// Whoever could be reached all the time and did not do what was asked must do it, to be believed; for this long.
const DOUBT: Duration = Duration::from_secs(60);

/// How it is spoken of.
#[derive(Debug)]
pub(crate) struct Words {
    /// Label of the metric: "broker", "database of qualification".
    pub(crate) what: String,
    /// "the broker at 127.0.0.1:9092"
    pub(crate) subject: String,
    /// What its absence means: "... waits".
    pub(crate) meaning: &'static str,
}

/// Whether one such thing is away. Clones share it.
#[derive(Clone, Debug)]
pub struct Outage {
    words: Arc<Words>,
    memory: OutageMemory,
}

/// What is remembered, for whoever does not know the words yet. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutageMemory(Arc<Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// As `state` says; so that a success costs one look while all is well.
    is_away: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    away: Option<Away>,
    /// When it was told last that it is away, and that it is back.
    told_away: Option<Instant>,
    told_back: Option<Instant>,
}

#[derive(Debug)]
struct Away {
    since: Instant,
    at: Timestamp,
    reason: String,
    evidence: Evidence,
}

/// What speaks for its being away.
#[derive(Clone, Copy, Debug)]
enum Evidence {
    /// It cannot be reached: whatever is heard of it refutes that.
    CutOff,
    /// It was asked in vain, the last time then.
    InVain(Instant),
}

impl Outage {
    /// Of something that only one part of a process asks. `what` is the metric's label ("relay"), `subject` how it is spoken
    /// of ("the relay at mail.example:587"), `meaning` what follows while it is away ("Mails wait").
    #[must_use]
    pub fn of(what: &str, subject: String, meaning: &'static str) -> Self {
        Self::new(Words { what: what.to_owned(), subject, meaning }, OutageMemory::default())
    }

    /// Not away, as far as this memory knows.
    pub(crate) fn new(words: Words, memory: OutageMemory) -> Self {
        let outage = Self { words: Arc::new(words), memory };
        outage.count();
        outage
    }

    /// It cannot be reached.
    pub(crate) fn lost(&self, reason: &str) {
        self.note(reason, Evidence::CutOff, None);
    }

    /// It could not be reached since then.
    pub(crate) fn lost_since(&self, since: Option<Instant>, reason: &str) {
        self.note(reason, Evidence::CutOff, since);
    }

    /// It was asked for something and did not do it in time, whatever it says otherwise.
    pub fn in_vain(&self, reason: &str) {
        self.note(reason, Evidence::InVain(Instant::now()), None);
    }

    /// If it is away: that is why.
    pub(crate) fn because(&self, reason: &str) {
        if !self.is_away() {
            return;
        }
        let mut state = self.state();
        if let Some(away) = &mut state.away {
            reason.clone_into(&mut away.reason);
            self.tell(&mut state);
        }
    }

    /// It did what it was asked for.
    pub fn served(&self) {
        if self.is_away() {
            self.end(&mut self.state());
        }
    }

    /// It was heard of, at that moment.
    pub(crate) fn heard(&self, at: Instant) {
        if !self.is_away() {
            return;
        }
        let mut state = self.state();
        let Some(away) = &state.away else { return };
        let is_believed = match away.evidence {
            Evidence::CutOff => true,
            Evidence::InVain(last) => last.elapsed() > DOUBT,
        };
        if at > away.since && is_believed {
            self.end(&mut state);
        } else {
            self.tell(&mut state);
        }
    }

    /// Time has passed, or somebody ran into it again: says once a minute that it is still away.
    pub(crate) fn still(&self) {
        if self.is_away() {
            self.tell(&mut self.state());
        }
    }

    pub(crate) fn is_away(&self) -> bool {
        self.memory.0.is_away.load(Ordering::Acquire)
    }

    /// For the health of a part: since when and why; none while all is well.
    pub fn describe(&self) -> Option<String> {
        if !self.is_away() {
            return None;
        }
        let state = self.state();
        let Away { at, reason, .. } = state.away.as_ref()?;
        Some(format!("{} does not answer since {at:.0}: {reason}", self.words.subject))
    }

    fn note(&self, reason: &str, evidence: Evidence, since: Option<Instant>) {
        let mut state = self.state();
        let begins = state.away.is_none();
        let since = since.unwrap_or_else(Instant::now);
        let away = state.away.get_or_insert_with(|| Away {
            since,
            at: wall_now().checked_sub(since.elapsed()).unwrap_or_else(|_| wall_now()),
            reason: String::new(),
            evidence,
        });
        // Who is cut off is asked in vain, of course.
        if begins || !matches!((away.evidence, evidence), (Evidence::CutOff, Evidence::InVain(_))) {
            away.evidence = evidence;
            reason.clone_into(&mut away.reason);
        }
        self.memory.0.is_away.store(true, Ordering::Release);
        if begins {
            self.count();
        }
        self.tell(&mut state);
    }

    /// When it has begun, and again after a minute.
    fn tell(&self, state: &mut State) {
        let Some(away) = &state.away else { return };
        let Words { subject, meaning, .. } = &*self.words;
        let reason = &away.reason;
        let is_new = state.told_away.is_none_or(|told| told < away.since);
        let pause = if is_new { CALM } else { STILL_EVERY };
        if is_new && away.since.elapsed() < GRACE {
            return;
        }
        if state.told_away.is_some_and(|told| told.elapsed() < pause) {
            return;
        }
        state.told_away = Some(Instant::now());
        if is_new {
            tracing::warn!("{subject} does not answer: {reason}. {meaning}; it is tried again until it answers");
        } else {
            let seconds = away.since.elapsed().as_secs();
            tracing::warn!("{subject} does not answer for {seconds} s now: {reason}. {meaning}; it is tried again");
        }
    }

    fn end(&self, state: &mut State) {
        let Some(away) = state.away.take() else { return };
        self.memory.0.is_away.store(false, Ordering::Release);
        self.count();
        let was_told = state.told_away.is_some_and(|told| told >= away.since);
        if was_told && state.told_back.is_none_or(|told| told.elapsed() >= CALM) {
            state.told_back = Some(Instant::now());
            let seconds = away.since.elapsed().as_secs();
            tracing::info!("{} answers again, after {seconds} s", self.words.subject);
        }
    }

    fn count(&self) {
        let away = f64::from(u8::from(self.is_away()));
        OUTAGE.gauge().record(away, &[KeyValue::new("what", self.words.what.clone())]);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.memory.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outage() -> Outage {
        let words =
            Words { what: "broker".to_owned(), subject: "the broker at nowhere".to_owned(), meaning: "all waits" };
        Outage::new(words, OutageMemory::default())
    }

    #[test]
    fn it_is_away_from_the_first_loss_until_it_serves_again() {
        let outage = outage();
        outage.served();
        assert_eq!(outage.describe(), None);
        outage.lost("connection refused");
        let said = outage.describe().expect("away");
        assert!(said.starts_with("the broker at nowhere does not answer since 20"), "{said}");
        assert!(said.ends_with("Z: connection refused"), "{said}");
        outage.clone().served();
        assert_eq!(outage.describe(), None);
    }

    #[test]
    fn only_what_is_heard_later_counts() {
        let outage = outage();
        let before = Instant::now();
        outage.lost("reset");
        outage.heard(before);
        assert!(outage.is_away());
        std::thread::sleep(Duration::from_millis(2));
        outage.heard(Instant::now());
        assert!(!outage.is_away());
    }

    #[test]
    fn who_is_heard_but_does_nothing_is_still_away() {
        let outage = outage();
        outage.in_vain("not acknowledged");
        std::thread::sleep(Duration::from_millis(2));
        outage.heard(Instant::now());
        assert!(outage.is_away());
        outage.served();
        assert!(!outage.is_away());
    }

    #[test]
    fn who_was_cut_off_is_back_when_it_is_heard_whatever_was_asked_meanwhile() {
        let outage = outage();
        outage.because("this changes nothing");
        assert!(!outage.is_away());
        outage.lost("refused");
        outage.in_vain("not acknowledged");
        outage.because("refused again");
        assert!(outage.describe().expect("away").ends_with(": refused again"));
        std::thread::sleep(Duration::from_millis(2));
        outage.heard(Instant::now());
        assert!(!outage.is_away());
    }
}
