//! Random models and histories: everything that must hold for all of them.

use proptest::prelude::*;

use crate::domain::day::Day;
use crate::domain::rules::fixture::model;
use crate::domain::rules::{GroupNo, Model, RuleNo};
use crate::domain::score::{Accumulator, Decay, explain, score};

pub(super) const TODAY: Day = Day(20_000);

/// A model of up to five rules with everything that a rule can have.
pub(super) fn models() -> impl Strategy<Value = Model> {
    let points = prop_oneof![1i32..40_000, -40_000i32..0].prop_map(|milli| format!("points: {}", milli_text(milli)));
    let decay = prop_oneof![
        Just(String::new()),
        (1..60).prop_map(|days| format!(", decay: {{ half_life_days: {days} }}")),
        (1..60).prop_map(|days| format!(", decay: {{ window_days: {days} }}")),
    ];
    let caps = prop_oneof![
        Just(String::new()),
        Just(", once: true".to_owned()),
        (1..4).prop_map(|times| format!(", cap_per_day: {times}")),
        (1..60).prop_map(|points| format!(", cap: {points}")),
    ];
    let group = prop_oneof![Just(""), Just(", group: g0"), Just(", group: g1")];
    let rule = (points, decay, caps, group).prop_map(|(points, decay, caps, group)| points + &decay + &caps + group);
    let rules = proptest::collection::vec(rule, 1..6);
    (rules, 1..=6, 1..200, [1..80, 1..80]).prop_map(|(rules, weeks, total_cap, groups)| {
        let mut yaml =
            format!("name: random\nthresholds: {{ mql: 20 }}\nhorizon_weeks: {weeks}\ntotal_cap: {total_cap}\n");
        yaml += &format!("groups: [{{ id: g0, cap: {} }}, {{ id: g1, cap: {} }}]\nrules:\n", groups[0], groups[1]);
        for (no, rule) in rules.iter().enumerate() {
            yaml += &format!("  - {{ id: r{no}, text: Rule, when: {{ kind: page_view }}, {rule} }}\n");
        }
        model(&yaml)
    })
}

/// Acts of the last weeks and of tomorrow.
pub(super) fn histories() -> impl Strategy<Value = Accumulator> {
    proptest::collection::vec((0u16..5, -1i32..60, 1u32..5), 0..25).prop_map(|acts| super::scores::acts(&acts))
}

fn milli_text(milli: i32) -> String {
    format!("{}{}.{:03}", if milli < 0 { "-" } else { "" }, milli.unsigned_abs() / 1000, milli.unsigned_abs() % 1000)
}

/// The score as it is defined, written down once more in the plainest way: floats nowhere, no table, no shared code.
fn plain_score(model: &Model, accumulator: &Accumulator, today: Day) -> i128 {
    let mut totals = vec![0i128; model.groups().len()];
    let mut sum = 0;
    for rule in model.rules() {
        let mut total = 0i128;
        let counting = accumulator.entries().iter().filter(|entry| {
            entry.rule == rule.no && i64::from(today.0) - i64::from(entry.day.0) <= i64::from(model.horizon_days())
        });
        for (place, entry) in counting.enumerate() {
            let age = (i64::from(today.0) - i64::from(entry.day.0)).max(0);
            let count = match (rule.once, place) {
                (true, 0) => 1,
                (true, _) => 0,
                (false, _) => i128::from(entry.count.min(rule.cap_per_day)),
            };
            let term = (count * i128::from(rule.points.abs()) * plain_factor(rule.decay, age)) >> 32;
            total += term * i128::from(rule.points.signum());
        }
        let total = total.clamp(-i128::from(rule.cap), i128::from(rule.cap));
        match rule.group {
            None => sum += total,
            Some(GroupNo(group)) => totals[usize::from(group)] += total,
        }
    }
    for (group, total) in model.groups().iter().zip(totals) {
        sum += total.clamp(-i128::from(group.cap), i128::from(group.cap));
    }
    sum.clamp(0, i128::from(model.total_cap()))
}

/// Share of 2^32 by 50 bits of repeated square roots: good to far more than the 32 bits that are asked for.
fn plain_factor(decay: Decay, age: i64) -> i128 {
    match decay {
        Decay::None => 1 << 32,
        Decay::Window(days) => i128::from(age < i64::from(days)) << 32,
        Decay::HalfLife(days) => {
            let (halvings, part) = (age / i64::from(days), age % i64::from(days));
            // 2^(-part/days) = product of 2^(-2^-i) over the binary digits i of part/days, in units of 2^-62.
            let mut value = 1i128 << 62;
            let (mut root, mut rest) = (1i128 << 62, i128::from(part));
            root >>= 1;
            for _ in 0..60 {
                root = square_root(root << 62);
                rest *= 2;
                if rest >= i128::from(days) {
                    rest -= i128::from(days);
                    value = (value * root) >> 62;
                }
            }
            (value >> 30) >> halvings.min(100)
        }
    }
}

fn square_root(number: i128) -> i128 {
    let mut root = 1i128 << (128 - number.leading_zeros()).div_ceil(2);
    loop {
        let next = i128::midpoint(root, number / root);
        if next >= root {
            return root;
        }
        root = next;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_score_is_what_its_definition_says(model in models(), history in histories(), later in 0i32..60) {
        let day = TODAY.plus(later);
        prop_assert_eq!(i128::from(score(&model, &history, day)), plain_score(&model, &history, day));
    }

    #[test]
    fn lines_add_up_exactly_and_totals_stay_within_caps(model in models(), history in histories(), later in -70i32..70) {
        let day = TODAY.plus(later);
        let explanation = explain(&model, &history, day);
        let sum: i64 = explanation.lines.iter().map(|line| i64::from(line.milli_points)).sum();
        prop_assert_eq!(sum, i64::from(explanation.score_milli));
        prop_assert_eq!(score(&model, &history, day), explanation.score_milli);
        prop_assert!((0..=model.total_cap()).contains(&explanation.score_milli));
        prop_assert!(explanation.lines.iter().all(|line| line.milli_points != 0));
        for rule in model.rules() {
            let cap = format!("cap:{}", rule.id);
            let of_rule = explanation.lines.iter().filter(|line| line.code == rule.id || line.code == cap);
            let total: i32 = of_rule.map(|line| line.milli_points).sum();
            prop_assert!((-rule.cap..=rule.cap).contains(&total));
        }
    }

    /// The fast path forgets old days when it writes, the slow path never sees them: nobody can tell.
    #[test]
    fn forgetting_days_beyond_the_horizon_changes_no_score_then_or_later(
        model in models(), history in histories(), late in 0i32..60, later in 0i32..60,
    ) {
        let mut pruned = history.clone();
        pruned.forget_before(model.first_counting_day(TODAY));
        prop_assert_eq!(score(&model, &pruned, TODAY), score(&model, &history, TODAY));
        prop_assert_eq!(explain(&model, &pruned, TODAY.plus(later)), explain(&model, &history, TODAY.plus(later)));
        // An act that comes late, from before the horizon or after it.
        let act = (RuleNo(0), TODAY.plus(-late));
        let mut both = [pruned, history];
        both.iter_mut().for_each(|history| history.add(act.0, act.1));
        let first = model.first_counting_day(TODAY.plus(later));
        both.iter_mut().for_each(|history| history.forget_before(first));
        prop_assert_eq!(both[0].to_bytes(), both[1].to_bytes());
    }
}
