//! One table of what was known and what is heard; order, copies and gaps.

use super::*;

fn known(state: LeadState, stage: Stage) -> Known {
    Known { incarnation: 1, last_sequence: 3, state, stage }
}

fn heard(fact: Fact, stage: Stage) -> Heard {
    Heard {
        incarnation: 1,
        sequence: 4,
        caused_by_us: false,
        fact,
        stage: Some(stage),
        has_hand_raise: false,
        contact_differs: false,
    }
}

fn effect_of(state: LeadState, stage: Stage, fact: Fact, said: Stage) -> Result<Effect, &'static str> {
    let meaning = hear(known(state, stage), &heard(fact, said));
    match meaning.verdict {
        Verdict::New => Ok(meaning.effect),
        Verdict::Ignored(reason) => Err(reason),
        Verdict::Repeat => Err("repeat"),
    }
}

#[test]
fn what_an_event_means_depends_on_where_the_lead_stands() {
    use Fact::*;
    use LeadState::*;
    use Stage::{Lost, Mql, Open, Recycled, Sal, Sql, Won};
    let wait = |priority| Ok(Effect::Wait(priority));
    let table = [
        (Idle, Open, QualifiedByThreshold, Mql, wait(Priority::Qualified)),
        (Idle, Open, QualifiedByHandRaise, Mql, wait(Priority::HandRaise)),
        (Idle, Open, Other, Mql, wait(Priority::Qualified)),
        (Idle, Open, Other, Open, Ok(Effect::Note)),
        (Idle, Recycled, Other, Mql, Ok(Effect::Note)),
        (Idle, Recycled, Other, Sal, Ok(Effect::Note)),
        (Idle, Recycled, QualifiedByThreshold, Mql, wait(Priority::Qualified)),
        (Idle, Recycled, QualifiedByHandRaise, Mql, wait(Priority::HandRaise)),
        (Idle, Recycled, HandRaised, Sal, wait(Priority::HandRaise)),
        (Waiting, Mql, QualifiedByHandRaise, Mql, Ok(Effect::Hurry)),
        (Waiting, Mql, HandRaised, Mql, Ok(Effect::Hurry)),
        (Waiting, Mql, Other, Mql, Ok(Effect::Note)),
        (Offered, Mql, HandRaised, Mql, Ok(Effect::TellHandRaised)),
        (Accepted, Sql, HandRaised, Sql, Ok(Effect::TellHandRaised)),
        (Accepted, Sal, Other, Mql, Ok(Effect::Note)),
        (Accepted, Sal, QualifiedByThreshold, Mql, Ok(Effect::Note)),
        (Waiting, Mql, Disqualified, Stage::Disqualified, Ok(Effect::Disqualify)),
        (Accepted, Sal, Disqualified, Stage::Disqualified, Ok(Effect::Disqualify)),
        (Accepted, Sal, Merged, Stage::Merged, Ok(Effect::Merge)),
        (Closed, Won, Merged, Stage::Merged, Err("closed")),
        (Closed, Won, HandRaised, Won, Err("closed")),
        (Closed, Lost, QualifiedByThreshold, Mql, Err("closed")),
        (Closed, Stage::Disqualified, DisqualificationLifted, Mql, wait(Priority::Qualified)),
        (Closed, Stage::Disqualified, DisqualificationLifted, Open, Ok(Effect::Reopen)),
        (Closed, Stage::Disqualified, Other, Mql, wait(Priority::Qualified)),
        (Closed, Stage::Disqualified, Other, Stage::Disqualified, Err("closed")),
        (Closed, Won, Erased, Stage::Erased, Ok(Effect::Erase)),
        (Accepted, Sal, Erased, Stage::Erased, Ok(Effect::Erase)),
        (Closed, Stage::Erased, Other, Mql, Err("erased")),
        (Closed, Stage::Erased, Erased, Stage::Erased, Err("erased")),
    ];
    for (state, stage, fact, said, expected) in table {
        assert_eq!(
            effect_of(state, stage, fact.clone(), said),
            expected,
            "{state:?} {stage:?} hears {fact:?} {said:?}"
        );
    }
}

#[test]
fn a_changed_contact_is_told_to_whoever_has_the_lead() {
    let mut event = heard(Fact::Other, Stage::Mql);
    event.contact_differs = true;
    for (state, effect) in [
        (LeadState::Waiting, Effect::Note),
        (LeadState::Offered, Effect::TellContact),
        (LeadState::Accepted, Effect::TellContact),
    ] {
        assert_eq!(hear(known(state, Stage::Mql), &event).effect, effect);
    }
}

#[test]
fn a_lead_learned_late_with_a_hand_raise_goes_first() {
    let mut event = heard(Fact::Other, Stage::Mql);
    event.has_hand_raise = true;
    assert_eq!(hear(known(LeadState::Idle, Stage::Open), &event).effect, Effect::Wait(Priority::HandRaise));
    event.fact = Fact::QualifiedByThreshold;
    assert_eq!(
        hear(known(LeadState::Idle, Stage::Open), &event).effect,
        Effect::Wait(Priority::Qualified),
        "an old one"
    );
}

#[test]
fn copies_are_dropped_and_gaps_are_counted() {
    let known = known(LeadState::Idle, Stage::Open);
    let at = |incarnation, sequence| {
        let meaning = hear(known, &Heard { incarnation, sequence, ..heard(Fact::QualifiedByThreshold, Stage::Mql) });
        (meaning.verdict, meaning.gap)
    };
    assert_eq!(at(1, 3), (Verdict::Repeat, 0));
    assert_eq!(at(1, 1), (Verdict::Repeat, 0));
    assert_eq!(at(1, 4), (Verdict::New, 0));
    assert_eq!(at(1, 9), (Verdict::New, 5));
    assert_eq!(at(0, 99), (Verdict::Repeat, 0), "an older life of the topic");
    assert_eq!(at(2, 1), (Verdict::New, 0), "a newer one begins at 1");
    assert_eq!(at(2, 4), (Verdict::New, 3));
}

#[test]
fn what_we_caused_is_no_news_but_counts_as_heard() {
    let event = Heard { caused_by_us: true, ..heard(Fact::Other, Stage::Sal) };
    let meaning = hear(known(LeadState::Accepted, Stage::Sal), &event);
    assert_eq!((meaning.verdict, meaning.effect), (Verdict::Ignored("caused_by_us"), Effect::Nothing));
}
