//! Decay fires rules: the day is known beforehand.

use proptest::prelude::*;

use crate::domain::day::Day;
use crate::domain::rules::Model;
use crate::domain::rules::fixture::model_of_rules;
use crate::domain::score::{Accumulator, Crossing, next_crossing, score};

use super::random::{TODAY, histories, models};
use super::scores::acts;

/// Day by day until long after everything is forgotten.
fn by_looking(model: &Model, history: &Accumulator, threshold: i32) -> Option<Crossing> {
    let above = |day| score(model, history, day) >= threshold;
    let later = (1..=2 * model.horizon_days() + 2).map(|days| TODAY.plus(days));
    later.into_iter().find(|&day| above(day) != above(TODAY)).map(|day| Crossing { day, upwards: above(day) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_next_crossing_is_the_first_that_looking_finds(
        model in models(), history in histories(), threshold in prop_oneof![1i32..30_000, 1i32..200_000],
    ) {
        prop_assert_eq!(next_crossing(&model, &history, TODAY, threshold), by_looking(&model, &history, threshold));
    }
}

#[test]
fn a_score_falls_through_the_threshold_on_the_day_after_the_half_life() {
    let model = model_of_rules(
        "\n  - { id: form, text: Wrote, when: { kind: form }, points: 40, decay: { half_life_days: 14 } }",
    );
    let crossing = next_crossing(&model, &acts(&[(0, 0, 1)]), TODAY, 20_000);
    assert_eq!(crossing, Some(Crossing { day: TODAY.plus(15), upwards: false }), "on day 14 it is 20 exactly");
}

#[test]
fn a_score_rises_through_the_threshold_when_a_penalty_fades() {
    let model = model_of_rules(
        "
  - { id: form, text: Wrote, when: { kind: form }, points: 60 }
  - { id: spam, text: Complained, when: { kind: email_complained }, points: -20, decay: { half_life_days: 10 } }",
    );
    let crossing = next_crossing(&model, &acts(&[(0, 0, 1), (1, 0, 1)]), TODAY, 50_000);
    assert_eq!(crossing, Some(Crossing { day: TODAY.plus(10), upwards: true }));
}

#[test]
fn a_score_rises_when_the_earliest_act_of_a_once_rule_is_forgotten() {
    let model = model_of_rules(
        "
  - { id: trial, text: Began, when: { kind: product }, points: 60, once: true, decay: { half_life_days: 30 } }",
    );
    let crossing = next_crossing(&model, &acts(&[(0, 180, 1), (0, 1, 1)]), TODAY, 50_000);
    assert_eq!(crossing, Some(Crossing { day: TODAY.plus(3), upwards: true }), "182 days count");
}

#[test]
fn nobody_without_acts_and_nobody_below_who_can_only_fall_is_reviewed() {
    let model = model_of_rules("\n  - { id: form, text: Wrote, when: { kind: form }, points: 40 }");
    assert_eq!(next_crossing(&model, &Accumulator::new(), TODAY, 20_000), None);
    assert_eq!(next_crossing(&model, &acts(&[(0, 0, 1)]), TODAY, 50_000), None);
}

#[test]
fn an_act_of_a_day_far_in_the_future_does_not_make_the_search_endless() {
    let model = model_of_rules(
        "
  - { id: form, text: Wrote, when: { kind: form }, points: 40 }
  - { id: spam, text: Complained, when: { kind: email_complained }, points: -20 }",
    );
    let mut history = Accumulator::new();
    for rule in model.rules() {
        history.add(rule.no, Day(i32::MAX));
    }
    assert_eq!(next_crossing(&model, &history, TODAY, 10_000), None);
    assert_eq!(next_crossing(&model, &history, Day(i32::MAX), 10_000), None);
}
