//! Why the score is what it is: a line per rule and a line per cap that took something away. The lines add up to the score
//! exactly, because both come from the same walk. Which events stand behind a line is for the timeline to say.

use crate::domain::day::Day;
use crate::domain::rules::{Model, RuleNo};

use super::accumulator::Accumulator;
use super::tally::{RuleTotal, Totals, clamp, rule_totals};

/// A score and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Sum of the lines; the same as [`score`](super::score).
    pub score_milli: i32,
    /// The day it is of.
    pub day: Day,
    /// Rules in the order of the model, each followed by its cap; then groups; then the total.
    pub lines: Vec<Line>,
}

/// One summand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Id of the rule; `cap:<rule>`, `cap:<group>` or `cap:total` for what a cap took away (a score below 0 is brought to
    /// 0 by `cap:total` too).
    pub code: String,
    /// For people.
    pub text: String,
    /// Never 0.
    pub milli_points: i32,
    /// What it stands on; none for caps.
    pub evidence: Option<Evidence>,
}

/// The acts behind a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Which rule they met.
    pub rule: RuleNo,
    /// How many.
    pub acts: u64,
    /// Day of the first of them.
    pub first_day: Day,
    /// Day of the last.
    pub last_day: Day,
}

/// The score of the UTC day `today` with its reasons.
#[must_use]
pub fn explain(model: &Model, accumulator: &Accumulator, today: Day) -> Explanation {
    let mut totals = Totals::default();
    let mut lines = Vec::new();
    for total in rule_totals(model, accumulator, today) {
        totals.add(model, &total);
        push_rule(&mut lines, model, &total);
    }
    for (group, sum) in model.groups().iter().zip(totals.groups) {
        let taken = clamp(sum, group.cap) - sum;
        push(&mut lines, format!("cap:{}", group.id), || cap_text(&group.text, group.cap), taken);
    }
    let before = totals.before_total_cap(model);
    let score = totals.capped(model);
    let total_text = || {
        if before < 0 { "a score is never below 0".to_owned() } else { cap_text("all engagement", model.total_cap()) }
    };
    push(&mut lines, "cap:total".to_owned(), total_text, score - before);
    Explanation { score_milli: milli(score), day: today, lines }
}

fn push_rule(lines: &mut Vec<Line>, model: &Model, total: &RuleTotal) {
    let rule = model.rule(total.rule);
    if total.raw != 0 {
        let (first_day, last_day) = total.days;
        let evidence = Evidence { rule: total.rule, acts: total.acts, first_day, last_day };
        let (code, text) = (rule.id.clone(), rule.text.clone());
        lines.push(Line { code, text, milli_points: milli(total.raw), evidence: Some(evidence) });
    }
    push(lines, format!("cap:{}", rule.id), || cap_text(&rule.text, rule.cap), total.capped - total.raw);
}

fn push(lines: &mut Vec<Line>, code: String, text: impl FnOnce() -> String, milli_points: i64) {
    if milli_points != 0 {
        lines.push(Line { code, text: text(), milli_points: milli(milli_points), evidence: None });
    }
}

fn cap_text(of: &str, cap: i32) -> String {
    format!("{of}: at most {} points", crate::domain::rules::in_points(i64::from(cap)))
}

/// A model whose caps together exceed 32 bits is refused when it is compiled.
fn milli(points: i64) -> i32 {
    i32::try_from(points).expect("the caps of a model keep every line within 32 bits")
}
