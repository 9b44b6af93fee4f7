//! Point tables and behaviour that other products publish or test, done with our models. The numbers are theirs; each
//! test names its source.

use crate::domain::day::Day;
use crate::domain::event::EventKind;
use crate::domain::rules::fixture::{event, model, model_of_rules};
use crate::domain::rules::{Hits, Model};
use crate::domain::score::{Accumulator, explain, next_crossing, score};

use super::scores::acts;

const TODAY: Day = Day(20_000);

fn rule(more: &str) -> Model {
    model_of_rules(&format!("\n  - {{ id: act, text: Act, when: {{ kind: custom, name: E }}, {more} }}"))
}

/// Source: apache/unomi, integration tests SegmentIT.java at ef10dfe1 (Apache-2.0): +50 if event E within 10 days.
#[test]
fn unomi_points_within_a_window_of_ten_days() {
    let model = rule("points: 50, once: true, decay: { window_days: 11 }");
    for (days_ago, points) in [(3, 50), (10, 50), (15, 0)] {
        assert_eq!(score(&model, &acts(&[(0, days_ago, 1)]), TODAY), points * 1000, "{days_ago} days ago");
    }
    // Recalculated on a later day, the points are gone, and it was known on which.
    let history = acts(&[(0, 3, 1)]);
    let crossing = next_crossing(&model, &history, TODAY, 50_000).expect("the window ends");
    assert_eq!((crossing.day, crossing.upwards), (TODAY.plus(8), false));
    assert_eq!(score(&model, &history, crossing.day.plus(-1)), 50_000);
    assert_eq!(score(&model, &history, crossing.day), 0);
}

/// Source: default scoring of Pardot, help.pardot.com 2127224 (2016).
#[test]
fn pardot_default_points() {
    let table = [
        (EventKind::Form, 50),
        (EventKind::EmailClicked, 3),
        (EventKind::PageView, 1),
        (EventKind::EmailOpened, 0),
        (EventKind::EventRegistered, 0),
        (EventKind::EventAttended, 0),
    ];
    let mut yaml = "name: pardot\nthresholds: { mql: 100 }\ntotal_cap: 100000\nrules:\n".to_owned();
    for (kind, points) in table.into_iter().filter(|(_, points)| *points != 0) {
        yaml += &format!("  - {{ id: {0}, text: {0}, when: {{ kind: {0} }}, points: {points} }}\n", kind.as_str());
    }
    yaml += "  - { id: form_error, text: Form error, when: { kind: custom, name: Form Error }, points: -5 }\n";
    yaml += "  - { id: lost, text: Opportunity lost, when: { kind: custom, name: Opportunity Lost }, points: -100 }\n";
    let model = model(&yaml);
    let mut history = Accumulator::new();
    let mut hits = Hits::default();
    let named = |name: &str| {
        let mut event = event(EventKind::Custom);
        name.clone_into(&mut event.name);
        event
    };
    let events = table.map(|(kind, _)| event(kind)).into_iter().chain([named("Form Error"), named("Something Else")]);
    for event in events {
        model.evaluate(&event, &mut hits);
        hits.scoring.iter().for_each(|&rule| history.add(rule, TODAY));
    }
    assert_eq!(score(&model, &history, TODAY), (50 + 3 + 1 - 5) * 1000);
    model.evaluate(&named("Opportunity Lost"), &mut hits);
    hits.scoring.iter().for_each(|&rule| history.add(rule, TODAY));
    assert_eq!(score(&model, &history, TODAY), 0, "49 - 100 is not below 0");
}

/// Source: engagement scores of Adobe Marketo Optimizer: a window of 30 days, at most 20 acts of a kind a day.
#[test]
fn adobe_caps_an_activity_at_twenty_a_day_in_a_window_of_thirty() {
    let model = rule("points: 1, cap_per_day: 20, decay: { window_days: 30 }");
    assert_eq!(score(&model, &acts(&[(0, 0, 25), (0, 29, 10), (0, 30, 500)]), TODAY), 30_000);
}

/// Source: mautic/mautic PointBundle tests at 24271492 (facts only): with triggers at 5 and 6, 5 points fire the first.
#[test]
fn mautic_fires_at_a_threshold_not_before_it() {
    let model = rule("points: 5");
    let five = score(&model, &acts(&[(0, 0, 1)]), TODAY);
    assert_eq!([5, 6].map(|threshold| five >= threshold * 1000), [true, false]);
}

/// Source: mautic's PointBundle tests: points for an opened mail are given once, whatever the pixel does.
#[test]
fn mautic_gives_points_for_an_opened_mail_once() {
    let model = rule("points: 5, once: true");
    assert_eq!(score(&model, &acts(&[(0, 0, 1), (0, 1, 9), (0, 2, 1)]), TODAY), 5000);
}

/// Source: the model that Marketo used itself, by Predictable Revenue: a pricing page gives 5, the careers page takes 10.
#[test]
fn marketo_takes_points_from_those_who_look_for_a_job() {
    let model = model_of_rules(
        "
  - { id: any, text: Page, when: { kind: page_view }, points: 1 }
  - { id: pricing, text: Prices, when: { kind: page_view, all: [{ field: context.page_path, equals: /pricing }] }, points: 5 }
  - { id: careers, text: Jobs, when: { kind: page_view, all: [{ field: context.page_path, equals: /careers }] }, points: -10 }",
    );
    let mut history = Accumulator::new();
    let mut hits = Hits::default();
    for path in ["/pricing", "/pricing", "/careers", "/"] {
        let mut view = event(EventKind::PageView);
        path.clone_into(&mut view.context.page_path);
        model.evaluate(&view, &mut hits);
        hits.scoring.iter().for_each(|&rule| history.add(rule, TODAY));
    }
    let lines = explain(&model, &history, TODAY).lines;
    let lines: Vec<(&str, i32)> = lines.iter().map(|line| (line.code.as_str(), line.milli_points)).collect();
    assert_eq!(lines, [("any", 4000), ("pricing", 10_000), ("careers", -10_000)]);
}

/// Source: the public handbook of GitLab: in person gives 40, online 20, a conference 10; a high-intent request is an mql
/// at once.
#[test]
fn gitlab_weighs_presence_and_lets_a_request_through() {
    let model = model_of_rules(
        "
  - { id: person, text: In person, when: { kind: event_attended, all: [{ field: properties.format, equals: person }] }, points: 40 }
  - { id: online, text: Online, when: { kind: event_attended, all: [{ field: properties.format, equals: online }] }, points: 20 }
  - { id: fair, text: Conference, when: { kind: event_attended, all: [{ field: properties.format, equals: conference }] }, points: 10 }
  - { id: high, text: Asked, when: { kind: form, all: [{ field: properties.intent, equals: high }] }, hand_raise: true }
  - { id: medium, text: Asked, when: { kind: form, all: [{ field: properties.intent, equals: medium }] }, points: 50 }",
    );
    let mut hits = Hits::default();
    let mut milli = |kind, field: &str, value: &str| {
        let mut event = event(kind);
        event.properties.insert(field.to_owned(), value.to_owned());
        model.evaluate(&event, &mut hits);
        let mut history = Accumulator::new();
        hits.scoring.iter().for_each(|&rule| history.add(rule, TODAY));
        (score(&model, &history, TODAY), hits.hand_raise.is_some())
    };
    for (format, points) in [("person", 40), ("online", 20), ("conference", 10)] {
        assert_eq!(milli(EventKind::EventAttended, "format", format), (points * 1000, false), "{format}");
    }
    assert_eq!(milli(EventKind::Form, "intent", "high"), (0, true));
    assert_eq!(milli(EventKind::Form, "intent", "medium"), (50_000, false));
}
