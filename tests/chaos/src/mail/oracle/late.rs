//! Mails that the relay got after a stop was answered. They were marked before it; the door waits for them, and only one
//! that was held up for longer than the door waits may come later: of a sender that stood still. And processes that ended
//! by themselves: only one that begins without a database may.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use leadflow_mailbox::Entry;
use uuid::Uuid;

use super::super::journal::{Answered, IncidentKind};
use super::super::people::STEPS;
use super::evidence::Evidence;
use crate::oracle::Finding;

/// The door waits so long for a mail that is on its way.
const DOOR_WAITS: SignedDuration = SignedDuration::from_secs(10);
/// From waking until the mail is there.
const AFTER_WAKING: SignedDuration = SignedDuration::from_secs(4);

pub(super) fn arrivals(evidence: &Evidence, kept: &BTreeMap<Uuid, Vec<&Entry>>) -> Finding {
    let answered: BTreeMap<u32, &Answered> = evidence.stops.iter().map(|stop| (stop.person, stop)).collect();
    let (mut late, mut faults) = (0, Vec::new());
    for person in &evidence.people {
        let Some(stop) = answered.get(&person.number) else { continue };
        let entries = (0..STEPS.len()).filter_map(|step| kept.get(&person.message_id(step))).flatten();
        for entry in entries.filter(|entry| entry.at > stop.at) {
            late += 1;
            if stop.at.duration_since(stop.asked) < DOOR_WAITS && !stood_still(evidence, stop.at, entry.at) {
                faults
                    .push(format!("person {}: stop answered at {}, mail kept at {}", person.number, stop.at, entry.at));
            }
        }
    }
    Finding::new(
        format!("{late} mails arrived after the answer to a stop, each held up by a sender that stood still"),
        faults,
    )
}

/// Nobody ends by himself, but for one that was started while PostgreSQL was away.
pub(super) fn ends(evidence: &Evidence) -> Finding {
    let of = |kind| evidence.incidents.iter().filter(move |incident| incident.kind == kind);
    let away = |at: Timestamp| {
        let mut stops = of(IncidentKind::PostgresStop);
        stops.any(|stop| stop.from <= at && at <= stop.until + AFTER_WAKING)
    };
    let wrong = of(IncidentKind::Ended).filter(|ended| !away(ended.from));
    let faults = wrong.map(|ended| format!("{} ended by itself at {}", ended.process, ended.from)).collect();
    let all = of(IncidentKind::Ended).count();
    Finding::new(format!("{all} processes ended by themselves, each started without a database"), faults)
}

/// Whether a process stood still at the answer and woke just before the mail came.
fn stood_still(evidence: &Evidence, answered: Timestamp, kept: Timestamp) -> bool {
    let zombies = evidence.incidents.iter().filter(|incident| incident.kind == IncidentKind::Zombie);
    zombies.into_iter().any(|zombie| zombie.from <= answered && kept <= zombie.until + AFTER_WAKING)
}
