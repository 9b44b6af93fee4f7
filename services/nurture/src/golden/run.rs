//! One lead through one journey, by the functions of the domain and a clock of its own.

use jiff::Timestamp;
use uuid::Uuid;

use super::source::{Case, Manners, Moment};
use crate::domain::advance::advance;
use crate::domain::enrol::{self, Before, Entry};
use crate::domain::exit::{Happened, exit};
use crate::domain::facts::{ActFacts, LeadFacts};
use crate::domain::journey::Journey;
use crate::domain::journey::plan::Action;
use crate::domain::send::{self, SendFacts, WindowFacts};
use crate::domain::state::{Effect, Enter, State, Trigger, Wake};
use crate::domain::window::Window;

/// Longer stories are loops.
const MOST_TURNS: usize = 10_000;

/// Runs a case; each line is a time and what happened.
///
/// # Errors
/// What cannot be run.
pub fn run(journey: &Journey, manners: &Manners, case: &Case) -> Result<Vec<String>, String> {
    let quiet = manners.quiet_hours.as_ref().map(Window::parse).transpose()?;
    let name = case.lead_id.as_deref().unwrap_or(&case.name);
    let lead_id = Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes());
    let mut stage = Stage {
        journey,
        manners,
        quiet,
        lead: LeadFacts {
            lead_id: lead_id.as_bytes().to_vec(),
            fields: case.lead.fields.clone(),
            stage: case.lead.stage.clone(),
            time_zone: case.lead.time_zone.clone(),
            owned: case.lead.owned,
        },
        email: case.lead.email,
        consent: case.lead.consent,
        suppressed: case.lead.suppressed.clone(),
        paused: false,
        relay_refuses: false,
        runs: Vec::new(),
        sent_us: Vec::new(),
        lines: Vec::new(),
    };
    stage.play(case)?;
    Ok(stage.lines)
}

struct Stage<'a> {
    journey: &'a Journey,
    manners: &'a Manners,
    quiet: Option<Window>,
    lead: LeadFacts,
    email: bool,
    consent: Option<bool>,
    suppressed: String,
    paused: bool,
    relay_refuses: bool,
    runs: Vec<Run>,
    sent_us: Vec<i64>,
    lines: Vec<String>,
}

/// One enrolment.
struct Run {
    instance: String,
    state: State,
    mail: Option<Mail>,
    held_out: bool,
    ended: Option<(i64, String)>,
}

struct Mail {
    step: String,
    queued_us: i64,
    not_before_us: i64,
}

impl Stage<'_> {
    fn play(&mut self, case: &Case) -> Result<(), String> {
        let mut story = case.story.iter().peekable();
        let mut now_us = i64::MIN;
        for _ in 0..MOST_TURNS {
            // What was due while the journey stood still is due now.
            let timer = self.next_timer().map(|at| at.max(now_us));
            let told = story.peek().and_then(|moment| moment.at).map(Timestamp::as_microsecond);
            let told = story.peek().map(|_| told.unwrap_or(now_us.max(0)));
            let next = [timer, told].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= case.until.as_microsecond()) else { return Ok(()) };
            if next < now_us {
                return Err(format!("the story goes back in time at {}", text(next)));
            }
            now_us = next;
            // What is due at this very moment comes before what happens in it.
            if timer == Some(next) {
                self.tick(now_us);
            } else if let Some(moment) = story.next() {
                self.happen(moment, now_us);
            }
        }
        Err("the story does not end".to_owned())
    }

    fn next_timer(&self) -> Option<i64> {
        let open = self.runs.iter().filter(|run| run.ended.is_none() && !run.held_out && !self.paused);
        let times = open.flat_map(|run| {
            let wake = Some(run.state.wake_at_us).filter(|us| *us != 0 && run.mail.is_none());
            [wake, run.mail.as_ref().map(|mail| mail.not_before_us)]
        });
        times.flatten().min()
    }

    fn tick(&mut self, now_us: i64) {
        for number in 0..self.runs.len() {
            let run = &self.runs[number];
            if run.ended.is_some() || run.held_out {
                continue;
            }
            if run.mail.as_ref().is_some_and(|mail| mail.not_before_us <= now_us) {
                self.send(number, now_us);
            } else if run.mail.is_none() && run.state.wake_at_us != 0 && run.state.wake_at_us <= now_us {
                self.advance(number, &Trigger::Wake(Wake {}), now_us);
            }
        }
    }

    fn happen(&mut self, moment: &Moment, now_us: i64) {
        let was_owned = self.lead.owned;
        let before = std::mem::take(&mut self.lead.stage);
        self.lead.stage = moment.stage.clone().unwrap_or_else(|| before.clone());
        self.lead.owned = moment.owned.unwrap_or(was_owned);
        self.lead.fields.extend(moment.fields.clone());
        self.consent = moment.consent.or(self.consent);
        if let Some(reason) = &moment.suppressed {
            self.suppressed.clone_from(reason);
        }
        self.paused = moment.paused.unwrap_or(self.paused);
        self.relay_refuses |= moment.relay_refuses;
        let act = moment.act.as_ref().map(|act| ActFacts {
            kind: act.kind.clone(),
            name: act.name.clone(),
            properties: act
                .properties
                .iter()
                .map(|(name, value)| (format!("properties.{name}"), value.clone()))
                .collect(),
            event_id: Vec::new(),
        });
        if let Some(act) = &act {
            self.hear(act);
        }
        let happened = Happened {
            assigned: (self.lead.owned && !was_owned) || matches!(moment.stage.as_deref(), Some("sal" | "sql")),
            qualified: moment.stage.as_deref() == Some("mql"),
            act: act.clone(),
        };
        for number in 0..self.runs.len() {
            if self.runs[number].ended.is_none()
                && let Some(reason) = exit(self.journey, &self.lead, &happened)
            {
                self.end(number, &reason, now_us);
            }
        }
        if let Some(act) = &act {
            for number in 0..self.runs.len() {
                if self.runs[number].ended.is_none() && !self.runs[number].held_out {
                    self.advance(number, &Trigger::Act(act.clone()), now_us);
                }
            }
        }
        if !self.paused {
            self.enrol(act.as_ref(), moment.historical, now_us);
        }
    }

    /// What the role hears in an act beside the journey: nothing more is sent after some of them.
    fn hear(&mut self, act: &ActFacts) {
        let hard = act.properties.get("properties.bounce_class").is_some_and(|class| class == "hard");
        let reason = match act.kind.as_str() {
            "unsubscribed" => "unsubscribed",
            "email_complained" => "complaint",
            "email_bounced" if hard => "hard_bounce",
            _ => return,
        };
        reason.clone_into(&mut self.suppressed);
    }

    fn enrol(&mut self, act: Option<&ActFacts>, historical: bool, now_us: i64) {
        let instance = enrol::instance(self.journey, act);
        let mut before = Before::default();
        for run in self.runs.iter().filter(|run| run.instance == instance) {
            before.times += 1;
            before.active |= run.ended.is_none();
            before.ended_us = before.ended_us.max(run.ended.as_ref().map_or(0, |(at, _)| *at));
        }
        let entry = enrol::enrol(self.journey, &self.lead, act, &before, historical, now_us);
        let Entry::Enters { instance, held_out, .. } = entry else { return };
        let as_text = if instance.is_empty() { String::new() } else { format!(" as {instance}") };
        self.say(now_us, &format!("{}{as_text}", if held_out { "held out" } else { "enrolled" }));
        let entry = act.iter().flat_map(|act| &act.properties);
        let entry = entry.filter_map(|(name, value)| Some((name.strip_prefix("properties.")?, value)));
        let entry = entry.map(|(name, value)| (format!("event.{name}"), value.clone())).collect();
        let state = State { entry, ..State::default() };
        self.runs.push(Run { instance, state, mail: None, held_out, ended: None });
        if !held_out {
            self.advance(self.runs.len() - 1, &Trigger::Enter(Enter {}), now_us);
        }
    }

    fn advance(&mut self, number: usize, trigger: &Trigger, now_us: i64) {
        let advanced = advance(self.journey, &self.lead, &self.runs[number].state, trigger, self.paused, now_us);
        self.runs[number].state = advanced.state;
        for line in &advanced.lines {
            let skipped = if line.skipped.is_empty() { String::new() } else { format!(": skipped({})", line.skipped) };
            let next = if line.next.is_empty() { String::new() } else { format!(" -> {}", line.next) };
            self.say(now_us, &format!("{}: {}{skipped}{next}", line.step, line.text));
        }
        for effect in advanced.effects.into_iter().filter_map(|any| any.effect) {
            if let Effect::Mail(mail) = effect {
                let mail = Mail { step: mail.step, queued_us: now_us, not_before_us: now_us };
                self.runs[number].mail = Some(mail);
            }
        }
        if !advanced.ended.is_empty() {
            self.end(number, &advanced.ended, now_us);
        }
    }

    fn send(&mut self, number: usize, now_us: i64) {
        let Some(mail) = self.runs[number].mail.take() else { return };
        let facts = self.facts(&mail);
        let outcome = send::decide(&facts, now_us);
        match outcome.result.as_str() {
            "put_off" => {
                self.say(
                    now_us,
                    &format!("{}: put off until {} ({})", mail.step, text(outcome.not_before_us), outcome.reason),
                );
                self.runs[number].mail = Some(Mail { not_before_us: outcome.not_before_us, ..mail });
                return;
            }
            "skip" => self.say(now_us, &format!("{}: skipped({})", mail.step, outcome.reason)),
            _ if std::mem::take(&mut self.relay_refuses) => {
                self.say(now_us, &format!("{}: failed(refused)", mail.step))
            }
            _ => {
                self.sent_us.push(now_us);
                self.say(now_us, &format!("{}: sent", mail.step));
            }
        }
        self.runs[number].state.wake_at_us = now_us;
        self.advance(number, &Trigger::Wake(Wake {}), now_us);
    }

    fn facts(&self, mail: &Mail) -> SendFacts {
        let step = self.journey.by_id.get(&mail.step).map(|number| &self.journey.steps[*number].action);
        let patience_us = match step {
            Some(Action::Mail { patience_us, .. }) => *patience_us,
            _ => 0,
        };
        SendFacts {
            purpose: self.journey.purpose.clone(),
            addressed: self.email,
            stage: self.lead.stage.clone(),
            consent: self.consent.map_or(0, |given| if given { 1 } else { -1 }),
            suppression: self.suppressed.clone(),
            sent_us: self.sent_us.clone(),
            cap: self.manners.cap_messages,
            cap_period_us: i64::from(self.manners.cap_days) * 86_400_000_000,
            time_zone: self.lead.time_zone.clone(),
            send_window: self.journey.window.map(WindowFacts::from),
            quiet_hours: self.quiet.map(WindowFacts::from),
            queued_us: mail.queued_us,
            patience_us,
            ..SendFacts::default()
        }
    }

    fn end(&mut self, number: usize, reason: &str, now_us: i64) {
        if let Some(mail) = self.runs[number].mail.take() {
            self.say(now_us, &format!("{}: skipped({reason})", mail.step));
        }
        self.runs[number].ended = Some((now_us, reason.to_owned()));
        self.say(now_us, &format!("ended: {reason}"));
    }

    fn say(&mut self, now_us: i64, what: &str) {
        self.lines.push(format!("{} {what}", text(now_us)));
    }
}

fn text(us: i64) -> String {
    Timestamp::from_microsecond(us).map_or_else(|_| "never".to_owned(), |at| at.to_string())
}
