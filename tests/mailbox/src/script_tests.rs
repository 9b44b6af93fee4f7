//! Draws: the same for the same seed, in the right shares, and none where the script says none.

use std::collections::BTreeMap;

use super::*;

fn recipients(play: &Play) -> BTreeMap<String, Option<Fault>> {
    let name = |number: usize| format!("person{number}@example.test");
    (0..5000).map(|number| (name(number), play.on_recipient(&name(number)))).collect()
}

#[test]
fn the_same_seed_has_the_same_victims_in_any_order() {
    let forward = recipients(&Play::new(Script::faults(7)));
    let play = Play::new(Script::faults(7));
    let backward: BTreeMap<_, _> = forward.keys().rev().map(|to| (to.clone(), play.on_recipient(to))).collect();
    assert_eq!(forward, backward);
    assert_ne!(forward, recipients(&Play::new(Script::faults(8))));
}

#[test]
fn three_of_ten_first_attempts_fail_each_kind_alike_and_no_second_one() {
    let play = Play::new(Script::faults(1));
    let mut counts: BTreeMap<Fault, usize> = BTreeMap::new();
    let mut count = |fault: Option<Fault>| fault.into_iter().for_each(|fault| *counts.entry(fault).or_default() += 1);
    recipients(&play).into_values().for_each(&mut count);
    for number in 0..5000 {
        count(play.on_mail(&format!("sender{number}@example.test")));
        count(play.on_connection());
    }
    assert_eq!(counts.len(), Fault::ALL.len(), "every kind was drawn: {counts:?}");
    let all: usize = counts.values().sum();
    assert!((1350..1650).contains(&all), "{all} of 5000 three-part attempts");
    assert!(counts.values().all(|count| (25..100).contains(count)), "about 58 each: {counts:?}");
    assert!(recipients(&play).into_values().all(|fault| fault.is_none()), "second attempts");
}

#[test]
fn a_kept_mail_makes_the_next_attempt_a_first_one() {
    let play = Play::new(Script { share: 1.0, faults: vec![Fault::RcptLater], ..Script::default() });
    let to = "ada@example.test";
    assert_eq!(play.on_recipient(to), Some(Fault::RcptLater));
    assert_eq!(play.on_recipient(to), None);
    play.kept(&[to.to_owned()]);
    assert_eq!(play.on_recipient(to), Some(Fault::RcptLater));
}

#[test]
fn permanent_pinned_and_bounded_faults() {
    let permanent = Play::new(Script { permanent_share: 1.0, faults: vec![Fault::RcptNever], ..Script::default() });
    let pinned = Script { pinned: [("ada@example.test".to_owned(), Fault::DataLater)].into(), ..Script::default() };
    let pinned = Play::new(pinned);
    for _ in 0..3 {
        assert_eq!(permanent.on_recipient("ada@example.test"), Some(Fault::RcptNever));
        assert_eq!(pinned.on_recipient("ada@example.test"), Some(Fault::DataLater));
        assert_eq!(pinned.on_recipient("bob@example.test"), None);
    }
    let once = Play::new(Script::once(Fault::RefuseConnection));
    assert_eq!([once.on_connection(), once.on_connection()], [Some(Fault::RefuseConnection), None]);
    assert_eq!(once.on_recipient("ada@example.test"), None);
    assert_eq!(Play::new(Script::default()).on_connection(), None);
}

#[test]
fn a_script_file_is_strict() {
    let script: Script = serde_json::from_str(r#"{"seed": 4, "share": 0.5, "faults": ["end_later"]}"#).unwrap();
    assert_eq!(script, Script { seed: 4, share: 0.5, faults: vec![Fault::EndLater], ..Script::default() });
    assert!(serde_json::from_str::<Script>(r#"{"sede": 4}"#).is_err());
}
