//! The events of one batch, one after the other, into the rows of their leads. No I/O until [`Fold::write`].

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use leadflow_platform::consumer::{Arrived, Outcome};
use leadflow_platform::pg::{PgError, WriteTx};
use leadflow_platform::telemetry::metrics::{SEQUENCE_GAP, SEQUENCE_REPEAT};
use leadflow_proto::qualification::v1::LeadSnapshot;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use prost::Message as _;
use uuid::Uuid;

use super::Versions;
use crate::change::Change;
use crate::domain::exit::Happened;
use crate::domain::state::Trigger;
use crate::held::Held;
use crate::journeys::Active;
use crate::store;
use crate::store::consent::{Consent, MARKETING, Wishes};
use crate::store::contact::Contact;
use crate::store::enrollment::Enrollment;
use crate::store::lead::Lead;
use crate::store::message::Message;
use crate::store::message_mark::Mark;
use crate::wire::from_proto_time;
use crate::wire::lead_event::{Fate, LeadNews};

static GAPS: LazyLock<Counter<u64>> = LazyLock::new(|| SEQUENCE_GAP.counter());
static REPEATS: LazyLock<Counter<u64>> = LazyLock::new(|| SEQUENCE_REPEAT.counter());

/// A batch in work.
pub(super) struct Fold<'a> {
    /// What it comes to.
    pub(super) change: Change<'a>,
    /// Journeys that people may enter.
    pub(super) active: Vec<Active>,
    /// Those in which somebody is.
    pub(super) compiled: Versions,
    /// Whether copies are known by their sequence.
    pub(super) drops_repeats: bool,
    /// Whether a report must name a mail that can have caused it.
    pub(super) asks_for_evidence: bool,
    contacts: BTreeMap<Vec<u8>, Contact>,
    touched_contacts: std::collections::BTreeSet<Vec<u8>>,
    held: BTreeMap<Uuid, Held>,
    /// Mails that this batch reports on.
    pub(super) reported: BTreeMap<Uuid, Message>,
    pub(super) marks: Vec<(Uuid, Mark, jiff::Timestamp)>,
    pub(super) reports: Vec<(Uuid, &'static str, jiff::Timestamp)>,
    erased: Vec<Uuid>,
    /// These leads have another address: lead, former, new one.
    moved: Vec<(Uuid, Vec<u8>, Vec<u8>)>,
    /// What was said at the contacts of the batch, if somebody says stop in it.
    pub(super) said: HashMap<Vec<u8>, Wishes>,
}

impl<'a> Fold<'a> {
    /// Of the known leads of the batch, their contacts locked.
    pub(super) fn new(
        change: Change<'a>,
        contacts: BTreeMap<Vec<u8>, Contact>,
        leads: Vec<Lead>,
        enrollments: Vec<Enrollment>,
        reported: Vec<Message>,
    ) -> Self {
        let mut own: BTreeMap<Uuid, Vec<Enrollment>> = BTreeMap::new();
        enrollments.into_iter().for_each(|one| own.entry(one.lead_id).or_default().push(one));
        let hold = |lead: Lead| {
            let contact = contacts.get(&lead.email_hash).cloned().unwrap_or_default();
            let enrollments = own.remove(&lead.lead_id).unwrap_or_default();
            (lead.lead_id, Held::new(lead, contact, enrollments))
        };
        let held = leads.into_iter().map(hold).collect();
        let reported = reported.into_iter().map(|message| (message.message_id, message)).collect();
        Self {
            change,
            active: Vec::new(),
            compiled: Versions::new(),
            drops_repeats: true,
            asks_for_evidence: true,
            contacts,
            touched_contacts: std::collections::BTreeSet::new(),
            held,
            reported,
            marks: Vec::new(),
            reports: Vec::new(),
            erased: Vec::new(),
            moved: Vec::new(),
            said: HashMap::new(),
        }
    }

    /// Applies one event.
    pub(super) fn take(&mut self, arrived: &Arrived<LeadNews>) -> Outcome {
        let news = &arrived.event;
        let mut held = self.held.remove(&news.lead_id).unwrap_or_else(|| self.unheard(news));
        let outcome = self.take_held(&mut held, arrived);
        self.held.insert(news.lead_id, held);
        outcome
    }

    fn take_held(&mut self, held: &mut Held, arrived: &Arrived<LeadNews>) -> Outcome {
        let news = &arrived.event;
        let labels = [KeyValue::new("consumer", "nurture"), KeyValue::new("topic", "lead")];
        let last = (held.lead.incarnation, held.lead.last_sequence);
        if self.drops_repeats && (news.incarnation, news.sequence) <= last {
            REPEATS.add(1, &labels);
            return Outcome::Duplicate;
        }
        if news.incarnation == last.0 && news.sequence > last.1 + 1 {
            GAPS.add(1, &labels);
            tracing::warn!(
                lead.id = %news.lead_id, event.id = %news.event_id, gap = news.sequence - last.1 - 1,
                "lead events are missing before this one; it is applied, it carries the whole lead"
            );
        }
        (held.lead.incarnation, held.lead.last_sequence) = (news.incarnation, news.sequence);
        held.touched = true;
        if news.fate == Fate::Erased {
            self.erase(held, news);
            return Outcome::Applied;
        }
        self.keep(held, news);
        let believed = news.report.as_ref().is_none_or(|report| self.report(held, report, news));
        // The person came back since: a stop that is heard late ends nothing.
        let stop = news.report.as_ref().filter(|report| report.is_stop());
        let outdated = stop.is_some_and(|stop| self.says_yes_after(&held.lead.email_hash, stop.at));
        self.move_on(held, arrived, outdated || !believed);
        Outcome::Applied
    }

    fn unheard(&self, news: &LeadNews) -> Held {
        let email_hash = super::hash(self.change.setting.identity_key, news.email.as_deref(), news.lead_id);
        let contact = self.contacts.get(&email_hash).cloned().unwrap_or_default();
        let lead = Lead {
            lead_id: news.lead_id,
            incarnation: 0,
            last_sequence: 0,
            email_hash,
            stage: String::new(),
            owner_rep_id: String::new(),
            test: news.test,
            snapshot: None,
            erased_at: None,
        };
        Held::new(lead, contact, Vec::new())
    }

    /// Takes over what the event says of the lead and its contact.
    fn keep(&mut self, held: &mut Held, news: &LeadNews) {
        let Some(snapshot) = &news.snapshot else { return };
        held.lead.stage.clone_from(&snapshot.stage);
        if news.fate == Fate::Merged {
            "merged".clone_into(&mut held.lead.stage);
        }
        held.lead.owner_rep_id = snapshot.owner.as_ref().map(|owner| owner.rep_id.clone()).unwrap_or_default();
        held.lead.test = news.test;
        held.lead.snapshot = Some(snapshot.encode_to_vec());
        held.lead.erased_at = None;
        held.snapshot.clone_from(snapshot);
        let email_hash = super::hash(self.change.setting.identity_key, news.email.as_deref(), news.lead_id);
        if email_hash != held.lead.email_hash {
            self.move_to(held, email_hash);
        }
        let known = snapshot.contact.clone().unwrap_or_default();
        let contact = Contact {
            email_hash: held.lead.email_hash.clone(),
            email: news.email.clone(),
            time_zone: known.time_zone,
            locale: known.locale,
            country: known.country,
        };
        if contact != held.contact {
            self.touched_contacts.insert(contact.email_hash.clone());
            self.contacts.insert(contact.email_hash.clone(), contact.clone());
            held.contact = contact;
        }
        self.consents(&held.lead.email_hash, snapshot);
    }

    /// Another address: what waits for the person goes there.
    fn move_to(&mut self, held: &mut Held, email_hash: Vec<u8>) {
        let former = std::mem::replace(&mut held.lead.email_hash, email_hash.clone());
        for enrollment in &mut held.enrollments {
            enrollment.email_hash.clone_from(&email_hash);
            self.change.touch(enrollment);
        }
        held.contact = self.contacts.get(&email_hash).cloned().unwrap_or_default();
        self.moved.push((held.lead.lead_id, former, email_hash));
    }

    /// The newer word wins: the table's own rule.
    fn consents(&mut self, email_hash: &[u8], snapshot: &LeadSnapshot) {
        for consent in &snapshot.consents {
            let Some(at) = consent.occurred_at.as_ref().and_then(from_proto_time) else { continue };
            self.change.consents.push(Consent {
                email_hash: email_hash.to_vec(),
                purpose: consent.purpose.clone(),
                given: consent.given,
                at,
                source: "lead".to_owned(),
                event_id: Uuid::parse_str(&consent.event_id).ok(),
            });
        }
    }

    /// Whether somebody came back to this address after this moment: the newest word on marketing mails is a yes, or he has
    /// confirmed another purpose by our own door.
    pub(super) fn says_yes_after(&self, email_hash: &[u8], at: jiff::Timestamp) -> bool {
        let kept = self.said.get(email_hash).map(|wishes| &wishes.consents);
        let confirmed = |one: &Consent| one.source == "double_opt_in" && one.given && one.at > at;
        if kept.is_some_and(|kept| kept.values().any(confirmed)) {
            return true;
        }
        let kept = kept.and_then(|kept| kept.get(MARKETING));
        let now = self.change.consents.iter().filter(|one| one.email_hash == email_hash && one.purpose == MARKETING);
        let newest = now.chain(kept).max_by_key(|one| (one.at, !one.given));
        newest.is_some_and(|one| one.given && one.at > at)
    }

    /// Journeys: what ends, what goes on, what begins. Of an act that is `void` only what it says of the lead counts.
    fn move_on(&mut self, held: &mut Held, arrived: &Arrived<LeadNews>, void: bool) {
        let news = &arrived.event;
        let act = news.happened.act.as_ref().filter(|_| !void);
        let happened = Happened { act: act.cloned(), ..news.happened.clone() };
        let cause = Some(news.event_id);
        if news.happened.qualified {
            self.convert(held);
        }
        self.change.exits(held, &self.compiled, &happened, cause);
        if let Some(act) = act {
            for number in 0..held.enrollments.len() {
                let key = (held.enrollments[number].journey_id.clone(), held.enrollments[number].version);
                let Some(compiled) = self.compiled.get(&key).cloned() else { continue };
                let paused = self.active.iter().any(|one| one.paused && one.compiled.journey.journey_id == key.0);
                self.change.advance(held, number, &compiled, Trigger::Act(act.clone()), paused, cause);
            }
        }
        // Historical events enrol nobody, and neither does the end of a lead.
        if news.historical || news.fate != Fate::Goes {
            return;
        }
        let trace = arrived.trace.as_ref().map(|trace| trace.0.to_string());
        for one in self.active.clone() {
            if !one.paused {
                self.change.enrol(held, &one.compiled, act, cause, trace.as_deref());
            }
        }
    }

    fn convert(&mut self, held: &mut Held) {
        for enrollment in held.enrollments.iter_mut().filter(|one| one.converted_at.is_none()) {
            enrollment.converted_at = Some(self.change.setting.now);
            self.change.touch(enrollment);
        }
    }

    fn erase(&mut self, held: &mut Held, news: &LeadNews) {
        let cause = Some(news.event_id);
        "erased".clone_into(&mut held.lead.stage);
        self.change.exits(held, &self.compiled, &Happened::default(), cause);
        // Of a version that this program cannot run.
        for number in 0..held.enrollments.len() {
            if held.enrollments[number].state.is_open() {
                self.change.end(&mut held.enrollments[number], "erased");
            }
        }
        self.erased.push(held.lead.lead_id);
        held.lead.snapshot = None;
        held.lead.owner_rep_id.clear();
        held.lead.erased_at = Some(self.change.setting.now);
        held.snapshot = LeadSnapshot::default();
    }

    /// Writes everything but the outbox.
    pub(super) async fn write(&mut self, tx: &mut WriteTx) -> Result<(), PgError> {
        let leads: Vec<&Lead> = self.held.values().filter(|held| held.touched).map(|held| &held.lead).collect();
        store::lead::save(tx.connection(), &leads).await?;
        let contacts: Vec<&Contact> =
            self.touched_contacts.iter().filter_map(|email_hash| self.contacts.get(email_hash)).collect();
        store::contact::save(tx.connection(), &contacts).await?;
        let now = self.change.setting.now;
        let former: Vec<(Uuid, Vec<u8>)> = self.moved.iter().map(|(id, former, _)| (*id, former.clone())).collect();
        store::former::note(tx.connection(), &former, now).await?;
        for (lead_id, _, email_hash) in &self.moved {
            store::message_mark::readdress(tx.connection(), *lead_id, email_hash).await?;
        }
        for (message_id, mark, at) in &self.marks {
            store::message_mark::mark(tx.connection(), *message_id, *mark, *at).await?;
        }
        for (message_id, kind, at) in &self.reports {
            store::report::insert(tx.connection(), *message_id, kind, *at).await?;
        }
        self.change.write(tx).await?;
        // After what the events themselves say: the newer word wins.
        for (_, former, email_hash) in &self.moved {
            store::consent::carry(tx.connection(), former, email_hash).await?;
        }
        let forgotten = store::former::of_leads(tx.connection(), &self.erased).await?;
        for lead_id in &self.erased {
            store::erase::lead(tx.connection(), *lead_id).await?;
        }
        for email_hash in &forgotten {
            store::erase::contact(tx.connection(), email_hash, now).await?;
        }
        Ok(())
    }
}
