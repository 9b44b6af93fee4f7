//! The score itself: DOMAIN of all arithmetic. One walk over the accumulator serves the bare score (no allocation) and
//! the explanation, so that the two cannot differ.

use crate::domain::day::Day;
use crate::domain::rules::{GroupNo, MOST_GROUPS, Model, Rule, RuleNo};

use super::accumulator::{Accumulator, Entry};

/// A rule's raw total stops here (a million points, in milli-points): beyond, it could not be told in 32 bits. No cap is
/// higher, so no score ever feels it.
pub(super) const MOST_RAW: i128 = 1_000_000_000;

/// What one rule gives on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RuleTotal {
    pub(super) rule: RuleNo,
    /// Before the rule's cap, in milli-points.
    pub(super) raw: i64,
    /// After it.
    pub(super) capped: i64,
    /// How many acts give points, or would but for a daily cap.
    pub(super) acts: u64,
    /// First and last of their days.
    pub(super) days: (Day, Day),
}

/// Engagement points on the UTC day `today`, in milli-points: from 0 to the model's total cap.
#[must_use]
pub fn score(model: &Model, accumulator: &Accumulator, today: Day) -> i32 {
    let mut totals = Totals::default();
    for total in rule_totals(model, accumulator, today) {
        totals.add(model, &total);
    }
    let total = totals.capped(model);
    i32::try_from(total).expect("a total cap is at most a hundred thousand points")
}

/// Sum over the rules outside groups, and one sum per group.
#[derive(Debug, Default)]
pub(super) struct Totals {
    ungrouped: i64,
    pub(super) groups: [i64; MOST_GROUPS],
}

impl Totals {
    pub(super) fn add(&mut self, model: &Model, total: &RuleTotal) {
        match model.rule(total.rule).group {
            None => self.ungrouped += total.capped,
            Some(GroupNo(group)) => self.groups[usize::from(group)] += total.capped,
        }
    }

    /// Sum with the groups' caps, without the total cap.
    pub(super) fn before_total_cap(&self, model: &Model) -> i64 {
        let groups = model.groups().iter().zip(self.groups);
        self.ungrouped + groups.map(|(group, sum)| clamp(sum, group.cap)).sum::<i64>()
    }

    pub(super) fn capped(&self, model: &Model) -> i64 {
        self.before_total_cap(model).clamp(0, i64::from(model.total_cap()))
    }
}

/// `sum` within [-cap, cap].
pub(super) fn clamp(sum: i64, cap: i32) -> i64 {
    sum.clamp(-i64::from(cap), i64::from(cap))
}

/// Totals of the rules that give anything but 0 on `today`, or would but for a cap, in the order of the model.
pub(super) fn rule_totals(model: &Model, accumulator: &Accumulator, today: Day) -> impl Iterator<Item = RuleTotal> {
    let by_rule = accumulator.entries().chunk_by(|a, b| a.rule == b.rule);
    by_rule.filter_map(move |days| {
        // A number that the model does not have: an accumulator of another model. It cannot count; `recompute` mends it.
        let rule = model.find_rule(days[0].rule)?;
        rule_total(model, rule, days, today)
    })
}

fn rule_total(model: &Model, rule: &Rule, days: &[Entry], today: Day) -> Option<RuleTotal> {
    let first = model.first_counting_day(today);
    let counting = &days[days.partition_point(|entry| entry.day < first)..];
    let counting = if rule.once { counting.get(..1).unwrap_or_default() } else { counting };
    let table = model.factors(rule);
    let magnitude = i128::from(rule.points.unsigned_abs());
    let (mut raw, mut acts, mut range) = (0i128, 0u64, None);
    for entry in counting {
        let factor = table.at_age(today.since(entry.day));
        if factor == 0 {
            continue;
        }
        let count = if rule.once { 1 } else { entry.count };
        // At most 2^64 * 2^27 * 2^32 per day, at most 2^10 days before today and 2^32 after it: never near 2^127, but for
        // absurd days in the future; saturating is then as good as any other answer.
        let counted = i128::from(count.min(rule.cap_per_day));
        raw = raw.saturating_add((counted * magnitude * i128::from(factor)) >> 32);
        acts = acts.saturating_add(count);
        range = Some((range.map_or(entry.day, |(first, _)| first), entry.day));
    }
    let raw = i64::try_from(raw.min(MOST_RAW)).expect("at most a billion") * i64::from(rule.points.signum());
    let days = range?;
    Some(RuleTotal { rule: rule.no, raw, capped: clamp(raw, rule.cap), acts, days })
}
