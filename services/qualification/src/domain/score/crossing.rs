//! When a score will cross a threshold although nothing happens: decay fires rules, so the day is known beforehand and
//! kept as a review. Looks ahead only as far as anything can still change.

use crate::domain::day::Day;
use crate::domain::rules::Model;

use super::accumulator::Accumulator;
use super::tally::score;

/// The next day on which a score is on the other side of a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// First day on the other side.
    pub day: Day,
    /// Whether the score is at or above the threshold from then on, or below it.
    pub upwards: bool,
}

/// The first day after `today` on which the score is on another side of `threshold` (milli-points; at it is above) than
/// on `today`, if nothing happens until then; none if it stays where it is for good.
///
/// # Cost
/// One score if nothing can cross; a dozen if the score can only fall; else one per day to the horizon. A score can only
/// rise by itself when a penalty fades or when the earliest act of a `once` rule leaves the horizon before a later one.
#[must_use]
pub fn next_crossing(model: &Model, accumulator: &Accumulator, today: Day, threshold: i32) -> Option<Crossing> {
    let last = accumulator.entries().iter().map(|entry| entry.day).max()?;
    // On the day after the horizon of the last act everything is 0.
    // The door refuses acts of later than tomorrow; were there one, this looks ahead one horizon at most.
    let end = last.clamp(today, today.plus(model.horizon_days())).plus(model.horizon_days()).plus(1);
    let is_above = |day| score(model, accumulator, day) >= threshold;
    let above_now = is_above(today);
    let crossing = |day| Crossing { day, upwards: !above_now };
    if !can_rise(model, accumulator, today) {
        if !above_now || is_above(end) {
            return None;
        }
        return Some(crossing(first_below(today, end, is_above)));
    }
    (today.0.saturating_add(1)..=end.0).map(Day).find(|day| is_above(*day) != above_now).map(crossing)
}

/// Whether the score can be higher on a later day than on the day before.
fn can_rise(model: &Model, accumulator: &Accumulator, today: Day) -> bool {
    let first = model.first_counting_day(today);
    let counting = accumulator.entries().iter().filter(|entry| entry.day >= first);
    let mut last_once = None;
    for entry in counting {
        let Some(rule) = model.find_rule(entry.rule) else { continue };
        if rule.points < 0 || (rule.once && last_once == Some(entry.rule)) {
            return true;
        }
        last_once = rule.once.then_some(entry.rule);
    }
    false
}

/// The first day after `from` that is not above, given that days are above first and then not. `to` is not.
fn first_below(from: Day, to: Day, is_above: impl Fn(Day) -> bool) -> Day {
    let (mut above, mut below) = (from.0, to.0);
    while below.saturating_sub(above) > 1 {
        let middle = above.midpoint(below);
        if is_above(Day(middle)) {
            above = middle;
        } else {
            below = middle;
        }
    }
    Day(below)
}
