//! From the file to what the engine runs. Whatever is not understood is a finding; a journey with findings is not run.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::check;
use super::condition::ConditionSource;
use super::finding::Finding;
use super::lead_fields::{LEAD_FIELDS_TEXT, fields, is_lead_field};
use super::plan::{Action, Journey, Step, Watch};
use super::source::{EventSource, ExitSource, JourneySource};
use super::step::StepSource;
use crate::domain::window::{self, Window};

/// More steps than that are a mistake.
const MOST_STEPS: usize = 200;

/// Compiles and checks. Warnings come with the journey.
///
/// # Errors
/// Everything that is wrong with it.
pub fn compile(source: &JourneySource) -> Result<(Journey, Vec<Finding>), Vec<Finding>> {
    let mut compiler = Compiler { source, findings: Vec::new(), by_id: BTreeMap::new(), watches: Vec::new() };
    let journey = compiler.journey();
    let mut findings = compiler.findings;
    if let Some(journey) = &journey {
        findings.extend(check::check(journey));
    }
    match journey {
        Some(journey) if findings.iter().all(|finding| finding.warning) => Ok((journey, findings)),
        _ => Err(findings),
    }
}

pub(super) struct Compiler<'a> {
    source: &'a JourneySource,
    findings: Vec<Finding>,
    by_id: BTreeMap<String, usize>,
    watches: Vec<Watch>,
}

impl Compiler<'_> {
    pub(super) fn wrong(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.findings.push(Finding::error(place, message));
    }

    fn journey(&mut self) -> Option<Journey> {
        let source = self.source;
        self.head();
        for (number, step) in source.steps.iter().enumerate() {
            if !is_slug(&step.id) {
                self.wrong(
                    format!("steps[{number}].id"),
                    "takes small letters, digits, hyphens and underscores: \"welcome\"",
                );
            }
            if self.by_id.insert(step.id.clone(), number).is_some() {
                self.wrong(format!("steps.{}", step.id), "there are two steps of this id; give each its own");
            }
        }
        let window = source.send_window.as_ref().and_then(|window| match Window::parse(window) {
            Ok(window) => Some(window),
            Err(message) => {
                self.wrong("send_window", message);
                None
            }
        });
        let steps: Vec<Step> =
            source.steps.iter().enumerate().filter_map(|(number, step)| self.step(number, step)).collect();
        if steps.len() != source.steps.len() {
            return None;
        }
        let fields = fields(source);
        let (by_id, watches) = (std::mem::take(&mut self.by_id), std::mem::take(&mut self.watches));
        Some(Journey {
            journey_id: source.name.clone(),
            purpose: source.purpose.clone(),
            entry: source.entry.clone(),
            hold_out_percent: source.hold_out_percent,
            window,
            exits: source.exit.clone(),
            steps,
            by_id,
            fields,
            watches,
            source: source.clone(),
        })
    }

    fn head(&mut self) {
        let source = self.source;
        if !is_slug(&source.name) {
            self.wrong("name", "takes small letters, digits and hyphens, at most 64: \"warm-up\"");
        }
        if source.hold_out_percent > 50 {
            self.wrong("hold_out_percent", "is at most 50");
        }
        if source.steps.is_empty() || source.steps.len() > MOST_STEPS {
            self.wrong("steps", format!("takes 1 to {MOST_STEPS} steps"));
        }
        let entry = &source.entry;
        if entry.stage.is_empty() && entry.segment.is_none() && entry.event.is_none() {
            self.wrong("entry", "nobody can enter: name a stage, a segment or an event");
        }
        for stage in &entry.stage {
            if !matches!(stage.as_str(), "open" | "recycled" | "mql" | "sal" | "sql") {
                self.wrong(
                    "entry.stage",
                    format!(
                        "{stage:?} is no stage that can be nurtured; there are open and recycled, and mql, sal, sql"
                    ),
                );
            }
        }
        if entry.instance_key.is_some() && entry.event.is_none() {
            self.wrong("entry.instance_key", "belongs to an entry by an event: it names a property of it");
        }
        if let Some(key) = &entry.instance_key
            && !key.starts_with("properties.")
        {
            self.wrong("entry.instance_key", "names a property of the event: \"properties.event\"");
        }
        if let Some(segment) = &entry.segment {
            self.lead_condition("entry.segment", segment);
        }
        if let Some(event) = &entry.event {
            self.event("entry.event", event);
        }
        for (number, exit) in source.exit.iter().enumerate() {
            match exit {
                ExitSource::Goal(event) => self.event(&format!("exit[{number}].goal"), event),
                ExitSource::When(condition) => self.lead_condition(&format!("exit[{number}].when"), condition),
                ExitSource::Assigned | ExitSource::Mql | ExitSource::Replied | ExitSource::Unsubscribed => {}
            }
        }
    }

    fn step(&mut self, number: usize, step: &StepSource) -> Option<Step> {
        let place = format!("steps.{}", step.id);
        let things = [
            step.email.is_some(),
            step.wait.is_some(),
            step.branch.is_some(),
            step.split.is_some(),
            step.task.is_some(),
            step.webhook.is_some(),
            step.event.is_some(),
            step.end.is_some(),
        ];
        if things.into_iter().filter(|given| *given).count() != 1 {
            self.wrong(&place, "does exactly one of email, wait, branch, split, task, webhook, event, end");
            return None;
        }
        let action = self.action(&place, step)?;
        let otherwise = match &step.otherwise {
            Some(id) => Some(self.target(&format!("{place}.otherwise"), id)?),
            None => None,
        };
        let next = match &step.next {
            Some(id) => Some(self.target(&format!("{place}.next"), id)?),
            None => Some(number + 1).filter(|next| *next < self.source.steps.len()),
        };
        match &action {
            Action::Branch(_) | Action::WaitEvent { .. } if otherwise.is_none() => {
                self.wrong(format!("{place}.otherwise"), "is missing: say where it goes if nothing of this happens");
                return None;
            }
            Action::Branch(_) | Action::Split(_) | Action::End { .. } if step.next.is_some() => {
                self.wrong(format!("{place}.next"), "has no meaning here: each way says where it leads");
                return None;
            }
            _ => {}
        }
        let next =
            if matches!(action, Action::Branch(_) | Action::Split(_) | Action::End { .. }) { None } else { next };
        Some(Step { id: step.id.clone(), action, next, otherwise })
    }

    fn action(&mut self, place: &str, step: &StepSource) -> Option<Action> {
        if let Some(email) = &step.email {
            if !self.source.templates.contains_key(&email.template) {
                let known: Vec<&str> = self.source.templates.keys().map(String::as_str).collect();
                self.wrong(
                    format!("{place}.email.template"),
                    format!("{:?} does not stand under templates; there are: {}", email.template, known.join(", ")),
                );
            }
            let patience_us = self.duration(&format!("{place}.email.patience"), &email.patience)?;
            return Some(Action::Mail {
                template: email.template.clone(),
                from_owner: email.from == super::step::FromSource::Owner,
                topic: email.topic.clone().unwrap_or_default(),
                patience_us,
            });
        }
        if let Some(wait) = &step.wait {
            return self.wait(&format!("{place}.wait"), wait);
        }
        if let Some(ways) = &step.branch {
            return self.branch(&format!("{place}.branch"), ways);
        }
        if let Some(shares) = &step.split {
            return self.split(&format!("{place}.split"), shares);
        }
        if let Some(task) = &step.task {
            let due_us = self.duration(&format!("{place}.task.due"), &task.due)?;
            if !is_slug(&task.text_key) {
                self.wrong(format!("{place}.task.text_key"), "takes small letters, digits, hyphens and underscores");
            }
            return Some(Action::Task { text_key: task.text_key.clone(), due_us });
        }
        if let Some(webhook) = &step.webhook {
            return Some(Action::Webhook { endpoint: webhook.endpoint.clone() });
        }
        if let Some(signal) = &step.event {
            if signal.name.is_empty() || signal.name.len() > 256 {
                self.wrong(format!("{place}.event.name"), "takes 1 to 256 bytes");
            }
            return Some(Action::Signal { name: signal.name.clone(), properties: signal.properties.clone() });
        }
        let end = step.end.as_ref()?;
        Some(Action::End { reason: end.reason.clone().unwrap_or_else(|| "completed".to_owned()) })
    }

    pub(super) fn target(&mut self, place: &str, id: &str) -> Option<usize> {
        let found = self.by_id.get(id).copied();
        if found.is_none() {
            let near = self.by_id.keys().map(|known| (strsim::jaro_winkler(known, id), known.clone()));
            let near = near.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness > 0.8);
            let hint = near.map(|(_, known)| format!("; did you mean {known:?}?")).unwrap_or_default();
            self.wrong(place, format!("there is no step {id:?}{hint}"));
        }
        found
    }

    pub(super) fn duration(&mut self, place: &str, text: &str) -> Option<i64> {
        let found = window::duration_us(text);
        if found.is_none() {
            self.wrong(place, format!("{text:?} is no duration: write \"3d\", \"90m\" or \"2w\"; at most 400 days"));
        }
        found
    }

    pub(super) fn minute(&mut self, place: &str, text: &str) -> Option<u16> {
        let found = window::minute(text);
        if found.is_none() {
            self.wrong(place, format!("{text:?} is no time of day: write \"09:00\""));
        }
        found
    }

    pub(super) fn watch(&mut self, event: &EventSource) -> Watch {
        let text = serde_json::to_string(event).unwrap_or_default();
        let digest = Sha256::digest(text.as_bytes());
        let key = digest[..8].iter().fold(String::new(), |key, byte| key + &format!("{byte:02x}"));
        let watch = Watch { key, event: event.clone() };
        if !self.watches.contains(&watch) {
            self.watches.push(watch.clone());
        }
        watch
    }

    pub(super) fn event(&mut self, place: &str, event: &EventSource) {
        if !check::KINDS.contains(&event.kind.as_str()) {
            self.wrong(
                format!("{place}.kind"),
                format!("{:?} is no kind of event; there are: {}", event.kind, check::KINDS.join(", ")),
            );
        }
        if let Some(condition) = &event.condition {
            self.condition(
                &format!("{place}.where"),
                condition,
                |field| field.starts_with("properties."),
                "properties.<name>",
            );
        }
    }

    pub(super) fn lead_condition(&mut self, place: &str, condition: &ConditionSource) {
        self.condition(place, condition, is_lead_field, LEAD_FIELDS_TEXT);
    }

    fn condition(&mut self, place: &str, condition: &ConditionSource, known: fn(&str) -> bool, there_are: &str) {
        if condition.comparisons().next().is_none() {
            self.wrong(place, "is empty: it would hold for everybody");
        }
        for one in condition.comparisons() {
            if one.operators() != 1 {
                self.wrong(
                    format!("{place} ({})", one.field),
                    "takes exactly one of equals, in, contains, starts_with, at_least, less_than, exists",
                );
            }
            if !known(&one.field) {
                self.wrong(place, format!("the field {:?} is not known here; there are: {there_are}", one.field));
            }
        }
    }
}

fn is_slug(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.len() <= 64 && text.bytes().all(allowed)
}
