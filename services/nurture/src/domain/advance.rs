//! The engine: from where somebody is, by what happened, to where he is then, and what is to be done on the way. It walks
//! until a step rests: a wait, or a mail of which it is not yet known what became of it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

use super::facts::{ActFacts, LeadFacts};
use super::journey::plan::{Act, Action, Journey, Step, Test, Way};
use super::state::{
    Advanced, AnyEffect, Effect, Line, MailEffect, SignalEffect, State, TaskEffect, Trigger, WebhookEffect,
};
use super::window;

/// A walk longer than this is a loop that `check` did not see.
const LONGEST_WALK: usize = 1000;

/// Goes on. `paused`: acts are counted, nobody moves.
#[must_use]
pub fn advance(
    journey: &Journey,
    lead: &LeadFacts,
    state: &State,
    trigger: &Trigger,
    paused: bool,
    now_us: i64,
) -> Advanced {
    let mut walk = Walk { journey, lead, now_us, out: Advanced { state: state.clone(), ..Advanced::default() } };
    match trigger {
        Trigger::Enter(_) => walk.go(Some(0)),
        Trigger::Wake(_) if paused => walk.out.idle = true,
        Trigger::Wake(_) => walk.wake(),
        Trigger::Act(act) => walk.act(act, paused),
    }
    walk.out
}

struct Walk<'a> {
    journey: &'a Journey,
    lead: &'a LeadFacts,
    now_us: i64,
    out: Advanced,
}

impl Walk<'_> {
    fn wake(&mut self) {
        let Some(step) = self.here() else {
            // A version without this step: only a migration that was wrong could bring somebody here.
            self.end("step_is_gone");
            return;
        };
        let (awaits_mail, happened) = (self.out.state.awaits_mail, self.out.state.happened);
        let due = self.out.state.wake_at_us != 0 && self.out.state.wake_at_us <= self.now_us;
        match &step.action {
            Action::Mail { .. } if awaits_mail => {
                self.line(&step, "its mail is settled", step.next);
                self.go(step.next);
            }
            Action::WaitEvent { watch, .. } if happened => {
                self.line(&step, &format!("{} happened while the journey was paused", watch.event.kind), step.next);
                self.go(step.next);
            }
            Action::WaitEvent { watch, .. } if due => {
                self.line(&step, &format!("{} did not happen in time", watch.event.kind), step.otherwise);
                self.go(step.otherwise);
            }
            Action::WaitFor(_) | Action::WaitUntil { .. } | Action::WaitDate { .. } if due => {
                self.line(&step, "its time has come", step.next);
                self.go(step.next);
            }
            // Woken too early: the time in the state stands.
            _ => self.out.idle = true,
        }
    }

    fn act(&mut self, act: &ActFacts, paused: bool) {
        let mut counted = false;
        for watch in self.journey.watches.iter().filter(|watch| watch.event.matches(act.act())) {
            *self.out.state.counts.entry(watch.key.clone()).or_default() += 1;
            counted = true;
        }
        let step = self.here();
        match step.as_ref().map(|step| (step, &step.action)) {
            Some((step, Action::WaitEvent { watch, .. })) if watch.event.matches(act.act()) => {
                if paused {
                    self.out.state.happened = true;
                    self.out.state.wake_at_us = self.now_us;
                    return;
                }
                let text = format!("{} happened", describe(act.act()));
                let next = step.next;
                self.line(step, &text, next);
                self.go(next);
            }
            _ => self.out.idle = !counted,
        }
    }

    fn here(&self) -> Option<Step> {
        let number = self.journey.by_id.get(&self.out.state.step)?;
        self.journey.steps.get(*number).cloned()
    }

    /// Leaves the step and walks on from `target` until a step rests.
    fn go(&mut self, target: Option<usize>) {
        let mut target = target;
        for _ in 0..LONGEST_WALK {
            self.leave();
            let Some(number) = target else {
                self.end("completed");
                return;
            };
            let journey = self.journey;
            let step = &journey.steps[number];
            if self.out.state.migrated && self.out.state.passed.contains(&step.id) {
                self.line(step, "passed before the journey was edited", step.next);
                target = step.next;
                continue;
            }
            step.id.clone_into(&mut self.out.state.step);
            self.out.entered.push(step.id.clone());
            self.out.state.since_us = self.now_us;
            match self.enter(step) {
                Then::Rest => return,
                Then::End(reason) => {
                    self.end(&reason);
                    return;
                }
                Then::Go(next) => target = next,
            }
        }
        self.end("loop");
    }

    fn leave(&mut self) {
        let state = &mut self.out.state;
        if !state.step.is_empty() && !state.passed.contains(&state.step) {
            let step = state.step.clone();
            state.passed.push(step);
        }
        (state.wake_at_us, state.awaits_mail, state.happened) = (0, false, false);
    }

    fn enter(&mut self, step: &Step) -> Then {
        match &step.action {
            Action::Mail { .. } => {
                self.out.state.awaits_mail = true;
                self.effect(Effect::Mail(MailEffect { step: step.id.clone() }));
                self.line(step, "a mail is due", None);
                Then::Rest
            }
            Action::WaitFor(us) => self.rest_until(step, Some(self.now_us.saturating_add(*us))),
            Action::WaitUntil { minute, days } => {
                let time = window::next_local(self.now(), &self.zone(), *minute, *days);
                self.rest_until(step, time.map(Timestamp::as_microsecond))
            }
            Action::WaitDate { field, offset_days, minute } => self.wait_date(step, field, *offset_days, *minute),
            Action::WaitEvent { timeout_us, .. } => {
                self.rest_until(step, Some(self.now_us.saturating_add(*timeout_us)))
            }
            Action::Branch(ways) => self.branch(step, ways),
            Action::Split(shares) => {
                let place = place_of(&self.lead.lead_id, &self.journey.journey_id, &step.id);
                let (then, text) = share(shares, place);
                self.line(step, &text, then);
                Then::Go(then)
            }
            Action::Task { text_key, due_us } => {
                self.task(step, text_key, *due_us);
                Then::Go(step.next)
            }
            Action::Webhook { endpoint } => {
                let effect = WebhookEffect { step: step.id.clone(), endpoint: endpoint.clone() };
                self.effect(Effect::Webhook(effect));
                self.line(step, &format!("{endpoint} is called"), step.next);
                Then::Go(step.next)
            }
            Action::Signal { name, properties } => {
                let (name, properties) = (name.clone(), properties.clone());
                let text = format!("the event {name:?} is told");
                self.effect(Effect::Signal(SignalEffect { step: step.id.clone(), name, properties }));
                self.line(step, &text, step.next);
                Then::Go(step.next)
            }
            Action::End { reason } => {
                self.line(step, &format!("the journey ends: {reason}"), None);
                Then::End(reason.clone())
            }
        }
    }

    fn rest_until(&mut self, step: &Step, wake_at_us: Option<i64>) -> Then {
        // A time that no calendar has any more: go on now rather than never.
        self.out.state.wake_at_us = wake_at_us.unwrap_or(self.now_us).max(1);
        let until = Timestamp::from_microsecond(self.out.state.wake_at_us).unwrap_or(Timestamp::MAX);
        self.line(step, &format!("waits until {until}"), None);
        Then::Rest
    }

    fn wait_date(&mut self, step: &Step, field: &str, offset_days: i16, minute: u16) -> Then {
        let known = self.out.state.entry.get(field).or_else(|| self.lead.fields.get(field));
        let time = known.and_then(|text| window::date_time(text, offset_days, minute, &self.zone()));
        match time.map(Timestamp::as_microsecond) {
            Some(us) if us > self.now_us => self.rest_until(step, Some(us)),
            Some(_) => {
                self.line(step, &format!("the time of {field} has passed already"), step.next);
                Then::Go(step.next)
            }
            None => {
                let otherwise = step.otherwise.or(step.next);
                self.line(step, &format!("there is no date in {field}"), otherwise);
                Then::Go(otherwise)
            }
        }
    }

    fn branch(&mut self, step: &Step, ways: &[Way]) -> Then {
        for (number, way) in ways.iter().enumerate() {
            let text = match &way.test {
                Test::Lead(condition) if condition.holds(&self.lead.fields) => {
                    format!("way {}: its condition holds", number + 1)
                }
                Test::Engaged { watch, at_least } => {
                    let count = self.out.state.counts.get(&watch.key).copied().unwrap_or(0);
                    if count < i32::from(*at_least) {
                        continue;
                    }
                    format!("way {}: {} happened {count} times since the beginning", number + 1, watch.event.kind)
                }
                Test::Lead(_) => continue,
            };
            self.line(step, &text, Some(way.then));
            return Then::Go(Some(way.then));
        }
        self.line(step, "no way holds", step.otherwise);
        Then::Go(step.otherwise)
    }

    fn task(&mut self, step: &Step, text_key: &str, due_us: i64) {
        if !self.lead.owned {
            self.line(step, "nobody owns the lead", step.next);
            if let Some(line) = self.out.lines.last_mut() {
                line.skipped = "no_owner".to_owned();
            }
            return;
        }
        let (step_id, text_key) = (step.id.clone(), text_key.to_owned());
        let due_us = self.now_us.saturating_add(due_us);
        self.line(step, &format!("the owner is told: {text_key}"), step.next);
        self.effect(Effect::Task(TaskEffect { step: step_id, text_key, due_us }));
    }

    fn end(&mut self, reason: &str) {
        reason.clone_into(&mut self.out.ended);
        self.out.state.wake_at_us = 0;
    }

    fn effect(&mut self, effect: Effect) {
        self.out.effects.push(AnyEffect { effect: Some(effect) });
    }

    fn line(&mut self, step: &Step, text: &str, next: Option<usize>) {
        self.out.lines.push(Line {
            step: step.id.clone(),
            kind: step.action.kind().to_owned(),
            text: text.to_owned(),
            next: next.map(|number| self.journey.steps[number].id.clone()).unwrap_or_default(),
            skipped: String::new(),
        });
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now_us).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn zone(&self) -> TimeZone {
        window::zone(&self.lead.time_zone).unwrap_or(TimeZone::UTC)
    }
}

enum Then {
    Rest,
    Go(Option<usize>),
    End(String),
}

fn describe(act: Act<'_>) -> String {
    if act.name.is_empty() { act.kind.to_owned() } else { format!("{} {:?}", act.kind, act.name) }
}

/// 0 to 99, the same for ever for this lead and this place.
#[must_use]
pub fn place_of(lead_id: &[u8], journey_id: &str, what: &str) -> u8 {
    let digest = Sha256::new()
        .chain_update(lead_id)
        .chain_update([0])
        .chain_update(journey_id)
        .chain_update([0])
        .chain_update(what)
        .finalize();
    let number = digest[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    u8::try_from(number % 100).unwrap_or(0)
}

fn share(shares: &[(u8, usize)], place: u8) -> (Option<usize>, String) {
    let mut upper = 0;
    for (percent, then) in shares {
        upper += percent;
        if place < upper {
            return (Some(*then), format!("place {place} of 100"));
        }
    }
    (shares.last().map(|(_, then)| *then), format!("place {place} of 100"))
}
