//! The comparison: evidence in, findings out. It touches nothing, so that each of its rules is tested by evidence that breaks
//! it.

use std::collections::{BTreeMap, BTreeSet};

use leadflow_mailbox::{Entry, Fault};
use uuid::Uuid;

use super::super::people::{Person, STEPS};
use super::causes::{self, Causes};
use super::evidence::Evidence;
use super::late;
use crate::oracle::Finding;

/// States in which a mail ends.
const ENDS: [&str; 4] = ["sent", "failed", "uncertain", "skipped"];
/// Kinds of faults that the relay must have played.
const KINDS: usize = 14;

/// Every comparison, in the order of their lines.
pub(super) fn findings(evidence: &Evidence, mails: u32) -> Vec<Finding> {
    let world = World::new(evidence);
    vec![
        world.scope(mails),
        world.once(),
        world.states(),
        world.marks(),
        world.sent(),
        world.not_sent(),
        world.uncertain(),
        world.begun_after_stops(),
        world.answered_stops(),
        late::arrivals(evidence, &world.kept),
        world.told(),
        late::ends(evidence),
        Finding::new(
            format!(
                "{} events on topic nurture, {} repeats: sequences dense, repeats byte-equal",
                evidence.events.0, evidence.events.1
            ),
            evidence.sequences.clone(),
        ),
    ]
}

/// The message that an entry of the relay names, if it is one of ours.
pub(super) fn message_of(entry: &Entry) -> Option<Uuid> {
    Uuid::parse_str(entry.message_id.as_deref()?.split('@').next()?).ok()
}

struct World<'a> {
    evidence: &'a Evidence,
    owners: BTreeMap<Uuid, &'a Person>,
    /// What the relay has, by message.
    kept: BTreeMap<Uuid, Vec<&'a Entry>>,
    /// What the relay has and nobody knows.
    strangers: Vec<&'a Entry>,
}

impl<'a> World<'a> {
    fn new(evidence: &'a Evidence) -> Self {
        let of = |person: &'a Person| (0..STEPS.len()).map(move |step| (person.message_id(step), person));
        let owners: BTreeMap<Uuid, &Person> = evidence.people.iter().flat_map(of).collect();
        let mut kept: BTreeMap<Uuid, Vec<&Entry>> = BTreeMap::new();
        let mut strangers = Vec::new();
        for entry in evidence.relay.iter().filter(|entry| entry.kept) {
            match message_of(entry).filter(|id| owners.contains_key(id)) {
                Some(id) => kept.entry(id).or_default().push(entry),
                None => strangers.push(entry),
            }
        }
        Self { evidence, owners, kept, strangers }
    }

    /// Enough was tried, in enough ways, or nothing was tested.
    fn scope(&self, mails: u32) -> Finding {
        let evidence = self.evidence;
        let played: BTreeSet<Fault> = evidence.relay.iter().filter_map(|entry| entry.fault).collect();
        let all = evidence.relay.iter().filter(|entry| entry.fault.is_some()).count();
        let tried = evidence.ledger.values().filter(|line| line.state != "skipped").count();
        let mut faults = Vec::new();
        if tried < usize::try_from(mails).unwrap_or(usize::MAX) {
            faults.push(format!("only {tried} mails were tried, {mails} are asked for"));
        }
        if played.len() < KINDS {
            faults.push(format!("only {} kinds of faults were played, {KINDS} are asked for", played.len()));
        }
        let incidents = evidence.incidents.len();
        Finding::new(
            format!(
                "{tried} mails tried, {all} faults of {} kinds at the relay, {incidents} faults beside it",
                played.len()
            ),
            faults,
        )
    }

    /// The promise: never twice.
    fn once(&self) -> Finding {
        let mut faults = Vec::new();
        for (id, entries) in &self.kept {
            if entries.len() > 1 {
                faults.push(format!("message {id} was kept {} times", entries.len()));
            }
            let address = self.owners.get(id).map(|person| person.email.as_str()).unwrap_or_default();
            if entries.iter().any(|entry| entry.to != [address]) {
                faults.push(format!("message {id} went to somebody else"));
            }
        }
        faults.extend(self.strangers.iter().map(|entry| format!("{:?} was kept and is nobody's", entry.message_id)));
        let all: usize = self.kept.values().map(Vec::len).sum();
        Finding::new(format!("{all} mails kept by the relay: none twice, each by its own recipient"), faults)
    }

    /// Each message stands in the ledger once, and has ended.
    fn states(&self) -> Finding {
        let evidence = self.evidence;
        let mut faults: Vec<String> =
            evidence.listed_twice.iter().map(|id| format!("message {id} was listed twice")).collect();
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        for (id, line) in &evidence.ledger {
            *counts.entry(&line.state).or_default() += 1;
            if !self.owners.contains_key(id) {
                faults.push(format!("message {id} belongs to no step that anybody took"));
            }
            if !ENDS.contains(&line.state.as_str()) {
                faults.push(format!("message {id} is {}", line.state));
            }
        }
        let missing = self.owners.keys().filter(|id| !evidence.ledger.contains_key(id));
        faults.extend(missing.map(|id| format!("message {id} is not in the ledger")));
        let counted = evidence.counted.iter().filter(|(_, n)| **n != 0).map(|(state, n)| (state.as_str(), *n));
        if counted.collect::<BTreeMap<_, _>>() != counts {
            faults.push(format!("nurture counts {:?}, its list has {counts:?}", evidence.counted));
        }
        let shares: Vec<String> = ENDS.iter().map(|end| format!("{} {end}", counts.get(end).unwrap_or(&0))).collect();
        let all = evidence.ledger.len();
        Finding::new(format!("{all} messages, each in one of its ends: {}", shares.join(", ")), faults)
    }

    /// The mark `sending` is committed before DATA: the relay never reads more messages than were marked.
    fn marks(&self) -> Finding {
        let mut faults = Vec::new();
        for (id, entries) in &self.kept {
            let begins = self.evidence.begins.get(id).map_or(&[][..], Vec::as_slice);
            let unmarked = entries.iter().filter(|entry| !begins.iter().any(|begin| begin.at <= entry.at));
            faults.extend(unmarked.map(|entry| format!("message {id} was kept at {} without a mark", entry.at)));
        }
        let marks: usize = self.evidence.begins.values().map(Vec::len).sum();
        Finding::new(format!("{marks} marks `sending`, one before each mail that was kept"), faults)
    }

    fn of_state(&self, state: &str) -> impl Iterator<Item = Uuid> {
        let of_it = self.evidence.ledger.iter().filter(move |(_, line)| line.state == state);
        of_it.map(|(id, _)| *id)
    }

    fn sent(&self) -> Finding {
        let sent: Vec<Uuid> = self.of_state("sent").collect();
        let lost = sent.iter().filter(|id| !self.kept.contains_key(id));
        let faults = lost.map(|id| format!("message {id} is sent, and the relay does not have it")).collect();
        Finding::new(format!("{} sent: each is at the relay", sent.len()), faults)
    }

    fn not_sent(&self) -> Finding {
        let mut faults = Vec::new();
        let mut counts = Vec::new();
        for state in ["failed", "skipped"] {
            let ids: Vec<Uuid> = self.of_state(state).collect();
            let there = ids.iter().filter(|id| self.kept.contains_key(id));
            faults.extend(there.map(|id| format!("message {id} is {state}, and the relay has it")));
            counts.push(format!("{} {state}", ids.len()));
        }
        Finding::new(format!("{}: none is at the relay", counts.join(", ")), faults)
    }

    fn uncertain(&self) -> Finding {
        let uncertain: Vec<Uuid> = self.of_state("uncertain").collect();
        let there = uncertain.iter().filter(|id| self.kept.contains_key(id)).count();
        let Causes { explained, unexplained } = causes::of(self.evidence, &uncertain);
        let reason = |id: &Uuid| self.evidence.ledger.get(id).map(|line| line.reason.as_str()).unwrap_or_default();
        let faults = unexplained.iter().map(|id| format!("message {id} is uncertain ({}) without a cause", reason(id)));
        let by: Vec<String> = explained.iter().map(|(cause, n)| format!("{n} by {cause}")).collect();
        let lost = uncertain.iter().filter(|id| reason(id) == "lost").count();
        let what = format!(
            "{} uncertain ({there} of them arrived, {lost} lost their sender), made so: {}",
            uncertain.len(),
            by.join(", ")
        );
        Finding::new(what, faults.collect())
    }

    /// In the order of the database, and by the moment of the answer.
    fn begun_after_stops(&self) -> Finding {
        let mut faults = Vec::new();
        for (id, begins) in &self.evidence.begins {
            if begins.iter().any(|begin| begin.after_stop) {
                faults.push(format!("message {id} was marked after the suppression of its address"));
            }
        }
        let answered: BTreeMap<u32, _> = self.evidence.stops.iter().map(|stop| (stop.person, stop.at)).collect();
        let (mut before, mut never) = (0, 0);
        for person in &self.evidence.people {
            let Some(at) = answered.get(&person.number) else { continue };
            let marks = |step| self.evidence.begins.get(&person.message_id(step)).map_or(&[][..], Vec::as_slice);
            let marks: Vec<_> = (0..STEPS.len()).flat_map(marks).collect();
            if let Some(late) = marks.iter().find(|begin| begin.at > *at) {
                faults.push(format!("person {}: stop answered at {at}, marked at {}", person.number, late.at));
            }
            before += usize::from(!marks.is_empty());
            never += usize::from(marks.is_empty());
        }
        if before == 0 || never == 0 {
            faults.push("the stops and the senders never raced: nothing was tested".to_owned());
        }
        let what = format!(
            "{} stops, {before} after a first mark and {never} before any: mails marked after the stop",
            answered.len()
        );
        Finding::new(what, faults)
    }

    fn answered_stops(&self) -> Finding {
        let evidence = self.evidence;
        let answered: BTreeSet<u32> = evidence.stops.iter().map(|stop| stop.person).collect();
        let lost = answered.difference(&evidence.suppressed);
        let mut faults: Vec<String> =
            lost.map(|person| format!("the stop of person {person} was answered and is not known")).collect();
        let asked = evidence.people.iter().filter(|person| person.stop.is_some());
        let unheard = asked.filter(|person| !answered.contains(&person.number));
        faults.extend(unheard.map(|person| format!("the stop of person {} was never answered", person.number)));
        Finding::new(format!("{} answered stops: each is known at the end", answered.len()), faults)
    }

    /// The last word of the topic about each message is its state.
    fn told(&self) -> Finding {
        let mut faults = Vec::new();
        let mut resolved = 0;
        for (id, line) in &self.evidence.ledger {
            let told = self.evidence.told.get(id).map_or(&[][..], Vec::as_slice);
            // One end; an uncertain one may get its word later.
            let fits = match told {
                [end] => *end == line.state,
                ["uncertain", end] => *end == line.state,
                _ => false,
            };
            resolved += usize::from(told.len() > 1);
            if !fits {
                faults.push(format!("message {id} is {}, the topic told {told:?}", line.state));
            }
        }
        Finding::new(format!("each end is told on topic nurture ({resolved} first uncertain, then known)"), faults)
    }
}
