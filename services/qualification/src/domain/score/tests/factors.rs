//! Decay factors against an independent computation, and their definition.

use crate::domain::score::{Decay, FactorTable, ONE};

/// Made by `tests/golden/decay_factors.py`, with decimals of 80 digits.
const GOLDEN: &str = include_str!("../../../../tests/golden/decay_factors.txt");

#[test]
fn every_half_life_of_a_year_has_the_roots_of_the_independent_computation() {
    let mut half_lives = 0u16;
    for line in GOLDEN.lines() {
        let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().expect("a number")).collect();
        let half_life = u16::try_from(numbers[0]).expect("a half-life");
        let table = FactorTable::new(Decay::HalfLife(half_life), half_life);
        let roots: Vec<u64> = (0..i64::from(half_life)).map(|age| table.at_age(age)).collect();
        let sums = (roots.iter().sum::<u64>(), roots.iter().zip(1..).map(|(root, place)| root * place).sum::<u64>());
        assert_eq!((numbers[1], numbers[2]), sums, "half-life {half_life}");
        assert!(numbers.len() == 3 || numbers[3..] == roots, "half-life {half_life}");
        half_lives += 1;
        assert_eq!(half_life, half_lives);
    }
    assert_eq!(half_lives, 365);
}

/// Repeated multiplication by the daily factor misses this by a few units: a half after a half-life, exactly.
#[test]
fn each_half_life_halves_exactly_until_nothing_is_left() {
    for half_life in [1, 7, 14, 30] {
        let table = FactorTable::new(Decay::HalfLife(half_life), half_life * 34);
        for age in 0..i64::from(half_life) {
            for halvings in 0..34 {
                let expected = if halvings < 32 { table.at_age(age) >> halvings } else { 0 };
                assert_eq!(
                    table.at_age(age + halvings * i64::from(half_life)),
                    expected,
                    "{half_life} {age} {halvings}"
                );
            }
        }
    }
}

#[test]
fn a_window_is_all_and_then_nothing_and_no_decay_ends_at_the_horizon() {
    let window = FactorTable::new(Decay::Window(30), 182);
    assert_eq!([0, 29, 30, 182, 183].map(|age| window.at_age(age)), [ONE, ONE, 0, 0, 0]);
    let none = FactorTable::new(Decay::None, 182);
    assert_eq!([0, 182, 183, i64::MAX].map(|age| none.at_age(age)), [ONE, ONE, 0, 0]);
    let beyond = FactorTable::new(Decay::Window(400), 182);
    assert_eq!([182, 183].map(|age| beyond.at_age(age)), [ONE, 0]);
}

#[test]
fn an_act_of_tomorrow_counts_in_full() {
    for decay in [Decay::None, Decay::Window(1), Decay::HalfLife(1)] {
        let table = FactorTable::new(decay, 7);
        assert_eq!([-1, i64::MIN].map(|age| table.at_age(age)), [ONE, ONE]);
    }
}

#[test]
fn no_act_gains_by_getting_older() {
    for half_life in 1..=100 {
        let table = FactorTable::new(Decay::HalfLife(half_life), 728);
        let factors: Vec<u64> = (0..=729).map(|age| table.at_age(age)).collect();
        assert!(factors.is_sorted_by(|younger, older| younger >= older), "half-life {half_life}");
    }
}
