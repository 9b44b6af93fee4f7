//! Which fault meets which message: drawn from a seed, the recipient and how often it was tried, so that a run can be
//! repeated whatever the order in which connections come.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::fault::{Fault, Point};

/// What goes wrong. In a file as JSON; whatever is left out has the value of no faults.
///
/// A fault of a message is drawn from (seed, recipient, mails kept for it, attempts since); of a connection from (seed, its
/// number); of MAIL from (seed, sender, its number). Each fault of the list has the same chance where it is decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// Another seed, other victims.
    pub seed: u64,
    /// Chance of a fault at an attempt that may have one, 0 to 1.
    pub share: f64,
    /// Chance that a recipient gets its fault at every attempt, 0 to 1.
    pub permanent_share: f64,
    /// How many attempts since the last mail kept for the recipient may have one.
    pub faulty_attempts: u32,
    /// Which ones.
    pub faults: Vec<Fault>,
    /// After so many faults there are no more.
    pub at_most: Option<u64>,
    /// A fault for every attempt to this recipient, before all draws; one that is decided at RCPT or later.
    pub pinned: BTreeMap<String, Fault>,
    /// How long a hang lasts if the client does not leave, seconds.
    pub hang_seconds: f64,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            seed: 0,
            share: 0.0,
            permanent_share: 0.0,
            faulty_attempts: 1,
            faults: Vec::new(),
            at_most: None,
            pinned: BTreeMap::new(),
            hang_seconds: 60.0,
        }
    }
}

impl Script {
    /// Every kind of fault, at three of ten first attempts.
    #[must_use]
    pub fn faults(seed: u64) -> Self {
        Self { seed, share: 0.3, faults: Fault::ALL.to_vec(), ..Self::default() }
    }

    /// This fault wherever it can be played.
    #[must_use]
    pub fn always(fault: Fault) -> Self {
        Self { share: 1.0, faulty_attempts: u32::MAX, faults: vec![fault], ..Self::default() }
    }

    /// This fault at the first occasion, and never again.
    #[must_use]
    pub fn once(fault: Fault) -> Self {
        Self { at_most: Some(1), ..Self::always(fault) }
    }

    pub(crate) fn hang(&self) -> Duration {
        Duration::try_from_secs_f64(self.hang_seconds).unwrap_or(Duration::from_secs(60))
    }
}

/// A script and what was played of it.
#[derive(Debug)]
pub(crate) struct Play {
    script: Script,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    played: u64,
    connections: u64,
    senders: HashMap<String, u64>,
    recipients: HashMap<String, Tried>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tried {
    kept: u32,
    /// Since the last one was kept.
    attempts: u32,
}

impl Play {
    pub(crate) fn new(script: Script) -> Self {
        Self { script, state: Mutex::default() }
    }

    pub(crate) fn hang(&self) -> Duration {
        self.script.hang()
    }

    pub(crate) fn on_connection(&self) -> Option<Fault> {
        let mut state = self.state();
        let number = state.connections;
        state.connections += 1;
        let fault = self.draw(Point::Connection, &format!("connection {number}"))?;
        self.spend(&mut state, fault)
    }

    pub(crate) fn on_mail(&self, from: &str) -> Option<Fault> {
        let mut state = self.state();
        let number = state.senders.entry(from.to_owned()).or_default();
        let key = format!("mail {number} {from}");
        *number += 1;
        let fault = self.draw(Point::Mail, &key)?;
        self.spend(&mut state, fault)
    }

    pub(crate) fn on_recipient(&self, to: &str) -> Option<Fault> {
        let mut state = self.state();
        let tried = state.recipients.entry(to.to_owned()).or_default();
        let now = *tried;
        tried.attempts = tried.attempts.saturating_add(1);
        if let Some(fault) = self.script.pinned.get(to) {
            return Some(*fault);
        }
        let script = &self.script;
        let fault = if self.chance(&format!("permanent {to}")) < script.permanent_share {
            self.pick(&self.of(Point::Recipient), &format!("always {to}"))?
        } else if now.attempts < script.faulty_attempts {
            self.draw(Point::Recipient, &format!("to {} {} {to}", now.kept, now.attempts))?
        } else {
            return None;
        };
        self.spend(&mut state, fault)
    }

    /// A mail was kept for these: their next attempt is the first one of another message.
    pub(crate) fn kept(&self, to: &[String]) {
        let mut state = self.state();
        for recipient in to {
            let tried = state.recipients.entry(recipient.clone()).or_default();
            *tried = Tried { kept: tried.kept.saturating_add(1), attempts: 0 };
        }
    }

    fn of(&self, point: Point) -> Vec<Fault> {
        self.script.faults.iter().copied().filter(|fault| fault.point() == point).collect()
    }

    /// The faults of this point share its part of the whole chance.
    fn draw(&self, point: Point, key: &str) -> Option<Fault> {
        let here = self.of(point);
        let all = self.script.faults.len();
        #[expect(clippy::cast_precision_loss, reason = "a handful of faults")]
        let part = self.script.share * here.len() as f64 / all.max(1) as f64;
        if self.chance(key) >= part {
            return None;
        }
        self.pick(&here, &format!("which {key}"))
    }

    fn pick(&self, faults: &[Fault], key: &str) -> Option<Fault> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small"
        )]
        let index = (self.chance(key) * faults.len() as f64) as usize;
        faults.get(index).copied()
    }

    /// Between 0 (included) and 1, the same for the same seed and key.
    fn chance(&self, key: &str) -> f64 {
        let drawn = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{} {key}", self.script.seed).as_bytes());
        let (high, _) = drawn.as_u64_pair();
        // The first 32 bits of a name's hash are all of it; later ones hold the version.
        #[expect(clippy::cast_precision_loss, reason = "32 bits fit")]
        let share = (high >> 32) as f64 / 4_294_967_296.0;
        share
    }

    fn spend(&self, state: &mut State, fault: Fault) -> Option<Fault> {
        if self.script.at_most.is_some_and(|most| state.played >= most) {
            return None;
        }
        state.played += 1;
        Some(fault)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "script_tests.rs"]
mod tests;
