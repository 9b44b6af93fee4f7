//! Compiles what a step waits for and which ways it goes.

use super::compile::Compiler;
use super::lead_fields::{is_lead_field, unknown_field};
use super::plan::{Action, Test, Way};
use super::step::{ShareSource, WaitSource, WaySource};
use crate::domain::window;

impl Compiler<'_> {
    pub(super) fn wait(&mut self, place: &str, wait: &WaitSource) -> Option<Action> {
        match wait {
            WaitSource { duration: Some(text), until: None, until_date: None, event: None, timeout: None } => {
                Some(Action::WaitFor(self.duration(&format!("{place}.for"), text)?))
            }
            WaitSource { duration: None, until: Some(until), until_date: None, event: None, timeout: None } => {
                let minute = self.minute(&format!("{place}.until.time"), &until.time)?;
                Some(Action::WaitUntil { minute, days: window::day_bits(&until.days) })
            }
            WaitSource { duration: None, until: None, until_date: Some(date), event: None, timeout: None } => {
                let minute = self.minute(&format!("{place}.until_date.at"), &date.at)?;
                if !is_lead_field(&date.field) && !date.field.starts_with("event.") {
                    self.wrong(format!("{place}.until_date.field"), unknown_field(&date.field));
                }
                Some(Action::WaitDate { field: date.field.clone(), offset_days: date.offset_days, minute })
            }
            WaitSource {
                duration: None,
                until: None,
                until_date: None,
                event: Some(event),
                timeout: Some(timeout),
            } => {
                let timeout_us = self.duration(&format!("{place}.timeout"), timeout)?;
                self.event(&format!("{place}.event"), event);
                Some(Action::WaitEvent { watch: self.watch(event), timeout_us })
            }
            WaitSource { event: Some(_), timeout: None, .. } => {
                self.wrong(format!("{place}.timeout"), "is missing: nobody waits for ever");
                None
            }
            _ => {
                self.wrong(place, "takes exactly one of for, until, until_date, event (with timeout)");
                None
            }
        }
    }

    pub(super) fn branch(&mut self, place: &str, sources: &[WaySource]) -> Option<Action> {
        if sources.is_empty() {
            self.wrong(place, "needs at least one way");
        }
        let mut ways = Vec::new();
        for (number, way) in sources.iter().enumerate() {
            let place = format!("{place}[{number}]");
            let then = self.target(&format!("{place}.then"), &way.then)?;
            let test = match (&way.when, &way.engaged) {
                (Some(condition), None) => {
                    self.lead_condition(&format!("{place}.when"), condition);
                    Test::Lead(condition.clone())
                }
                (None, Some(event)) => {
                    self.event(&format!("{place}.engaged"), event);
                    Test::Engaged { watch: self.watch(event), at_least: way.at_least.max(1) }
                }
                _ => {
                    self.wrong(place, "takes exactly one of when, engaged");
                    return None;
                }
            };
            ways.push(Way { test, then });
        }
        Some(Action::Branch(ways))
    }

    pub(super) fn split(&mut self, place: &str, shares: &[ShareSource]) -> Option<Action> {
        let total: u32 = shares.iter().map(|share| u32::from(share.percent)).sum();
        if total != 100 {
            self.wrong(place, format!("the shares add up to {total}, not to 100"));
        }
        let mut ways = Vec::new();
        for (number, share) in shares.iter().enumerate() {
            ways.push((share.percent, self.target(&format!("{place}[{number}].then"), &share.then)?));
        }
        Some(Action::Split(ways))
    }
}
