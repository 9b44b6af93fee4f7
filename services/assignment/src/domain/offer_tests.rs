//! Every question in every state: a table, so that a new state or question cannot be forgotten.

use proptest::prelude::*;

use super::super::decision::{DecisionInput, Expire, Question, Replay, decide, record, replay};
use super::*;

const NOW: i64 = 1_000_000;

fn lead(state: LeadState, stage: Stage, current: Option<Current>) -> LeadFacts {
    LeadFacts {
        lead_id: vec![7; 16],
        state: state as i32,
        stage: stage as i32,
        round: 2,
        current,
        ..LeadFacts::default()
    }
}

fn current(state: AssignmentState) -> Current {
    Current {
        rep_id: "ana".to_owned(),
        state: state as i32,
        respond_by_us: NOW + 1,
        shared: true,
        rep_active: true,
        ..Current::default()
    }
}

fn offered() -> LeadFacts {
    lead(LeadState::Offered, Stage::Mql, Some(current(AssignmentState::Offered)))
}

fn accepted() -> LeadFacts {
    lead(LeadState::Accepted, Stage::Sal, Some(current(AssignmentState::Accepted)))
}

fn by(rep_id: &str, reason: &str, stage: Stage) -> ByRep {
    ByRep { rep_id: rep_id.to_owned(), reason: reason.to_owned(), stage: stage as i32 }
}

fn ends(reason: &str, stage: Stage) -> End {
    End { reason: reason.to_owned(), stage: stage as i32 }
}

/// result or refusal, lead state, stage, assignment state, credit.
fn told(outcome: &DecisionOutcome) -> (&str, i32, i32, i32, &str) {
    let what = if outcome.is_refused() { &outcome.refusal } else { &outcome.result };
    (what, outcome.state, outcome.stage, outcome.assignment_state, &outcome.credit)
}

#[test]
fn answers_to_an_offer() {
    let ana = by("ana", "", Stage::Open);
    assert_eq!(told(&accept(&offered(), &ana, NOW)), ("accept", 3, 2, 2, ""));
    assert_eq!(accept(&offered(), &by("ben", "", Stage::Open), NOW).refusal, "NOT_YOURS");
    assert_eq!(accept(&offered(), &ana, NOW + 1).refusal, "OFFER_EXPIRED", "the clock decides, not who is faster");
    assert_eq!(accept(&accepted(), &ana, NOW).refusal, "NOT_OFFERED");
    let mut left = offered();
    left.current.as_mut().unwrap().rep_active = false;
    assert_eq!(accept(&left, &ana, NOW).refusal, "REP_INACTIVE");

    assert_eq!(told(&decline(&offered(), &by("ana", "no_time", Stage::Open), NOW)), ("decline", 1, 1, 3, ""));
    for reason in VALID_DECLINE_REASONS {
        assert_eq!(told(&decline(&offered(), &by("ana", reason, Stage::Open), NOW)), ("decline", 1, 1, 3, reason));
    }
    assert_eq!(decline(&accepted(), &by("ana", "junk", Stage::Open), NOW).refusal, "NOT_OFFERED");
    assert_eq!(decline(&offered(), &by("ana", "junk", Stage::Open), NOW + 1).refusal, "OFFER_EXPIRED");
}

#[test]
fn an_offer_runs_out_not_earlier_than_it_says() {
    let seen = Expire::default();
    assert_eq!(expire(&offered(), &seen, NOW).refusal, "NOT_YET");
    assert_eq!(told(&expire(&offered(), &seen, NOW + 1)), ("expire", 1, 1, 4, ""));
    assert_eq!(expire(&accepted(), &seen, NOW + 1).refusal, "NOT_OFFERED");
    let mut cut = offered();
    cut.current.as_mut().unwrap().schedule_cut = true;
    assert_eq!(told(&expire(&cut, &seen, NOW + 1)), ("expire", 1, 1, 4, SCHEDULE_ENDED), "going home is no fault");
    cut.current.as_mut().unwrap().shared = false;
    assert_eq!(expire(&cut, &seen, NOW + 1).credit, "", "what was not shared out is not given back");
}

#[test]
fn an_offer_that_nobody_could_see_begins_anew() {
    const NOBODY_OPEN: i64 = 0;
    let now = NOW + 1;
    let renewed = |offer_timeout_us, open_until_us| {
        let outcome = expire(&offered(), &Expire { unseen: true, offer_timeout_us, open_until_us }, now);
        assert_eq!(told(&outcome), ("renew", 2, 1, 1, ""));
        assert_eq!((outcome.round, outcome.rep_id.as_str()), (2, "ana"));
        (outcome.respond_by_us - now, outcome.schedule_cut)
    };
    assert_eq!(renewed(600, NO_END), (600, false));
    assert_eq!(renewed(600, now + 600), (600, false));
    assert_eq!(renewed(600, now + 599), (599, true), "cut by the rep's hours, as every offer");
    for closed in [now, now - 1, NOBODY_OPEN] {
        assert_eq!(renewed(600, closed), (600, true), "outside his hours he has time, and no duty");
    }
    assert_eq!(renewed(0, NO_END), (RENEWED_US, false), "the pool makes no offers any more");
    let unseen = Expire { unseen: true, offer_timeout_us: 600, open_until_us: NO_END };
    assert_eq!(expire(&offered(), &unseen, NOW).refusal, "NOT_YET");
    assert_eq!(expire(&accepted(), &unseen, now).refusal, "NOT_OFFERED");
}

#[test]
fn outcomes_of_an_accepted_lead() {
    let ask = |stage| outcome(&accepted(), &by("ana", "x", stage));
    assert_eq!(told(&ask(Stage::Sql)), ("outcome", 3, 3, 2, ""));
    assert_eq!(told(&ask(Stage::Recycled)), ("outcome", 0, 4, 6, ""));
    assert_eq!(told(&ask(Stage::Won)), ("outcome", 4, 5, 6, ""));
    assert_eq!(told(&ask(Stage::Lost)), ("outcome", 4, 6, 6, ""));
    assert_eq!(ask(Stage::Mql).refusal, "NO_OUTCOME");
    assert_eq!(ask(Stage::Sal).refusal, "STAGE_UNCHANGED");
    assert_eq!(outcome(&offered(), &by("ana", "", Stage::Won)).refusal, "NOT_ACCEPTED");
    assert_eq!(outcome(&accepted(), &by("ben", "", Stage::Won)).refusal, "NOT_YOURS");
}

#[test]
fn the_end_of_a_lead_and_of_a_rep() {
    let waiting = lead(LeadState::Waiting, Stage::Mql, None);
    let out = ends("disqualified", Stage::Disqualified);
    assert_eq!(told(&end(&waiting, &out)), ("close", 4, 7, 0, ""));
    assert_eq!(told(&end(&offered(), &out)), ("withdraw", 4, 7, 5, "disqualified"));
    assert_eq!(told(&end(&accepted(), &out)), ("close", 4, 7, 6, ""));
    let gone = ends(DEACTIVATED, Stage::Open);
    assert_eq!(told(&end(&offered(), &gone)), ("withdraw", 1, 1, 5, DEACTIVATED), "the lead passes on");
    assert_eq!(end(&accepted(), &gone).refusal, "NOT_OFFERED", "accepted leads stay");
    assert_eq!(end(&waiting, &gone).refusal, "NOT_OFFERED");
}

fn any_lead() -> impl Strategy<Value = LeadFacts> {
    (0..5_i32, 0..10_i32, 0..4_i32, prop::option::of((1..3_i32, any::<bool>(), any::<bool>(), 0..3_i64))).prop_map(
        |(state, stage, round, active)| LeadFacts {
            lead_id: vec![1; 16],
            state,
            stage,
            round,
            current: active.map(|(state, shared, rep_active, off)| Current {
                rep_id: "ana".to_owned(),
                state,
                shared,
                rep_active,
                respond_by_us: NOW - 1 + off,
                ..Current::default()
            }),
            ..LeadFacts::default()
        },
    )
}

fn any_question() -> impl Strategy<Value = Option<Question>> {
    let by_rep = || {
        let names = prop_oneof![Just("ana"), Just("ben")];
        let reasons = prop_oneof![Just(""), Just("junk"), Just("no_time")];
        (names, reasons, -1..11_i32).prop_map(|(rep_id, reason, stage)| ByRep {
            rep_id: rep_id.to_owned(),
            reason: reason.to_owned(),
            stage,
        })
    };
    prop_oneof![
        Just(None),
        by_rep().prop_map(|by| Some(Question::Accept(by))),
        by_rep().prop_map(|by| Some(Question::Decline(by))),
        by_rep().prop_map(|by| Some(Question::Outcome(by))),
        (any::<bool>(), 0..3_i64, -1..4_i64).prop_map(|(unseen, timeout, open)| {
            let open_until_us = if open < 0 { open + NOW } else { open };
            Some(Question::Expire(Expire { unseen, offer_timeout_us: timeout, open_until_us }))
        }),
        Just(Some(Question::End(ends("disqualified", Stage::Disqualified)))),
        Just(Some(Question::End(ends(DEACTIVATED, Stage::Open)))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Total, the same twice, and a refusal changes nothing.
    #[test]
    fn every_decision_is_total_and_replays(lead in any_lead(), question in any_question()) {
        let input = DecisionInput { now_us: NOW, lead: lead.clone(), question };
        let outcome = decide(&input);
        let recorded = record(uuid::Uuid::from_u128(1), &input, &outcome);
        prop_assert_eq!(replay(Some(&recorded.input), &recorded.outcome), Replay::Equal);
        prop_assert_eq!(replay(None, &recorded.outcome), Replay::Erased);
        if outcome.is_refused() {
            prop_assert_eq!((outcome.state, outcome.stage, outcome.round), (lead.state, lead.stage, lead.round));
        }
        let mut other = outcome;
        other.rep_id.push('x');
        let changed = record(uuid::Uuid::from_u128(1), &input, &other);
        prop_assert!(matches!(replay(Some(&changed.input), &changed.outcome), Replay::Different(_)));
    }
}
