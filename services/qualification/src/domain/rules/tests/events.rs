//! Which rules an event meets, what is told of it, and what is kept of it.

use proptest::prelude::*;

use crate::domain::event::{EmailFacts, EngagementEvent, EventKind};
use crate::domain::rules::fixture::{event, hits, model, texts};
use crate::domain::rules::{Emission, Hits, Model};

const SAMPLE: &str = include_str!("../../../../../../deploy/config/scoring.yaml");

fn named(kind: EventKind, name: &str) -> EngagementEvent {
    EngagementEvent { name: name.to_owned(), ..event(kind) }
}

fn small() -> Model {
    model(
        "
name: small
thresholds: { mql: 50 }
rules:
  - { id: named, text: Named, when: { kind: [product, custom], name: [Trial Started, trial] }, points: 9 }
  - { id: any, text: Any, when: { kind: product }, points: 1 }
  - { id: demo, text: Demo, when: { kind: demo_request }, points: 5, hand_raise: true }
  - { id: raised, text: Raised, when: { kind: demo_request, all: [{ field: properties.a, exists: true }] }, hand_raise: true }
emit:
  - { kind: form, properties: [big, topic, absent] }
  - { kind: email_bounced, properties: [code] }",
    )
}

#[test]
fn an_event_meets_the_rules_of_its_kind_and_name_in_the_order_of_the_model() {
    let model = small();
    for (event, expected) in [
        (named(EventKind::Product, "Trial Started"), vec!["named", "any"]),
        (named(EventKind::Product, "trial started"), vec!["any"]),
        (named(EventKind::Custom, "trial"), vec!["named"]),
        (named(EventKind::Custom, ""), vec![]),
        (named(EventKind::Form, "trial"), vec![]),
        (named(EventKind::DemoRequest, ""), vec!["demo"]),
    ] {
        assert_eq!(hits(&model, &event).0, expected, "{:?} {}", event.kind, event.name);
    }
}

#[test]
fn a_hand_is_raised_by_the_first_rule_that_says_so_never_by_a_machine_or_an_import() {
    let model = small();
    let mut demo = event(EventKind::DemoRequest);
    demo.properties = texts([("a", "1")]);
    assert_eq!(hits(&model, &demo), (vec!["demo"], Some("demo")), "a rule without points is no scoring rule");
    let imported = EngagementEvent { historical: true, ..demo.clone() };
    assert_eq!(hits(&model, &imported), (vec!["demo"], None));
    let machine = EngagementEvent { bot_reason: Some("headless".to_owned()), ..demo };
    assert_eq!(hits(&model, &machine), (vec![], None));
}

#[test]
fn hits_of_an_event_do_not_leak_into_the_next() {
    let model = small();
    let mut hits = Hits::default();
    model.evaluate(&event(EventKind::DemoRequest), &mut hits);
    model.evaluate(&event(EventKind::Form), &mut hits);
    assert_eq!(hits, Hits::default());
}

#[test]
fn what_the_model_names_and_raised_hands_are_told_of_open_leads() {
    let model = small();
    let mut form = event(EventKind::Form);
    form.properties = texts([("topic", "prices"), ("other", "x")]);
    assert_eq!(model.emission(&form, false), Emission::WhileOpen(texts([("topic", "prices")])));
    assert_eq!(model.emission(&event(EventKind::PageView), false), Emission::No);
    assert_eq!(model.emission(&event(EventKind::Chat), true), Emission::WhileOpen(texts([])));
    form.bot_reason = Some("headless".to_owned());
    assert_eq!(model.emission(&form, false), Emission::No);
}

#[test]
fn what_became_of_a_mail_and_consent_are_told_in_every_stage() {
    let model = small();
    let always = "email_replied email_bounced email_complained email_delivered unsubscribed consent";
    for kind in EventKind::ALL {
        let is_always = always.split(' ').any(|word| word == kind.as_str());
        assert_eq!(matches!(model.emission(&event(kind), false), Emission::Always(_)), is_always, "{kind:?}");
    }
    let mut bounce = event(EventKind::EmailBounced);
    bounce.properties = texts([("code", "5.1.1"), ("x", "y")]);
    bounce.bot_reason = Some("bounce".to_owned());
    assert_eq!(model.emission(&bounce, false), Emission::Always(texts([("code", "5.1.1")])));
    let machine = EngagementEvent { bot_reason: Some("auto_reply".to_owned()), ..event(EventKind::EmailReplied) };
    assert_eq!(model.emission(&machine, false), Emission::No, "an answer of a machine is none");
}

#[test]
fn properties_that_are_told_have_two_kibibytes_together() {
    let mut form = event(EventKind::Form);
    let fits = "x".repeat(2048 - "big".len() - "topic".len() - "prices".len());
    form.properties = texts([("big", &fits), ("topic", "prices")]);
    assert_eq!(small().emission(&form, false), Emission::WhileOpen(form.properties.clone()));
    form.properties.insert("big".to_owned(), fits + "xxxxxxxxxxxx");
    assert_eq!(small().emission(&form, false), Emission::WhileOpen(texts([("topic", "prices")])));
}

/// Events with the fields and values that the sample model asks for.
fn events() -> impl Strategy<Value = EngagementEvent> {
    let values = prop_oneof![
        Just(""),
        Just("pricing"),
        Just("/pricing"),
        Just("/careers/1"),
        Just("/customers"),
        Just("true"),
        Just("60"),
        Just("in_person"),
        Just("Please remove me"),
        Just("An offer"),
        Just("unknown"),
    ];
    let fields = proptest::collection::vec(values, 10);
    let marks = (any::<bool>(), proptest::option::of(Just("crawler".to_owned())), any::<bool>());
    let names = prop_oneof![Just(""), Just("Trial Started"), Just("Do Not Contact")];
    (0..EventKind::ALL.len(), names, fields, marks).prop_map(
        |(kind, name, fields, (historical, bot_reason, is_mail))| {
            let mut event = named(EventKind::ALL[kind], name);
            (event.historical, event.bot_reason) = (historical, bot_reason);
            event.properties = texts([
                ("topic", fields[0]),
                ("talk_to_sales", fields[1]),
                ("format", fields[2]),
                ("seats", fields[3]),
                ("unread", fields[4]),
                ("link", fields[5]),
            ]);
            fields[6].clone_into(&mut event.context.page_path);
            fields[7].clone_into(&mut event.context.click_id);
            fields[8].clone_into(&mut event.text);
            event.traits = texts([("title", "CTO")]);
            event.email_facts = is_mail.then(|| EmailFacts { subject: fields[9].to_owned(), ..EmailFacts::default() });
            event
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A decision keeps the reduced event and must be made again from it.
    #[test]
    fn a_reduced_event_gets_the_same_answers(events in proptest::collection::vec(events(), 40)) {
        let model = model(SAMPLE);
        for event in events {
            let reduced = model.reduce(&event);
            prop_assert_eq!(hits(&model, &reduced), hits(&model, &event));
            prop_assert_eq!(model.disqualified_by_event(&reduced), model.disqualified_by_event(&event));
            prop_assert_eq!(model.emission(&reduced, false), model.emission(&event, false));
            prop_assert_eq!(model.reduce(&reduced), reduced);
        }
    }
}

#[test]
fn a_reduced_event_keeps_nothing_of_the_person() {
    let mut full = event(EventKind::EmailIn);
    full.identifiers.email = Some("ada@analytics.example".to_owned());
    full.traits = texts([("name", "Ada")]);
    full.properties = texts([("topic", "prices"), ("name", "Ada")]);
    full.text = "I am Ada".to_owned();
    full.context.user_agent = "browser".to_owned();
    full.context.page_path = "/pricing".to_owned();
    full.email_facts = Some(EmailFacts {
        subject: "An offer".to_owned(),
        from: "ada@analytics.example".to_owned(),
        ..EmailFacts::default()
    });
    let yaml = "
name: small
thresholds: { mql: 50 }
rules:
  - id: rule
    text: Rule
    points: 1
    when:
      kind: email_in
      all: [{ field: properties.topic, exists: true }, { field: context.page_path, exists: true }, { field: email_facts.subject, exists: true }]";
    let reduced = model(yaml).reduce(&full);
    assert_eq!(reduced.properties, texts([("topic", "prices")]));
    assert_eq!((reduced.context.page_path.as_str(), reduced.context.user_agent.as_str()), ("/pricing", ""));
    assert!(!format!("{reduced:?}").contains("Ada") && !format!("{reduced:?}").contains("ada@"), "{reduced:?}");
    assert_eq!(reduced.email_facts.expect("a rule reads the subject").subject, "An offer");
}
