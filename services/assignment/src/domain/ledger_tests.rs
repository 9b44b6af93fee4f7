//! What is carried adds up to zero; who was away is not flooded; a credit undoes an offer.

use proptest::prelude::*;

use super::*;

fn ledger(weights: &[(&str, i32)]) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.replace_members(&members(weights));
    ledger
}

fn members(weights: &[(&str, i32)]) -> BTreeMap<String, i32> {
    weights.iter().map(|(rep_id, weight)| ((*rep_id).to_owned(), *weight)).collect()
}

/// Shares one lead out among `eligible` and says who got it.
fn hand_out(ledger: &mut Ledger, eligible: &[(&str, i32)]) -> String {
    ledger.begin(eligible, "eligibility");
    let shares = ledger.shares("default");
    let only: Vec<Share> = shares.iter().map(|(_, share)| *share).collect();
    let winner = shares[fairness::whose_turn(&only, ledger.leads).unwrap()].0.to_owned();
    ledger.give(&winner);
    winner
}

fn sums(ledger: &Ledger) -> (i128, i128) {
    let carried = ledger.accounts.values().map(|account| i128::from(account.carried_micro)).sum();
    let credit = ledger.accounts.values().map(|account| i128::from(account.credit_micro)).sum();
    (carried, credit)
}

/// Entitled - received of a member over everything so far, in millionths.
fn owed(ledger: &Ledger, rep_id: &str) -> i64 {
    ledger.entitled_micro()[rep_id] - ledger.accounts[rep_id].received * 1_000_000
}

#[derive(Clone, Debug)]
enum Step {
    /// These (by bit) are eligible for the next lead.
    Lead(u8),
    /// The offer before is declined for a valid reason.
    Credit,
    /// Weights and members change.
    Members(Vec<i32>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => any::<u8>().prop_map(Step::Lead),
        2 => Just(Step::Credit),
        1 => prop::collection::vec(0_i32..=20, 8).prop_map(Step::Members),
    ]
}

const NAMES: [&str; 8] = ["ana", "ben", "cem", "dana", "eva", "finn", "gil", "hugo"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn carry_and_credits_add_up_to_zero_whatever_happens(steps in prop::collection::vec(step(), 1..120)) {
        let mut weights: Vec<i32> = vec![3, 1, 4, 1, 5, 9, 2, 6];
        let present = |weights: &[i32]| -> BTreeMap<String, i32> {
            let each = NAMES.iter().zip(weights).filter(|(_, weight)| **weight > 0);
            each.map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
        };
        let mut ledger = Ledger::default();
        ledger.replace_members(&present(&weights));
        let mut last: Option<(String, Vec<(String, i32)>)> = None;
        for step in steps {
            match step {
                Step::Lead(bits) => {
                    let chosen = |index: usize| bits & (1 << index) != 0 && weights[index] > 0;
                    let eligible: Vec<(&str, i32)> =
                        (0..8).filter(|&index| chosen(index)).map(|index| (NAMES[index], weights[index])).collect();
                    if eligible.len() > 1 {
                        let winner = hand_out(&mut ledger, &eligible);
                        last = Some((winner, eligible.iter().map(|(n, w)| ((*n).to_owned(), *w)).collect()));
                    }
                }
                Step::Credit => {
                    if let Some((winner, shares)) = last.take() {
                        ledger.credit(&winner, &shares);
                    }
                }
                Step::Members(new) => {
                    weights = new;
                    ledger.replace_members(&present(&weights));
                }
            }
            prop_assert_eq!(sums(&ledger), (0, 0));
            let received: i64 = ledger.accounts.values().map(|account| account.received).sum();
            prop_assert_eq!(received, ledger.leads);
        }
    }

    /// Two members take turns at being away; whoever comes back is owed less than one lead for it.
    #[test]
    fn who_was_away_is_not_flooded(away_for in 1_usize..200, weights in prop::collection::vec(1_i32..=50, 3..8)) {
        let all: Vec<(&str, i32)> = NAMES.iter().copied().zip(weights).collect();
        let mut ledger = ledger(&all);
        for _ in 0..50 {
            hand_out(&mut ledger, &all);
        }
        let before = owed(&ledger, "ana");
        for _ in 0..away_for {
            hand_out(&mut ledger, &all[1..]);
        }
        prop_assert!((owed(&ledger, "ana") - before).abs() <= 1, "away earns nothing and owes nothing");
        let first: Vec<String> = (0..3).map(|_| hand_out(&mut ledger, &all)).collect();
        let share_of_three = 3 * i64::from(all[0].1) / all.iter().map(|(_, w)| i64::from(*w)).sum::<i64>();
        let to_ana = first.iter().filter(|winner| *winner == "ana").count() as i64;
        prop_assert!(to_ana <= share_of_three + 2, "{to_ana} of the first three went to the one who came back");
    }
}

#[test]
fn a_newcomer_begins_at_zero_and_is_not_flooded() {
    let mut ledger = ledger(&[("ana", 1), ("ben", 1)]);
    for _ in 0..101 {
        hand_out(&mut ledger, &[("ana", 1), ("ben", 1)]);
    }
    ledger.replace_members(&members(&[("ana", 1), ("ben", 1), ("cem", 1)]));
    assert_eq!(owed(&ledger, "cem"), 0);
    let winners: Vec<String> = (0..6).map(|_| hand_out(&mut ledger, &[("ana", 1), ("ben", 1), ("cem", 1)])).collect();
    assert_eq!(winners.iter().filter(|winner| *winner == "cem").count(), 2, "{winners:?}");
}

#[test]
fn a_credit_takes_the_offer_out_of_the_shares() {
    let all = [("ana", 1), ("ben", 1), ("cem", 2)];
    let shares: Vec<(String, i32)> = all.iter().map(|(n, w)| ((*n).to_owned(), *w)).collect();
    let mut ledger = ledger(&all);
    let winner = hand_out(&mut ledger, &all);
    assert_eq!(winner, "cem");
    let stretch = ledger.credit("cem", &shares).unwrap();
    assert_eq!((stretch.cause, stretch.members.is_empty()), ("credit", true));
    for rep_id in ["ana", "ben", "cem"] {
        assert_eq!(owed(&ledger, rep_id), 0, "as if the offer had never been");
    }
    assert_eq!(hand_out(&mut ledger, &all), "cem", "the same turn again");
}

#[test]
fn a_credit_for_an_offer_of_an_earlier_stretch_uses_its_shares() {
    let two = [("ana", 1), ("ben", 3)];
    let shares: Vec<(String, i32)> = two.iter().map(|(n, w)| ((*n).to_owned(), *w)).collect();
    let mut ledger = ledger(&[("ana", 1), ("ben", 3), ("cem", 4)]);
    assert_eq!(hand_out(&mut ledger, &two), "ben");
    hand_out(&mut ledger, &[("ana", 1), ("cem", 4)]);
    let before: Vec<i64> = ["ana", "ben", "cem"].iter().map(|rep_id| owed(&ledger, rep_id)).collect();
    ledger.credit("ben", &shares).unwrap();
    let moved: Vec<i64> =
        ["ana", "ben", "cem"].iter().zip(before).map(|(rep_id, b)| owed(&ledger, rep_id) - b).collect();
    assert_eq!(moved, [-250_000, 250_000, 0]);
}

#[test]
fn a_credit_for_somebody_who_left_changes_nothing() {
    let mut ledger = ledger(&[("ana", 1), ("ben", 1)]);
    let before = ledger.clone();
    assert_eq!(ledger.credit("gone", &[("ana".to_owned(), 1), ("gone".to_owned(), 1)]), None);
    assert_eq!(ledger, before);
}

#[test]
fn what_a_leaver_was_owed_is_spread_by_weight() {
    let mut ledger = ledger(&[("ana", 1), ("ben", 1), ("cem", 3)]);
    ledger.accounts.get_mut("ana").unwrap().carried_micro = 900_000;
    ledger.accounts.get_mut("cem").unwrap().carried_micro = -900_000;
    let stretch = ledger.replace_members(&members(&[("ben", 1), ("cem", 3)])).unwrap();
    assert_eq!(stretch.cause, "members");
    assert_eq!((owed(&ledger, "ben"), owed(&ledger, "cem")), (225_000, -225_000));
}

#[test]
fn the_same_members_go_on_in_the_same_stretch() {
    let all = [("ana", 1), ("ben", 1)];
    let mut ledger = ledger(&all);
    hand_out(&mut ledger, &all);
    let number = ledger.stretch_no;
    hand_out(&mut ledger, &all);
    assert_eq!(ledger.replace_members(&members(&all)), None);
    assert_eq!(ledger.stretch_no, number);
    assert_eq!(ledger.replace_members(&members(&[("ana", 2), ("ben", 1)])).unwrap().cause, "weights");
}
