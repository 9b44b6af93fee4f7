//! What a score is made of, by small examples that can be checked by hand.

use crate::domain::day::Day;
use crate::domain::rules::fixture::{model, model_of_rules};
use crate::domain::rules::{Model, RuleNo};
use crate::domain::score::{Accumulator, explain, score};

const TODAY: Day = Day(20_000);

/// An accumulator of (rule, days ago, how often).
pub(super) fn acts(acts: &[(u16, i32, u32)]) -> Accumulator {
    let mut accumulator = Accumulator::new();
    for &(rule, days_ago, times) in acts {
        (0..times).for_each(|_| accumulator.add(RuleNo(rule), TODAY.plus(-days_ago)));
    }
    accumulator
}

/// Lines of today as (code, milli-points).
fn lines(model: &Model, accumulator: &Accumulator) -> Vec<(String, i32)> {
    let explanation = explain(model, accumulator, TODAY);
    assert_eq!(explanation.lines.iter().map(|line| line.milli_points).sum::<i32>(), explanation.score_milli);
    assert_eq!(score(model, accumulator, TODAY), explanation.score_milli);
    explanation.lines.into_iter().map(|line| (line.code, line.milli_points)).collect()
}

fn line(code: &str, milli_points: i32) -> (String, i32) {
    (code.to_owned(), milli_points)
}

#[test]
fn an_act_counts_half_after_its_half_life_and_each_day_is_rounded_towards_nothing() {
    let model = model_of_rules(
        "
  - { id: view, text: Looked, when: { kind: page_view }, points: 1, decay: { half_life_days: 7 } }
  - { id: jobs, text: Jobs, when: { kind: form }, points: -1, decay: { half_life_days: 7 } }",
    );
    for (days_ago, milli) in [(0, 1000), (1, 905), (6, 552), (7, 500), (14, 250), (70, 0), (69, 1), (-1, 1000)] {
        assert_eq!(score(&model, &acts(&[(0, days_ago, 1)]), TODAY), milli, "{days_ago} days ago");
    }
    // Two acts of a day are rounded together, acts of two days apart.
    assert_eq!(score(&model, &acts(&[(0, 1, 2)]), TODAY), 1811);
    assert_eq!(score(&model, &acts(&[(0, 1, 1), (0, 2, 1)]), TODAY), 905 + 820);
    // A penalty is rounded towards nothing as well: 905, not 906.
    assert_eq!(lines(&model, &acts(&[(0, 0, 2), (1, 1, 1)])), [line("view", 2000), line("jobs", -905)]);
}

#[test]
fn every_cap_that_takes_something_has_its_line() {
    let model = model(
        "
name: caps
thresholds: { mql: 10 }
total_cap: 30
groups:
  - { id: web, text: The website, cap: 20 }
rules:
  - { id: view, text: Looked, when: { kind: page_view }, points: 5, cap_per_day: 2, cap: 15, group: web }
  - { id: form, text: Wrote, when: { kind: form }, points: 10, group: web }
  - { id: visit, text: Came, when: { kind: event_attended }, points: 25 }
  - { id: spam, text: Complained, when: { kind: email_complained }, points: -40, cap: 60 }",
    );
    // Three looks a day count twice; two days make 20, the rule gives 15.
    assert_eq!(lines(&model, &acts(&[(0, 0, 3)])), [line("view", 10_000)]);
    assert_eq!(lines(&model, &acts(&[(0, 0, 3), (0, 1, 3)])), [line("view", 20_000), line("cap:view", -5000)]);
    assert_eq!(
        lines(&model, &acts(&[(0, 0, 3), (0, 1, 3), (1, 0, 1), (2, 0, 1)])),
        [
            line("view", 20_000),
            line("cap:view", -5000),
            line("form", 10_000),
            line("visit", 25_000),
            line("cap:web", -5000),
            line("cap:total", -15_000),
        ]
    );
    // Penalties have a cap too, and nobody is below nothing.
    assert_eq!(
        lines(&model, &acts(&[(2, 0, 1), (3, 0, 2)])),
        [line("visit", 25_000), line("spam", -80_000), line("cap:spam", 20_000), line("cap:total", 35_000)]
    );
    let texts: Vec<String> =
        explain(&model, &acts(&[(3, 0, 2)]), TODAY).lines.into_iter().map(|line| line.text).collect();
    assert_eq!(texts, ["Complained", "Complained: at most 60 points", "a score is never below 0"]);
}

#[test]
fn a_rule_without_a_cap_stops_at_the_total_cap() {
    let model = model(
        "
name: caps
thresholds: { mql: 10 }
total_cap: 30
rules:
  - { id: view, text: Looked, when: { kind: page_view }, points: 5 }
  - { id: jobs, text: Jobs, when: { kind: form }, points: -10 }",
    );
    let expected = [line("view", 500_000), line("cap:view", -470_000), line("jobs", -10_000)];
    assert_eq!(lines(&model, &acts(&[(0, 0, 100), (1, 0, 1)])), expected);
}

#[test]
fn once_is_the_earliest_act_also_after_it_was_undone_or_an_earlier_one_came_late() {
    let rule = "
  - { id: trial, text: Began, when: { kind: product }, points: 8, once: true, decay: { half_life_days: 10 } }";
    let model = model_of_rules(rule);
    let mut history = acts(&[(0, 0, 3), (0, 10, 2)]);
    assert_eq!(score(&model, &history, TODAY), 4000);
    history.merge(&acts(&[(0, 20, 1)]));
    assert_eq!(score(&model, &history, TODAY), 2000);
    history.subtract_all(&acts(&[(0, 20, 1), (0, 10, 2)])).expect("they are there");
    assert_eq!(score(&model, &history, TODAY), 8000);
}

#[test]
fn the_evidence_of_a_line_names_the_days_that_count() {
    let rule = "
  - { id: view, text: Looked, when: { kind: page_view }, points: 1, cap_per_day: 1, decay: { window_days: 10 } }";
    let model = model_of_rules(rule);
    let explanation = explain(&model, &acts(&[(0, 2, 3), (0, 9, 1), (0, 10, 7), (0, 300, 1)]), TODAY);
    let evidence = explanation.lines[0].evidence.expect("a rule's line has some");
    assert_eq!((evidence.acts, evidence.first_day, evidence.last_day), (4, TODAY.plus(-9), TODAY.plus(-2)));
}

#[test]
fn rules_that_the_model_does_not_have_count_nothing() {
    let model = model_of_rules("\n  - { id: view, text: Looked, when: { kind: page_view }, points: 1 }");
    assert_eq!(score(&model, &acts(&[(0, 0, 1), (1, 0, 5), (u16::MAX, 0, 5)]), TODAY), 1000);
}

#[test]
fn counts_and_days_beyond_all_sense_neither_overflow_nor_break_a_sum() {
    let mut rules = String::new();
    for (no, points) in [(0, 100_000), (1, -100_000)] {
        rules += &format!("\n  - {{ id: r{no}, text: Extreme, when: {{ kind: page_view }}, points: {points} }}");
    }
    let model = model(&format!("name: extreme\nthresholds: {{ mql: 50 }}\ntotal_cap: 100000\nrules:{rules}"));
    // The encoding of two rules with u64::MAX acts on the first, second and last day there is.
    let count = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let day = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let rule = |no| [&[no, 3][..], &day, &count, &[0], &count, &[0xfd, 0xff, 0xff, 0xff, 0x0f], &count].concat();
    let bytes = [&[1][..], &rule(0), &rule(0)].concat();
    let accumulator = Accumulator::from_bytes(&bytes).expect("an accumulator");
    assert_eq!(accumulator.entries().len(), 6);
    for today in [i32::MIN, i32::MIN + 1, 0, i32::MAX].map(Day) {
        let explanation = explain(&model, &accumulator, today);
        let sum: i64 = explanation.lines.iter().map(|line| i64::from(line.milli_points)).sum();
        assert_eq!(sum, i64::from(explanation.score_milli), "{today:?}");
        assert_eq!(score(&model, &accumulator, today), explanation.score_milli);
    }
}
