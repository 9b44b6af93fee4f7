//! What made each `uncertain` uncertain. A mail is explained by the relay's own log (it was cut or kept waiting in DATA), or
//! by something that the driver broke while it was in DATA; and what breaks one process takes no more mails along than that
//! process may have under way.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use leadflow_mailbox::{Entry, Outcome, Phase};
use uuid::Uuid;

use super::super::deployment::{POOL, PROCESSES};
use super::super::journal::{Incident, IncidentKind};
use super::evidence::Evidence;
use super::judge::message_of;

/// From the mark `sending` until what became of it is committed, with an honest sender.
const IN_DATA: SignedDuration = SignedDuration::from_millis(4000);
/// Between clocks that are read one after the other.
const SLACK: SignedDuration = SignedDuration::from_millis(200);

/// How many were explained by what, and those that nothing explains.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Causes {
    pub(super) explained: BTreeMap<&'static str, usize>,
    pub(super) unexplained: Vec<Uuid>,
}

/// Looks for a cause of each of these.
pub(super) fn of(evidence: &Evidence, uncertain: &[Uuid]) -> Causes {
    let mut causes = Causes::default();
    let by_message = attempts(evidence);
    let mut open = Vec::new();
    for id in uncertain {
        let Some(began) = evidence.begins.get(id).and_then(|begins| begins.last()).map(|begin| begin.at) else {
            causes.unexplained.push(*id);
            continue;
        };
        let in_doubt = |entry: &&Entry| leaves_in_doubt(entry) && is_within(entry.at, began);
        match by_message.get(id).and_then(|entries| entries.iter().copied().find(in_doubt)) {
            Some(_) => *causes.explained.entry("the relay").or_default() += 1,
            None => open.push((began, *id)),
        }
    }
    open.sort_unstable();
    let mut incidents: Vec<&Incident> = evidence.incidents.iter().collect();
    incidents.sort_by_key(|incident| incident.from);
    for incident in incidents {
        let (word, most, last) = reach(incident);
        let mut taken = 0;
        open.retain(|(began, _)| {
            let hit = taken < most && *began <= last + SLACK && *began >= incident.from - IN_DATA;
            taken += usize::from(hit);
            !hit
        });
        if taken > 0 {
            *causes.explained.entry(word).or_default() += taken;
        }
    }
    causes.unexplained.extend(open.into_iter().map(|(_, id)| id));
    causes
}

/// What it is called, how many mails it may take, and the last moment at which one of them was marked.
fn reach(incident: &Incident) -> (&'static str, usize, Timestamp) {
    match incident.kind {
        IncidentKind::Kill => ("kill -9", POOL, incident.until),
        IncidentKind::Ended => ("an end of its own", POOL, incident.until),
        // Who stands still marks nothing.
        IncidentKind::Zombie => ("SIGSTOP", POOL, incident.from),
        IncidentKind::PostgresStop => ("PostgreSQL", POOL * PROCESSES.len(), incident.until),
    }
}

/// The client was left without the last word, and the relay says so itself.
fn leaves_in_doubt(entry: &Entry) -> bool {
    let broken = matches!(entry.verdict, Outcome::Cut | Outcome::Hung) && entry.phase >= Phase::Data;
    broken || entry.fault.is_some_and(leadflow_mailbox::Fault::leaves_uncertain)
}

fn is_within(at: Timestamp, began: Timestamp) -> bool {
    at >= began - SLACK && at <= began + IN_DATA
}

/// Attempts of the relay's log by message: by its Message-ID, or, where the relay had not read so far, by its recipient, who
/// has one mail at a time.
fn attempts(evidence: &Evidence) -> BTreeMap<Uuid, Vec<&Entry>> {
    let mut of_address: BTreeMap<&str, Vec<Uuid>> = BTreeMap::new();
    for person in &evidence.people {
        let ids = (0..super::super::people::STEPS.len()).map(|step| person.message_id(step));
        of_address.entry(&person.email).or_default().extend(ids);
    }
    let mut attempts: BTreeMap<Uuid, Vec<&Entry>> = BTreeMap::new();
    for entry in &evidence.relay {
        let named: Vec<Uuid> = message_of(entry).into_iter().collect();
        let to = entry.to.first().map(String::as_str).unwrap_or_default();
        let ids = if entry.message_id.is_some() { &named } else { of_address.get(to).unwrap_or(&named) };
        ids.iter().for_each(|id| attempts.entry(*id).or_default().push(entry));
    }
    attempts
}
