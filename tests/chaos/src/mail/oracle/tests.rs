//! Evidence of a small run in which everything is right, and then of one in which one thing is wrong: each rule must see it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use leadflow_mailbox::{Entry, Fault, Outcome, Phase};
use uuid::Uuid;

use super::super::journal::{Answered, Incident, IncidentKind};
use super::super::people::{Person, STEPS, Stop};
use super::evidence::{Begin, Evidence, Line};
use super::judge;

/// Seconds after the start of the run.
fn at(seconds: f64) -> Timestamp {
    let start: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
    start + SignedDuration::from_secs_f64(seconds)
}

/// Marked at this second of the run, one person after the other.
fn begun(person: u32, step: usize) -> f64 {
    f64::from(person) * 10.0 + step as f64 * 5.0
}

fn entry(person: &Person, step: usize, verdict: Outcome, fault: Option<Fault>) -> Entry {
    Entry {
        at: at(begun(person.number, step) + 0.1),
        connection: 1,
        peer: String::new(),
        from: "hello@seller.example".to_owned(),
        to: vec![person.email.clone()],
        message_id: Some(format!("{}@mail.seller.example", person.message_id(step))),
        subject: None,
        file: None,
        size: 1000,
        verdict,
        kept: verdict == Outcome::Kept,
        phase: Phase::End,
        fault,
        code: None,
        complete: true,
    }
}

/// What becomes of each mail: of the first three persons everything that can, of the others nothing special.
const ENDS: [[&str; 2]; 3] = [["sent", "failed"], ["uncertain", "uncertain"], ["skipped", "skipped"]];

fn end_of(person: u32, step: usize) -> &'static str {
    ENDS.get(person as usize).map_or("sent", |ends| ends[step])
}

/// Twenty people; person 0 stops after his second mark, person 2 before his first; person 1 has one mail that the relay cut
/// and one that a kill took along.
fn good() -> Evidence {
    let mut evidence = Evidence::default();
    for number in 0..20 {
        let stop = matches!(number, 0 | 2).then_some(Stop { step: 0, after: Duration::ZERO });
        let lead_id = Uuid::from_u128(u128::from(number) + 1);
        let person = Person { number, lead_id, email: format!("person{number}@acme.example"), stop };
        for step in 0..STEPS.len() {
            add(&mut evidence, &person, step);
        }
        evidence.people.push(person);
    }
    for fault in Fault::ALL.into_iter().filter(|fault| !fault.keeps()).take(14) {
        let person = &evidence.people[0];
        let refused = Entry { phase: Phase::Rcpt, ..entry(person, 1, Outcome::Refused, Some(fault)) };
        evidence.relay.push(refused);
    }
    evidence.stops = [(0, 8.0), (2, 20.0)]
        .map(|(person, second)| Answered { person, asked: at(second - 0.2), at: at(second) })
        .to_vec();
    evidence.suppressed = [0, 2].into();
    let kill = at(begun(1, 1) + 0.2);
    evidence.incidents =
        vec![Incident { kind: IncidentKind::Kill, process: "nurture-a".to_owned(), from: kill, until: kill }];
    evidence
}

fn add(evidence: &mut Evidence, person: &Person, step: usize) {
    let (id, end) = (person.message_id(step), end_of(person.number, step));
    evidence.ledger.insert(id, Line { state: end.to_owned(), reason: String::new() });
    *evidence.counted.entry(end.to_owned()).or_default() += 1;
    evidence.told.insert(id, vec![end]);
    if end != "skipped" {
        evidence.begins.insert(id, vec![Begin { at: at(begun(person.number, step)), after_stop: false }]);
    }
    match (end, step) {
        ("sent", _) => evidence.relay.push(entry(person, step, Outcome::Kept, None)),
        // Kept, and then the sender was killed: the relay saw nothing special.
        ("uncertain", 1) => evidence.relay.push(entry(person, step, Outcome::Kept, None)),
        ("uncertain", _) => evidence.relay.push(entry(person, step, Outcome::Cut, Some(Fault::CutInBody))),
        ("failed", _) => evidence.relay.push(entry(person, step, Outcome::Refused, Some(Fault::EndNever))),
        _ => {}
    }
}

/// Everything that is wrong, in one text.
fn wrong(evidence: &Evidence) -> String {
    let findings = judge::findings(evidence, 38);
    findings.into_iter().flat_map(|finding| finding.faults).collect::<Vec<_>>().join("\n")
}

#[test]
fn nothing_is_wrong_where_nothing_is() {
    assert_eq!(wrong(&good()), "");
}

/// One thing that is made wrong.
type Break = fn(&mut Evidence);

#[test]
fn every_rule_sees_what_breaks_it() {
    let table: [(Break, &str); 25] = [
        (|e| e.relay.push(kept_again(e, 3)), "was kept 2 times"),
        (|e| e.relay.push(Entry { message_id: None, ..kept_again(e, 3) }), "is nobody's"),
        (|e| e.relay[0].to = vec!["other@acme.example".to_owned()], "went to somebody else"),
        (|e| e.relay.retain(|entry| entry.message_id != name(e.people[3].message_id(0))), "the relay does not have it"),
        (|e| e.relay.push(entry(&e.people[0].clone(), 1, Outcome::Kept, None)), "is failed, and the relay has it"),
        (|e| e.relay.push(entry(&e.people[2].clone(), 0, Outcome::Kept, None)), "is skipped, and the relay has it"),
        (|e| e.relay.retain(|entry| entry.verdict != Outcome::Cut), "is uncertain () without a cause"),
        (|e| e.incidents.clear(), "is uncertain () without a cause"),
        (|e| e.incidents[0].from = at(begun(1, 1) + 9.0), "is uncertain () without a cause"),
        (|e| state(e, 4, "sending"), "is sending"),
        (|e| drop(e.ledger.pop_first()), "is not in the ledger"),
        (
            |e| drop(e.ledger.insert(Uuid::nil(), Line { state: "sent".to_owned(), reason: String::new() })),
            "no step that",
        ),
        (|e| e.listed_twice.push(Uuid::nil()), "was listed twice"),
        (|e| drop(e.begins.remove(&e.people[3].message_id(0))), "without a mark"),
        (|e| e.begins.values_mut().for_each(|begins| begins[0].after_stop = true), "marked after the suppression"),
        (|e| e.stops[0].at = at(1.0), "stop answered at"),
        (|e| e.suppressed.retain(|person| *person != 0), "was answered and is not known"),
        (|e| e.stops.truncate(e.stops.len() - 1), "was never answered"),
        (|e| drop(e.told.insert(e.people[3].message_id(0), vec!["sent", "sent"])), "the topic told"),
        (|e| drop(e.told.insert(e.people[3].message_id(0), vec!["uncertain"])), "the topic told"),
        (|e| e.incidents.push(Incident { kind: IncidentKind::Ended, ..e.incidents[0].clone() }), "ended by itself"),
        (|e| e.sequences.push("a gap".to_owned()), "a gap"),
        (|e| *e.counted.entry("sent".to_owned()).or_default() += 1, "nurture counts"),
        (
            |e| e.relay.retain(|entry| entry.kept || entry.fault == Some(Fault::CutInBody)),
            "kinds of faults were played",
        ),
        (|e| (3..6).for_each(|person| state(e, person, "skipped")), "mails were tried"),
    ];
    for (number, (make_wrong, expected)) in table.into_iter().enumerate() {
        let mut evidence = good();
        make_wrong(&mut evidence);
        let wrong = wrong(&evidence);
        assert!(wrong.contains(expected), "case {number}: {expected:?} is missing in {wrong:?}");
    }
}

#[test]
fn a_mail_after_the_answer_to_a_stop_needs_a_sender_that_stood_still() {
    let late = |incident: Option<Incident>| {
        let mut evidence = good();
        evidence.relay[0].at = at(9.0);
        evidence.incidents.extend(incident);
        wrong(&evidence)
    };
    let zombie = |until| Incident {
        kind: IncidentKind::Zombie,
        process: "nurture-b".to_owned(),
        from: at(0.1),
        until: at(until),
    };
    assert!(late(None).contains("mail kept at"), "{}", late(None));
    assert!(late(Some(zombie(2.0))).contains("mail kept at"));
    assert_eq!(late(Some(zombie(8.5))), "");
}

#[test]
fn a_kill_takes_no_more_mails_along_than_a_process_has() {
    let mut evidence = good();
    // Everybody's mails are lost at the same moment, and there was one kill.
    for person in evidence.people.clone().into_iter().skip(3) {
        let id = person.message_id(0);
        state(&mut evidence, person.number, "uncertain");
        evidence.told.insert(id, vec!["uncertain"]);
        evidence.begins.insert(id, vec![Begin { at: at(begun(1, 1)), after_stop: false }]);
    }
    let unexplained = wrong(&evidence).matches("without a cause").count();
    // Seventeen and the one that was there before, of which one process has twelve.
    assert_eq!(unexplained, 18 - super::super::deployment::POOL);
}

fn name(message_id: Uuid) -> Option<String> {
    Some(format!("{message_id}@mail.seller.example"))
}

fn kept_again(evidence: &Evidence, person: usize) -> Entry {
    entry(&evidence.people[person], 0, Outcome::Kept, None)
}

fn state(evidence: &mut Evidence, person: u32, state: &str) {
    let id = evidence.people[person as usize].message_id(0);
    let line = evidence.ledger.get_mut(&id).unwrap();
    *evidence.counted.get_mut(&line.state).unwrap() -= 1;
    *evidence.counted.entry(state.to_owned()).or_default() += 1;
    state.clone_into(&mut line.state);
}
