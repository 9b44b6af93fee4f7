//! Who gets a lead, who does not and why, and when the next try is worth it.

use super::super::decision::{DecisionInput, NO_END, Question, Replay, record, replay};
use super::*;

const NOW: i64 = 1_000_000_000;
const MINUTE: i64 = 60_000_000;

fn candidate(rep_id: &str, weight: i32) -> Candidate {
    Candidate {
        rep_id: rep_id.to_owned(),
        weight,
        active: true,
        present_until_us: NOW + 600 * MINUTE,
        open_until_us: NOW + 300 * MINUTE,
        day_ends_us: NOW + 400 * MINUTE,
        ..Candidate::default()
    }
}

fn pool(candidates: Vec<Candidate>) -> Place {
    Place {
        pool_id: "default".to_owned(),
        offer_timeout_us: 10 * MINUTE,
        round_pause_us: MINUTE,
        candidates,
        ..Place::default()
    }
}

fn lead() -> LeadFacts {
    LeadFacts {
        lead_id: vec![3; 16],
        state: LeadState::Waiting as i32,
        stage: Stage::Mql as i32,
        ..LeadFacts::default()
    }
}

fn why(placed: &Placed) -> Vec<String> {
    placed.outcome.rejected.iter().map(|each| format!("{}: {}", each.rep_id, eligibility::text(each))).collect()
}

#[test]
fn everybody_who_does_not_get_it_has_a_reason() {
    let mut away = candidate("away", 1);
    away.present_until_us = NOW;
    let mut home = candidate("home", 1);
    (home.open_until_us, home.opens_at_us) = (0, NOW + 60 * MINUTE);
    let mut full = candidate("full", 1);
    (full.max_open, full.open_count) = (5, 5);
    let mut tired = candidate("tired", 1);
    (tired.max_day, tired.day_count) = (3, 4);
    let mut gone = candidate("gone", 1);
    gone.active = false;
    let mut lead = lead();
    lead.asked = vec!["asked".to_owned()];
    let all = vec![candidate("asked", 1), away, full, candidate("free", 1), gone, home, candidate("other", 3), tired];
    let placed = place(&lead, &pool(all), NOW);
    assert_eq!((placed.outcome.result.as_str(), placed.outcome.rep_id.as_str()), ("offer", "other"));
    assert_eq!(
        why(&placed),
        [
            "asked: asked (round 1)",
            "away: away",
            "free: turn_of_another (owed 0.250)",
            "full: max_open (5 of 5)",
            "gone: inactive",
            "home: outside_schedule (opens 1970-01-01T01:16:40Z)",
            "tired: max_day (4 of 3)",
        ]
    );
    assert_eq!(placed.outcome.respond_by_us, NOW + 10 * MINUTE);
    assert_eq!(
        placed.outcome.reasons[0].text,
        "most urgent of 2 who may get it: owed 0.750 leads, weight 3 of 4, stretch 1"
    );
    assert_eq!(placed.stretch.unwrap().members, [("free".to_owned(), 1), ("other".to_owned(), 3)]);
}

#[test]
fn an_offer_is_cut_at_the_end_of_the_hours() {
    let mut soon = candidate("ana", 1);
    soon.open_until_us = NOW + MINUTE;
    let placed = place(&lead(), &pool(vec![soon.clone()]), NOW);
    assert_eq!((placed.outcome.respond_by_us, placed.outcome.schedule_cut), (NOW + MINUTE, true));
    soon.open_until_us = NO_END;
    let placed = place(&lead(), &pool(vec![soon]), NOW);
    assert_eq!((placed.outcome.respond_by_us, placed.outcome.schedule_cut), (NOW + 10 * MINUTE, false));
}

#[test]
fn a_pool_without_offers_assigns_at_once() {
    let mut pool = pool(vec![candidate("ana", 1)]);
    pool.offer_timeout_us = 0;
    let outcome = place(&lead(), &pool, NOW).outcome;
    assert_eq!((outcome.result.as_str(), outcome.respond_by_us), ("assign", 0));
    assert_eq!((outcome.state, outcome.stage, outcome.assignment_state), (3, 2, 2));
}

#[test]
fn the_owner_gets_it_and_nothing_is_shared_out() {
    let mut pool = pool(vec![candidate("ana", 1), candidate("ben", 1), candidate("owner", 0)]);
    pool.account_owner = "owner".to_owned();
    let placed = place(&lead(), &pool, NOW);
    assert_eq!(placed.outcome.rep_id, "owner");
    assert_eq!(placed.outcome.reasons[0].text, "already owns this account");
    assert_eq!(why(&placed), ["ana: not_the_owner", "ben: not_the_owner"]);
    assert_eq!((placed.outcome.stretch_no, placed.ledger.leads, placed.stretch), (0, 0, None));
    pool.person_owner = "ben".to_owned();
    assert_eq!(place(&lead(), &pool, NOW).outcome.rep_id, "ben", "the person's owner before the account's");
}

#[test]
fn an_owner_who_may_not_leaves_it_to_the_pool() {
    let mut away = candidate("owner", 0);
    away.present_until_us = 0;
    let mut pool = pool(vec![candidate("ana", 1), away]);
    pool.person_owner = "owner".to_owned();
    let placed = place(&lead(), &pool, NOW);
    assert_eq!(placed.outcome.rep_id, "ana");
    assert_eq!(why(&placed), ["owner: away"]);
}

#[test]
fn the_only_one_gets_it_and_nobodys_share_moves() {
    let mut away = candidate("ben", 1);
    away.present_until_us = 0;
    let placed = place(&lead(), &pool(vec![candidate("ana", 1), away]), NOW);
    assert_eq!((placed.outcome.rep_id.as_str(), placed.outcome.stretch_no), ("ana", 0));
    assert!(placed.ledger.accounts.values().all(|account| *account == Account::default()));
}

#[test]
fn nobody_there_waits_until_the_first_opens() {
    let mut home = candidate("ana", 1);
    (home.open_until_us, home.opens_at_us) = (0, NOW + 60 * MINUTE);
    let mut later = candidate("ben", 1);
    (later.open_until_us, later.opens_at_us) = (0, NOW + 30 * MINUTE);
    later.present_until_us = NOW + 20 * MINUTE;
    let mut tired = candidate("cem", 1);
    (tired.max_day, tired.day_count) = (1, 1);
    let outcome = place(&lead(), &pool(vec![home, later, tired]), NOW).outcome;
    assert_eq!((outcome.result.as_str(), outcome.round_over), ("wait", false));
    assert_eq!(outcome.retry_at_us, NOW + 60 * MINUTE, "ben will not be present when he opens");
    assert_eq!(outcome.rejected.len(), 3);
    assert_eq!(outcome.reasons[0].code, "nobody_eligible");
    let outcome = place(&lead(), &pool(Vec::new()), NOW).outcome;
    assert_eq!((outcome.retry_at_us, outcome.reasons[0].code.as_str()), (0, "empty_pool"));
}

#[test]
fn when_everybody_eligible_was_asked_a_new_round_begins_after_the_pause() {
    let mut away = candidate("cem", 1);
    away.present_until_us = 0;
    let pool = pool(vec![candidate("ana", 1), candidate("ben", 1), away]);
    let mut lead = lead();
    lead.asked = vec!["ana".to_owned()];
    assert_eq!(place(&lead, &pool, NOW).outcome.rep_id, "ben", "not before all were asked");
    lead.asked.push("ben".to_owned());
    let outcome = place(&lead, &pool, NOW).outcome;
    assert_eq!((outcome.round_over, outcome.round, outcome.retry_at_us), (true, 1, NOW + MINUTE));
    lead.asked.clear();
    assert_eq!(place(&lead, &pool, NOW).outcome.result, "offer");
}

#[test]
fn a_lead_that_does_not_wait_is_not_placed() {
    for state in [LeadState::Idle, LeadState::Offered, LeadState::Accepted, LeadState::Closed] {
        let mut lead = lead();
        lead.state = state as i32;
        assert_eq!(place(&lead, &pool(vec![candidate("ana", 1)]), NOW).outcome.refusal, "NOT_WAITING");
    }
}

/// A day with comings and goings: each decision replays, and the ledger that is carried from one to the next is the one
/// that the next decision reads.
#[test]
fn a_long_day_replays() {
    let mut pool = pool((0..7).map(|n| candidate(&format!("rep-{n}"), n + 1)).collect());
    for number in 0..500_i64 {
        for (n, candidate) in pool.candidates.iter_mut().enumerate() {
            let away = (number / 10) % 7 == n as i64;
            candidate.present_until_us = if away { 0 } else { NOW + 600 * MINUTE };
        }
        let input = DecisionInput { now_us: NOW + number, lead: lead(), question: Some(Question::Place(pool.clone())) };
        let placed = place(&input.lead, &pool, input.now_us);
        let recorded = record(uuid::Uuid::from_u128(9), &input, &placed.outcome);
        assert_eq!(replay(Some(&recorded.input), &recorded.outcome), Replay::Equal);
        pool.stretch_no = placed.ledger.stretch_no;
        pool.stretch_leads = placed.ledger.leads;
        for candidate in &mut pool.candidates {
            let account = placed.ledger.accounts[&candidate.rep_id];
            candidate.stretch_weight = account.stretch_weight;
            candidate.received = account.received;
            candidate.carried_micro = account.carried_micro;
        }
    }
    let owed: i64 = pool.candidates.iter().map(|candidate| candidate.carried_micro).sum();
    assert_eq!((owed, pool.stretch_no), (0, 50));
}
