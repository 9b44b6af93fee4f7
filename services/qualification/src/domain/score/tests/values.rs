//! Accumulators as values: order, parts, copies and bytes.

use proptest::prelude::*;

use crate::domain::day::Day;
use crate::domain::rules::RuleNo;
use crate::domain::score::{Accumulator, NotContained};

/// Acts of a few rules on a few days, so that they meet.
fn acts() -> impl Strategy<Value = Vec<(RuleNo, Day)>> {
    let days = prop_oneof![20_000..20_010, -3..3, Just(i32::MIN), Just(i32::MAX)];
    proptest::collection::vec((prop_oneof![0u16..4, Just(u16::MAX)].prop_map(RuleNo), days.prop_map(Day)), 0..60)
}

fn of(acts: &[(RuleNo, Day)]) -> Accumulator {
    let mut accumulator = Accumulator::new();
    acts.iter().for_each(|&(rule, day)| accumulator.add(rule, day));
    accumulator
}

proptest! {
    #[test]
    fn the_same_acts_in_any_order_and_in_any_parts_are_the_same_bytes(
        (acts, shuffled) in acts().prop_flat_map(|acts| (Just(acts.clone()), Just(acts).prop_shuffle())),
        cut in any::<proptest::sample::Index>(),
    ) {
        let whole = of(&acts).to_bytes();
        prop_assert_eq!(of(&shuffled).to_bytes(), whole.clone());
        let (left, right) = shuffled.split_at(if shuffled.is_empty() { 0 } else { cut.index(shuffled.len()) });
        let mut merged = of(left);
        merged.merge(&of(right));
        prop_assert_eq!(merged.to_bytes(), whole.clone());
        let mut other_way = of(right);
        other_way.merge(&of(left));
        prop_assert_eq!(other_way.to_bytes(), whole);
    }

    #[test]
    fn what_was_added_can_be_taken_away_in_any_order(
        kept in acts(),
        (added, taken) in acts().prop_flat_map(|acts| (Just(acts.clone()), Just(acts).prop_shuffle())),
    ) {
        let before = of(&kept);
        let mut one_by_one = before.clone();
        added.iter().for_each(|&(rule, day)| one_by_one.add(rule, day));
        let mut at_once = one_by_one.clone();
        for (rule, day) in taken {
            prop_assert_eq!(one_by_one.subtract(rule, day), Ok(()));
        }
        prop_assert_eq!(at_once.subtract_all(&of(&added)), Ok(()));
        prop_assert_eq!(one_by_one.to_bytes(), before.to_bytes());
        prop_assert_eq!(at_once, before);
    }

    #[test]
    fn bytes_come_back_as_the_same_value(acts in acts()) {
        let accumulator = of(&acts);
        prop_assert_eq!(Accumulator::from_bytes(&accumulator.to_bytes()), Ok(accumulator));
    }

    /// One encoding per value, and no bytes that bring the reader down.
    #[test]
    fn any_bytes_are_refused_or_are_the_encoding(bytes in proptest::collection::vec(any::<u8>(), 0..40), version in any::<bool>()) {
        let bytes = if version { [&[1], &bytes[..]].concat() } else { bytes };
        if let Ok(accumulator) = Accumulator::from_bytes(&bytes) {
            prop_assert_eq!(accumulator.to_bytes(), bytes);
        }
    }
}

#[test]
fn an_empty_one_takes_no_bytes() {
    assert_eq!(Accumulator::new().to_bytes(), Vec::<u8>::new());
    assert_eq!(Accumulator::from_bytes(&[]), Ok(Accumulator::new()));
    let mut emptied = of(&[(RuleNo(3), Day(5))]);
    emptied.subtract(RuleNo(3), Day(5)).expect("it is there");
    assert!(emptied.is_empty());
    assert_eq!(emptied.to_bytes(), Vec::<u8>::new());
}

#[test]
fn a_short_history_takes_few_bytes() {
    let year: Vec<(RuleNo, Day)> = (20_000..20_182).map(|day| (RuleNo(7), Day(day))).collect();
    // Version, rule, how many days (2), first day (3), then step and count of every day.
    assert_eq!(of(&year).to_bytes().len(), 1 + 1 + 2 + 3 + 182 * 2 - 1);
    assert_eq!(of(&year[..1]).to_bytes(), [1, 7, 1, 0xc0, 0xb8, 0x02, 0]);
}

#[test]
fn taking_away_what_is_not_there_is_refused_and_changes_nothing() {
    let (rule, day) = (RuleNo(1), Day(20_000));
    let mut one = of(&[(rule, day)]);
    let two = of(&[(rule, day), (rule, day)]);
    assert_eq!(one.subtract_all(&two), Err(NotContained { rule, day, has: 1, taken: 2 }));
    assert_eq!(one.subtract(RuleNo(2), day), Err(NotContained { rule: RuleNo(2), day, has: 0, taken: 1 }));
    assert_eq!(one, of(&[(rule, day)]));
}

#[test]
fn bytes_that_are_no_accumulator_are_refused() {
    for (bytes, why) in [
        (&[2, 7, 1, 0, 0][..], "another version"),
        (&[1], "a version and nothing"),
        (&[1, 7], "a rule without days"),
        (&[1, 7, 0], "a rule with no day"),
        (&[1, 7, 1, 0], "a day without a count"),
        (&[1, 7, 2, 0, 0], "fewer days than said"),
        (&[1, 0x87, 0x00, 1, 0, 0], "a number longer than needed"),
        (&[1, 0x80, 0x80, 0x04, 1, 0, 0], "a rule beyond 16 bits"),
        (&[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 1, 0, 0], "a number beyond 64 bits"),
        (&[1, 0, 1, 0x80, 0x80, 0x80, 0x80, 0x20, 0], "a day beyond 32 bits"),
        (&[1, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], "a count beyond 64 bits"),
        (&[1, 0, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x03], "a count with a bit too many"),
    ] {
        assert!(Accumulator::from_bytes(bytes).is_err(), "{why}");
    }
}
