//! The comparison: evidence in, findings out. It touches nothing, so that each of its rules is tested by evidence that breaks
//! it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::people::Person;
use super::super::timetable::{CITIES, Kind, Way};
use super::evidence::{Evidence, Seen};
use super::expect::{self, Due, Existence};
use crate::oracle::Finding;

/// Every comparison, in the order of their lines. `kills` must have been done while somebody waited.
pub(super) fn findings(evidence: &Evidence, kills: u32) -> Vec<Finding> {
    let cases = cases(evidence);
    vec![
        scope(evidence, &cases, kills),
        recorded(&cases),
        enrolled(&cases),
        lost(&cases),
        early(&cases),
        twice(evidence, &cases),
        told(&cases),
        Finding::new(
            format!(
                "{} facts on topic nurture, {} repeats: sequences dense, repeats byte-equal",
                evidence.topic.facts, evidence.topic.repeats
            ),
            evidence.topic.faults.clone(),
        ),
    ]
}

/// A person with what was expected of him and what was seen.
pub(super) struct Case<'a> {
    pub(super) person: &'a Person,
    pub(super) way: &'a Way,
    pub(super) due: Due,
    pub(super) seen: &'a Seen,
}

/// Of everybody, in their order.
pub(super) fn cases(evidence: &Evidence) -> Vec<Case<'_>> {
    let pairs = evidence.people.iter().zip(&evidence.seen);
    pairs
        .map(|(person, seen)| {
            let way = &evidence.ways[person.way];
            let due = expect::due(person, way).expect("the timetable has local times and the people have dates");
            Case { person, way, due, seen }
        })
        .collect()
}

impl Case<'_> {
    fn name(&self) -> String {
        format!("lead {} ({} in {}, due {})", self.person.lead_id, self.way.id, self.person.zone, moment(self.due.at))
    }

    /// A fault that names him.
    fn fault(&self, what: impl std::fmt::Display) -> String {
        format!("{}: {what}", self.name())
    }
}

/// Enough was tried, or nothing was.
fn scope(evidence: &Evidence, cases: &[Case<'_>], kills: u32) -> Finding {
    let of = |existence| cases.iter().filter(|case| case.due.existence == existence).count();
    let (never, twice) = (of(Existence::Never), of(Existence::Twice));
    let zones: BTreeSet<&str> = cases.iter().map(|case| case.person.zone).collect();
    let moments: BTreeSet<i64> = cases.iter().map(|case| case.due.at).collect();
    let done = evidence.kills.iter().filter(|killed| killed.waiting > 0).count();
    let mut faults = Vec::new();
    if done < usize::try_from(kills).unwrap_or(usize::MAX) {
        faults.push(format!("only {done} kills while somebody waited, {kills} are asked for"));
    }
    if evidence.cut == 0 && kills > 1 {
        faults.push("no kill came in the middle of a transaction: nothing was tested".to_owned());
    }
    if zones.len() < CITIES.len() || never == 0 || twice == 0 {
        faults.push("not every zone, or no time that exists never or twice: nothing was tested".to_owned());
    }
    Finding::new(
        format!(
            "{} leads in {} zones due at {} moments, {never} at a local time that does not exist, {twice} at one that \
             exists twice; {done} kills while they waited, {} transactions cut",
            cases.len(),
            zones.len(),
            moments.len(),
            evidence.cut
        ),
        faults,
    )
}

/// The due time of the row, which the timer goes by, and the one that was told are the expected one.
fn recorded(cases: &[Case<'_>]) -> Finding {
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut faults = Vec::new();
    for case in cases {
        *kinds.entry(case.way.kind()).or_default() += 1;
        let words = |times: &mut dyn Iterator<Item = String>| times.collect::<Vec<_>>().join(", ");
        if case.seen.wakes != [case.due.at] {
            let times = words(&mut case.seen.wakes.iter().map(|at| moment(*at)));
            faults.push(case.fault(format_args!("the timer has [{times}]")));
        }
        if case.seen.told.waits != [Some(case.due.at)] {
            let time = |at: &Option<i64>| at.map_or_else(|| "no time".to_owned(), moment);
            let times = words(&mut case.seen.told.waits.iter().map(time));
            faults.push(case.fault(format_args!("the topic says [{times}]")));
        }
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, n)| format!("{n} {}", kind.name())).collect();
    Finding::new(
        format!("waits ({}): due when the calendar says, in the row and on the topic", kinds.join(", ")),
        faults,
    )
}

/// Everybody is in the journey once, and at the end where his mail is.
fn enrolled(cases: &[Case<'_>]) -> Finding {
    let mut faults = Vec::new();
    for case in cases {
        if case.seen.enrolled != 1 {
            faults.push(case.fault(format_args!("{} enrolments", case.seen.enrolled)));
        } else if !case.seen.at_mail {
            faults.push(case.fault("does not rest at his mail"));
        }
    }
    Finding::new(format!("{} leads enrolled: each once, and each has come to his mail", cases.len()), faults)
}

fn lost(cases: &[Case<'_>]) -> Finding {
    let lost = cases.iter().filter(|case| !case.seen.ledger.iter().any(|row| row.is_his));
    let faults = lost.map(|case| case.fault("no row in the ledger")).collect();
    Finding::new(format!("{} due steps: none lost", cases.len()), faults)
}

/// By the database's own clock: `queued_at` is the clock of the transaction.
fn early(cases: &[Case<'_>]) -> Finding {
    let mut faults = Vec::new();
    for case in cases {
        let early = case.seen.ledger.iter().filter(|row| row.queued_at < case.due.at);
        faults.extend(early.map(|row| case.fault(format_args!("taken at {}", moment(row.queued_at)))));
    }
    let rows: usize = cases.iter().map(|case| case.seen.ledger.len()).sum();
    Finding::new(format!("{rows} rows of the ledger: none before its time"), faults)
}

fn twice(evidence: &Evidence, cases: &[Case<'_>]) -> Finding {
    let mut faults = evidence.strangers.clone();
    for case in cases {
        let (rows, told) = (case.seen.ledger.len(), &case.seen.told);
        if rows > 1 || case.seen.ledger.iter().any(|row| !row.is_his) {
            faults.push(case.fault(format_args!("{rows} rows in the ledger, or one of another step")));
        }
        let most = [told.enrolled, told.came, told.mail].into_iter().max().unwrap_or(0);
        if most > 1 || told.waits.len() > 1 || told.others > 0 {
            faults.push(case.fault(format_args!("facts more than once, or of other steps: {told:?}")));
        }
    }
    Finding::new(format!("{} due steps: none taken twice, no row and no fact besides", cases.len()), faults)
}

fn told(cases: &[Case<'_>]) -> Finding {
    let mut faults = Vec::new();
    for case in cases {
        let told = &case.seen.told;
        if told.enrolled == 0 || told.waits.is_empty() || told.came == 0 || told.mail == 0 {
            faults.push(case.fault(format_args!("the topic lacks a fact: {told:?}")));
        }
    }
    Finding::new(format!("{} due steps: each told on topic nurture", cases.len()), faults)
}

/// Microseconds since 1970 in words.
fn moment(at: i64) -> String {
    jiff::Timestamp::from_microsecond(at).map_or_else(|_| at.to_string(), |at| at.to_string())
}
