//! What follows from an event, stage by stage, and what does not.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::*;
use crate::domain::event::EventKind;
use crate::domain::lifecycle::Stage;
use crate::domain::rules::Grade;
use crate::domain::rules::fixture::{event, model, texts};

const MODEL: &str = r"
name: test
thresholds: { mql: { A: 20, B: 30, C: 50, D: 50 }, cooled: 10 }
rules:
  - { id: form, text: Form, when: { kind: form }, points: 30, decay: { window_days: 10 } }
  - { id: chat, text: Chat, when: { kind: chat }, hand_raise: true }
fit:
  grades: { A: 30, B: 20, C: 10 }
  rules:
    - { id: title, text: Title, when: { all: [{ field: traits.title, equals: CTO }] }, points: 30 }
disqualify:
  - { reason: opted_out, event: { kind: custom, name: Stop } }
";

struct Person {
    model: Model,
    state: State,
    now: Timestamp,
    acts: u128,
}

impl Person {
    fn new() -> Self {
        let now: Timestamp = "2026-03-02T12:00:00Z".parse().expect("a time");
        let model = model(MODEL);
        let state = State {
            standing: Standing::new(Day::of(now), &model, Grade::D),
            identified: false,
            out_by_person: None,
            out_by_event: BTreeSet::new(),
            lead: None,
        };
        Self { model, state, now, acts: 0 }
    }

    fn known() -> Self {
        let mut person = Self::new();
        person.state.identified = true;
        person
    }

    fn in_stage(stage: Stage) -> Self {
        let mut person = Self::known();
        person.state.lead = Some(LeadState { lead_id: Uuid::from_u128(9), stage, stage_before: Stage::Open });
        person
    }

    fn ask(&mut self, trigger: Trigger<'_>, known: Option<&Known>) -> Vec<Fact> {
        self.acts += 1;
        let cause = Uuid::from_u128(self.acts);
        let question = Question { state: &self.state, known, trigger, cause, now: self.now };
        let decision = decide(&question, &self.model);
        assert_eq!(decision, decide(&question, &self.model), "the same question, the same answer");
        self.state = decision.state;
        decision.findings.into_iter().map(|finding| finding.fact).collect()
    }

    fn act(&mut self, kind: EventKind) -> Vec<Fact> {
        let event = self.event(kind);
        self.ask(Trigger::Event(&event), None)
    }

    fn event(&self, kind: EventKind) -> EngagementEvent {
        EngagementEvent { event_id: Uuid::from_u128(self.acts + 1), occurred_at: self.now, ..event(kind) }
    }

    fn stage(&self) -> Option<Stage> {
        self.state.lead.map(|lead| lead.stage)
    }
}

const BY_HAND: Fact = Fact::Qualified { by: QualifiedBy::HandRaise };
const BY_POINTS: Fact = Fact::Qualified { by: QualifiedBy::Threshold };

#[test]
fn a_raised_hand_does_what_the_stage_allows() {
    let table: [(Option<Stage>, Vec<Fact>, Stage); 9] = [
        (None, vec![Fact::Opened, Fact::Engaged, BY_HAND], Stage::Mql),
        (Some(Stage::Open), vec![Fact::Engaged, BY_HAND], Stage::Mql),
        (Some(Stage::Recycled), vec![Fact::Engaged, BY_HAND], Stage::Mql),
        (Some(Stage::Mql), vec![Fact::Engaged, Fact::HandRaised], Stage::Mql),
        (Some(Stage::Sal), vec![Fact::Engaged, Fact::HandRaised], Stage::Sal),
        (Some(Stage::Sql), vec![Fact::Engaged, Fact::HandRaised], Stage::Sql),
        (Some(Stage::Won), vec![Fact::Opened, Fact::Engaged, BY_HAND], Stage::Mql),
        (Some(Stage::Lost), vec![Fact::Opened, Fact::Engaged, BY_HAND], Stage::Mql),
        (Some(Stage::Merged), vec![Fact::Opened, Fact::Engaged, BY_HAND], Stage::Mql),
    ];
    for (stage, facts, after) in table {
        let mut person = stage.map_or_else(Person::new, Person::in_stage);
        assert_eq!(person.act(EventKind::Chat), facts, "{stage:?}");
        assert_eq!(person.stage(), Some(after), "{stage:?}");
    }
}

#[test]
fn a_threshold_is_crossed_once_and_from_below() {
    let mut person = Person::known();
    assert_eq!(person.act(EventKind::Form), [Fact::Opened]);
    assert_eq!(person.act(EventKind::Form), [BY_POINTS]);
    assert_eq!(person.act(EventKind::Form), []);
    // Handed back by sales: above is no reason any more, only a crossing from below is.
    person.state.lead = person.state.lead.map(|lead| LeadState { stage: Stage::Recycled, ..lead });
    assert_eq!(person.act(EventKind::Form), []);
    person.now += SignedDuration::from_hours(24 * 11);
    assert_eq!(person.ask(Trigger::Clock, None), [Fact::Crossed { threshold: 50_000, upwards: false }]);
    assert_eq!(person.act(EventKind::Form), []);
    assert_eq!(person.act(EventKind::Form), [BY_POINTS]);
    person.now += SignedDuration::from_hours(24 * 11);
    let fallen = [Fact::Crossed { threshold: 50_000, upwards: false }, Fact::Cooled { threshold: 10_000 }];
    assert_eq!(person.act(EventKind::PageView), fallen, "what fell meanwhile is seen at the next act");
    assert_eq!(person.stage(), Some(Stage::Mql), "cooled is a fact, not a stage");
    person.act(EventKind::Form);
    assert_eq!(person.act(EventKind::Form), [Fact::Crossed { threshold: 50_000, upwards: true }]);
}

#[test]
fn a_visitor_crosses_without_a_lead_and_is_qualified_once_known() {
    let mut person = Person::new();
    assert_eq!(person.act(EventKind::Form), []);
    assert_eq!(person.act(EventKind::Form), [Fact::Crossed { threshold: 50_000, upwards: true }]);
    assert_eq!(person.stage(), None);
    person.state.identified = true;
    assert_eq!(person.act(EventKind::PageView), [Fact::Opened, BY_POINTS]);
}

#[test]
fn an_import_opens_but_never_qualifies_and_neither_does_the_clock_after_it() {
    let mut person = Person::known();
    for _ in 0..3 {
        let import = EngagementEvent { historical: true, ..person.event(EventKind::Form) };
        person.ask(Trigger::Event(&import), None);
    }
    assert_eq!(person.stage(), Some(Stage::Open));
    assert_eq!(person.ask(Trigger::Clock, None), []);
    let hand = EngagementEvent { historical: true, ..person.event(EventKind::Chat) };
    assert_eq!(person.ask(Trigger::Event(&hand), None), []);
    assert_eq!(person.act(EventKind::PageView), [BY_POINTS]);
}

#[test]
fn a_machine_opens_nothing_and_qualifies_nobody() {
    let mut person = Person::known();
    let machine = EngagementEvent { bot_reason: Some("crawler".into()), ..person.event(EventKind::Chat) };
    assert_eq!(person.ask(Trigger::Event(&machine), None), []);
    assert_eq!(person.state.standing.acc.entries().len(), 0);
}

#[test]
fn a_better_grade_can_cross_by_itself() {
    let mut person = Person::known();
    person.act(EventKind::Form);
    let known = Known { traits: texts([("title", "CTO")]), ..Known::default() };
    let identify = person.event(EventKind::Identify);
    let facts = person.ask(Trigger::Event(&identify), Some(&known));
    assert_eq!(facts, [Fact::Graded { from: Grade::D, to: Grade::A }, BY_POINTS]);
}

#[test]
fn who_is_out_by_an_act_stays_out_and_an_open_lead_closes() {
    let mut person = Person::known();
    person.act(EventKind::Form);
    let stop = EngagementEvent { name: "Stop".into(), ..person.event(EventKind::Custom) };
    let facts = person.ask(Trigger::Event(&stop), None);
    assert!(matches!(facts[..], [Fact::Disqualified { reason: DisqualificationReason::OptedOut, .. }]), "{facts:?}");
    assert_eq!(person.stage(), Some(Stage::Disqualified));
    assert_eq!(person.act(EventKind::Chat), [Fact::HandRefused { reason: DisqualificationReason::OptedOut }]);
    assert_eq!(person.ask(Trigger::Clock, Some(&Known::default())), []);
    assert_eq!(person.stage(), Some(Stage::Disqualified));
}
