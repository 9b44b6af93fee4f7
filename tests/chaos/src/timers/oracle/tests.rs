//! Evidence of a small run in which everything is right, and then of one in which one thing is wrong: each rule must see it.

use leadflow_proto::nurture::v1::nurture_event::Fact;
use leadflow_proto::nurture::v1::{Enrolled, NurtureEvent, StepTaken};

use super::super::kills::Killed;
use super::super::people;
use super::super::timetable::ways;
use super::evidence::{Evidence, LedgerRow, Seen};
use super::{expect, figures, judge};

const KILLS: u32 = 2;

/// Everybody takes his step a second after it is due.
fn good() -> Evidence {
    let ways = ways();
    let people = people::draw(3, 400, &ways);
    let mut evidence = Evidence::default();
    for person in &people {
        let way = &ways[person.way];
        let due = expect::due(person, way).unwrap().at;
        let until = jiff::Timestamp::from_microsecond(due).unwrap();
        let mut seen = Seen {
            enrolled: 1,
            at_mail: true,
            wakes: vec![due],
            ledger: vec![LedgerRow { is_his: true, queued_at: due + 1_000_000 }],
            ..Seen::default()
        };
        let mail = way.kind().mail();
        let facts = [
            ("", Fact::Enrolled(Enrolled { held_out: false })),
            ("way", taken(&way.id, "way 3: its condition holds")),
            (&way.id, taken("", &format!("waits until {until}"))),
            (&way.id, taken(mail, "its time has come")),
            (mail, taken("", "a mail is due")),
        ];
        facts.into_iter().for_each(|(step, fact)| seen.told.hear(&event(step, fact), way));
        evidence.seen.push(seen);
    }
    let killed = Killed { process: "nurture-a".to_owned(), waiting: 7 };
    evidence.kills = vec![killed; KILLS as usize];
    (evidence.ways, evidence.people, evidence.cut) = (ways, people, 1);
    evidence
}

fn taken(next_step: &str, reason: &str) -> Fact {
    let (next_step, reason) = (next_step.to_owned(), reason.to_owned());
    Fact::StepTaken(StepTaken { kind: "wait".to_owned(), next_step, reason })
}

fn event(step: &str, fact: Fact) -> NurtureEvent {
    NurtureEvent { step: step.to_owned(), fact: Some(fact), ..NurtureEvent::default() }
}

/// Everything that is wrong, by the lines it stands under.
fn wrong(evidence: &Evidence) -> Vec<(String, Vec<String>)> {
    let findings = judge::findings(evidence, KILLS).into_iter().filter(|finding| !finding.faults.is_empty());
    findings.map(|finding| (finding.what, finding.faults)).collect()
}

#[test]
fn nothing_is_wrong_where_nothing_is() {
    assert_eq!(wrong(&good()), []);
}

/// One thing that is made wrong.
type Break = fn(&mut Evidence);

#[test]
fn every_rule_sees_what_breaks_it() {
    let table: [(Break, &str, &str); 22] = [
        // Lost.
        (|e| e.seen[5].enrolled = 0, "leads enrolled", "0 enrolments"),
        (|e| e.seen[5].at_mail = false, "leads enrolled", "does not rest at his mail"),
        (|e| e.seen[5].ledger.clear(), "none lost", "no row in the ledger"),
        (|e| e.seen[5].ledger[0].is_his = false, "none lost", "no row in the ledger"),
        (|e| e.seen[5].told.came = 0, "each told", "lacks a fact"),
        (|e| e.seen[5].told.mail = 0, "each told", "lacks a fact"),
        // Early.
        (|e| e.seen[5].ledger[0].queued_at -= 1_000_001, "none before its time", "taken at"),
        // Twice.
        (|e| e.seen[5].enrolled = 2, "leads enrolled", "2 enrolments"),
        (|e| e.seen[5].ledger = vec![e.seen[5].ledger[0]; 2], "none taken twice", "2 rows in the ledger"),
        (
            |e| {
                let other = LedgerRow { is_his: false, ..e.seen[5].ledger[0] };
                e.seen[5].ledger.push(other);
            },
            "none taken twice",
            "or one of another step",
        ),
        (|e| e.seen[5].told.came = 2, "none taken twice", "facts more than once"),
        (|e| e.seen[5].told.mail = 2, "none taken twice", "facts more than once"),
        (|e| e.seen[5].told.others = 1, "none taken twice", "of other steps"),
        (|e| e.strangers.push("a mail of lead x is nobody's".to_owned()), "none taken twice", "is nobody's"),
        // Computed wrongly: by a minute, by an hour, twice, not at all, in other words.
        (|e| e.seen[5].wakes[0] += 60_000_000, "when the calendar says", "the timer has"),
        (|e| e.seen[5].wakes.clear(), "when the calendar says", "the timer has []"),
        (|e| e.seen[5].told.waits[0] = Some(0), "when the calendar says", "the topic says [1970"),
        (|e| e.seen[5].told.waits[0] = None, "when the calendar says", "the topic says [no time]"),
        // Not enough was tried.
        (|e| e.kills[0].waiting = 0, "kills while they waited", "only 1 kills"),
        (|e| e.cut = 0, "kills while they waited", "in the middle of a transaction"),
        (|e| berliners_only(e), "kills while they waited", "nothing was tested"),
        (|e| e.topic.faults.push("lead x goes from #1 to #3".to_owned()), "sequences dense", "goes from"),
    ];
    for (number, (make_wrong, line, expected)) in table.into_iter().enumerate() {
        let mut evidence = good();
        make_wrong(&mut evidence);
        let wrong = wrong(&evidence);
        let found = wrong.iter().any(|(what, faults)| what.contains(line) && faults[0].contains(expected));
        assert!(found, "case {number}: {expected:?} under {line:?} is missing in {wrong:?}");
    }
}

/// A product that took the offset of the moment of entry for a time after the change.
#[test]
fn an_hour_of_daylight_saving_time_is_seen() {
    let mut evidence = good();
    let is_it = |person: &people::Person| evidence.ways[person.way].id == "until-berlin-0309";
    let number = evidence.people.iter().position(is_it).unwrap();
    // Nine minutes past three by the clock of winter: an hour late.
    let seen = &mut evidence.seen[number];
    seen.wakes[0] += 3_600_000_000;
    seen.told.waits[0] = seen.told.waits[0].map(|at| at + 3_600_000_000);
    seen.ledger[0].queued_at += 3_600_000_000;
    let wrong = wrong(&evidence);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].1[0].contains("due 2026-03-29T01:09:00Z): the timer has [2026-03-29T02:09:00Z]"), "{wrong:?}");
}

#[test]
fn the_figures_are_in_our_time() {
    let evidence = good();
    let lines = figures::lines(&judge::cases(&evidence), 10);
    assert_eq!(lines.len(), 2);
    // A second of the clock is a tenth of ours.
    assert!(lines.iter().all(|line| line.contains("p50 100 ms, p99 100 ms, max 100 ms")), "{lines:?}");
}

fn berliners_only(evidence: &mut Evidence) {
    let zones: Vec<&str> = evidence.people.iter().map(|person| person.zone).collect();
    let mut zone = zones.iter();
    evidence.seen.retain(|_| zone.next() == Some(&"Europe/Berlin"));
    evidence.people.retain(|person| person.zone == "Europe/Berlin");
}
