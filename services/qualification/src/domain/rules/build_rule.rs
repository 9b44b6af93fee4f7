//! Rules of engagement: from what is written to what is evaluated, and the index by kind and name of event.

use crate::domain::event::EventKind;
use crate::domain::score::Decay;

use super::build::Builder;
use super::compile::Sections;
use super::condition::Conditions;
use super::condition_source::{Groups, build_conditions};
use super::field::EventField;
use super::model::{GroupNo, KindRules, Rule, RuleNo};
use super::points::{Points, in_points};
use super::source::{DecaySource, RuleSource};
use super::source_when::EventWhen;

pub(super) struct RuleBuilder<'a, 'b> {
    builder: &'a mut Builder<'b>,
    sections: &'a Sections<'a>,
    total_cap: i32,
    horizon_days: u16,
}

impl<'a, 'b> RuleBuilder<'a, 'b> {
    pub(super) const fn new(
        builder: &'a mut Builder<'b>,
        sections: &'a Sections<'a>,
        total_cap: i32,
        horizon_days: u16,
    ) -> Self {
        Self { builder, sections, total_cap, horizon_days }
    }

    /// All readable rules, numbered in the order of the file.
    pub(super) fn all(mut self) -> Vec<Rule> {
        let sections = self.sections;
        let numbered = sections.rules.iter().zip(0..);
        numbered.map(|((index, source), no)| self.rule(RuleNo(no), source, &format!("rules[{index}]"))).collect()
    }

    fn rule(&mut self, no: RuleNo, source: &RuleSource, path: &str) -> Rule {
        let points = source.points.map_or(0, |points| points.0);
        let hand_raise = source.hand_raise.unwrap_or_default();
        if points == 0 && !hand_raise {
            let remedy = "give it `points`, or `hand_raise: true`, or remove it";
            self.builder.findings.fault(path, format!("`{}` gives no points and raises no hand", source.id), remedy);
        }
        let once = source.once.unwrap_or_default();
        self.doubtful_caps(source, points, once, path);
        let group_path = format!("{path}.group");
        let group = source.group.as_ref().and_then(|id| self.builder.group_place(self.sections, id, &group_path));
        Rule {
            no,
            id: source.id.clone(),
            text: source.text.clone(),
            points,
            decay: self.decay(source.decay, &format!("{path}.decay")),
            once,
            cap_per_day: source.cap_per_day.and_then(|times| u64::try_from(times).ok()).unwrap_or(u64::MAX),
            cap: source.cap.map_or(self.total_cap, |Points(cap)| cap),
            group: group.and_then(|place| u8::try_from(place).ok()).map(GroupNo),
            hand_raise,
            table: 0,
            conditions: self.builder.event_conditions(&source.when, &format!("{path}.when")),
        }
    }

    fn doubtful_caps(&mut self, source: &RuleSource, points: i32, once: bool, path: &str) {
        let findings = &mut *self.builder.findings;
        if once && source.cap_per_day.is_some() {
            findings.warning(format!("{path}.cap_per_day"), "a rule with `once` counts one act in all", "remove it");
        }
        if let Some(cap) = source.cap.filter(|cap| cap.0 < points.saturating_abs()) {
            let problem = format!("{cap} is less than the {} points of one act", in_points(points.into()));
            findings.warning(format!("{path}.cap"), problem, "raise the cap, or lower the points");
        }
    }

    fn decay(&mut self, source: Option<DecaySource>, path: &str) -> Decay {
        let Some(source) = source else { return Decay::None };
        let days = |days: i32| u16::try_from(days).unwrap_or(1).max(1);
        let (decay, days) = match (source.half_life_days, source.window_days) {
            (Some(half_life), None) => (Decay::HalfLife(days(half_life)), days(half_life)),
            (None, Some(window)) => (Decay::Window(days(window)), days(window)),
            (Some(_), Some(_)) | (None, None) => {
                let remedy = "give `half_life_days` or `window_days`, not both; without decay leave `decay` out";
                self.builder.findings.fault(path, "a decay is exactly one of two", remedy);
                return Decay::None;
            }
        };
        if days > self.horizon_days {
            let horizon = self.horizon_days;
            let problem = format!("{days} days are more than the horizon of {horizon}, after which nothing counts");
            self.builder.findings.warning(path, problem, "shorten it, or raise `horizon_weeks`");
        }
        decay
    }
}

impl Builder<'_> {
    /// Conditions on events; what they read is noted.
    pub(super) fn event_conditions(&mut self, when: &EventWhen, path: &str) -> Conditions<EventField> {
        let groups = Groups { all: &when.all, any: &when.any, none: &when.none };
        let conditions = build_conditions(&groups, EventField::parse, &mut self.scope, path, self.findings);
        conditions.fields().for_each(|field| self.named.add(field));
        conditions
    }
}

/// Where an event finds its rules. A rule of several kinds and names stands in several places, once in each.
pub(super) fn index_by_kind(sections: &Sections<'_>) -> [KindRules; EventKind::ALL.len() + 1] {
    let mut by_kind: [KindRules; EventKind::ALL.len() + 1] = Default::default();
    for ((_, source), no) in sections.rules.iter().zip(0..) {
        for kind in Builder::kinds(source.when.kind.as_slice()) {
            let rules = &mut by_kind[usize::from(kind.number())];
            match &source.when.name {
                None => rules.any_name.push(RuleNo(no)),
                Some(names) => names.as_slice().iter().for_each(|name| rules.add_name(&name.0, RuleNo(no))),
            }
        }
    }
    by_kind
}

impl KindRules {
    fn add_name(&mut self, name: &str, no: RuleNo) {
        match self.by_name.binary_search_by(|(known, _)| known.as_str().cmp(name)) {
            Ok(at) if self.by_name[at].1.last() == Some(&no) => (),
            Ok(at) => self.by_name[at].1.push(no),
            Err(at) => self.by_name.insert(at, (name.to_owned(), vec![no])),
        }
    }
}
