//! A scoring model that has been checked and made ready: rules by kind of event, factors by age, numbers instead of names.
//! Immutable; a person is on one model at any moment, so the numbers of its rules may be kept in the person's state.

use crate::domain::day::Day;
use crate::domain::event::{EngagementEvent, EventKind};
use crate::domain::score::{Decay, FactorTable};

use super::condition::Conditions;
use super::disqualify::DisqualifyRule;
use super::emission::EmitRule;
use super::field::EventField;
use super::fit::{FitModel, Grade};
use super::reduce::NamedFields;

/// Most groups a model may have.
pub const MOST_GROUPS: usize = 32;

/// Number of a rule in its model: its place in the file, from 0. Means nothing without the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleNo(pub u16);

/// Number of a group in its model: its place in the file, from 0, below [`MOST_GROUPS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupNo(pub u8);

/// A compiled scoring model; made by [`compile`](super::compile()).
#[derive(Debug)]
pub struct Model {
    pub(super) name: String,
    pub(super) horizon_days: u16,
    pub(super) total_cap: i32,
    /// By [`Grade`], A first.
    pub(super) mql: [Option<i32>; 4],
    pub(super) cooled: Option<i32>,
    /// By [`RuleNo`].
    pub(super) rules: Vec<Rule>,
    /// By [`GroupNo`].
    pub(super) groups: Vec<Group>,
    /// By [`Rule::decay`].
    pub(super) factors: Vec<FactorTable>,
    /// By number of the kind.
    pub(super) by_kind: [KindRules; EventKind::ALL.len() + 1],
    pub(super) fit: FitModel,
    pub(super) disqualify: Vec<DisqualifyRule>,
    pub(super) emit: Vec<EmitRule>,
    pub(super) emit_traits: Vec<String>,
    /// Beside the well-known ones; sorted, in lower case.
    pub(super) junk: Box<[Box<str>]>,
    pub(super) named: NamedFields,
}

/// One rule of engagement.
#[derive(Debug)]
pub struct Rule {
    /// Its number.
    pub no: RuleNo,
    /// Stable name.
    pub id: String,
    /// For people.
    pub text: String,
    /// Milli-points per act; negative for a penalty, 0 for a mere hand-raise.
    pub points: i32,
    /// How it decays.
    pub decay: Decay,
    /// Whether only the earliest act counts.
    pub once: bool,
    /// Acts of one day that count.
    pub cap_per_day: u64,
    /// Milli-points over all days, in either direction.
    pub cap: i32,
    /// Whose cap applies as well.
    pub group: Option<GroupNo>,
    /// Whether it is an explicit wish to talk.
    pub hand_raise: bool,
    /// Place in [`Model::factors`].
    pub(super) table: usize,
    pub(super) conditions: Conditions<EventField>,
}

/// Rules that share a cap.
#[derive(Debug)]
pub struct Group {
    /// Stable name.
    pub id: String,
    /// For people.
    pub text: String,
    /// Milli-points, in either direction.
    pub cap: i32,
}

/// The rules for one kind of event, so that an event meets only those it can match.
#[derive(Debug, Default)]
pub(super) struct KindRules {
    /// For events of every name.
    pub(super) any_name: Vec<RuleNo>,
    /// For events of one name; sorted by it.
    pub(super) by_name: Vec<(String, Vec<RuleNo>)>,
}

/// Which rules an event met. Reused from event to event, so that the hot path allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// Rules that give or take points, ascending, each once: what goes into the accumulator, on [`EngagementEvent::day`].
    pub scoring: Vec<RuleNo>,
    /// The first rule by which it is a raised hand; never of a machine or from an import.
    pub hand_raise: Option<RuleNo>,
}

impl Hits {
    fn clear(&mut self) {
        self.scoring.clear();
        self.hand_raise = None;
    }
}

impl Model {
    /// Which rules `event` meets; what `hits` had is gone. A machine's event meets none; an imported one scores but raises
    /// no hand.
    pub fn evaluate(&self, event: &EngagementEvent, hits: &mut Hits) {
        hits.clear();
        if event.is_bot() {
            return;
        }
        let candidates = &self.by_kind[usize::from(event.kind.number())];
        for &no in &candidates.any_name {
            self.try_rule(no, event, hits);
        }
        if let Ok(at) = candidates.by_name.binary_search_by(|(name, _)| name.as_str().cmp(&event.name)) {
            for &no in &candidates.by_name[at].1 {
                self.try_rule(no, event, hits);
            }
            hits.scoring.sort_unstable();
        }
    }

    fn try_rule(&self, no: RuleNo, event: &EngagementEvent, hits: &mut Hits) {
        let rule = self.rule(no);
        if !rule.conditions.met_by(|field| field.read(event)) {
            return;
        }
        if rule.points != 0 {
            hits.scoring.push(no);
        }
        if rule.hand_raise && !event.historical {
            hits.hand_raise = Some(hits.hand_raise.map_or(no, |first| first.min(no)));
        }
    }

    /// The event with nothing but ids, times, marks, kind, name and the fields that some rule of this model reads: every
    /// question to the model has the same answer for it. What a decision keeps as its input.
    #[must_use]
    pub fn reduce(&self, event: &EngagementEvent) -> EngagementEvent {
        self.named.reduce(event)
    }

    /// As the author called it; versions are called `scoring/<name>@<model_no>`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many days after its own an act counts at all. Whoever publishes a model makes sure that the timeline keeps as
    /// much.
    #[must_use]
    pub const fn horizon_days(&self) -> i32 {
        self.horizon_days as i32
    }

    /// The earliest day whose acts count on `today`: what is before may be forgotten.
    #[must_use]
    pub const fn first_counting_day(&self, today: Day) -> Day {
        today.plus(-self.horizon_days())
    }

    /// Milli-points from which a lead of this grade is an mql; none if points alone never make it one.
    #[must_use]
    pub const fn mql_threshold(&self, grade: Grade) -> Option<i32> {
        self.mql[grade as usize]
    }

    /// Milli-points below which an mql has cooled; none if leads of this model never cool.
    #[must_use]
    pub const fn cooled_threshold(&self) -> Option<i32> {
        self.cooled
    }

    /// Most milli-points of engagement.
    #[must_use]
    pub const fn total_cap(&self) -> i32 {
        self.total_cap
    }

    /// All rules, by number.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// All groups, by number.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The rule of that number, or none if it is of another model.
    #[must_use]
    pub fn find_rule(&self, no: RuleNo) -> Option<&Rule> {
        self.rules.get(usize::from(no.0))
    }

    /// Traits of the person that go with every lead event.
    #[must_use]
    pub fn emit_traits(&self) -> &[String] {
        &self.emit_traits
    }

    /// A rule of this very model.
    pub(in crate::domain) fn rule(&self, no: RuleNo) -> &Rule {
        &self.rules[usize::from(no.0)]
    }

    /// What is left of an act of this rule, by age.
    pub(in crate::domain) fn factors(&self, rule: &Rule) -> &FactorTable {
        &self.factors[rule.table]
    }
}
