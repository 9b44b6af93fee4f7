//! The events of one batch, one after the other, into the rows of their leads. No I/O until [`Fold::write_last`].

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use leadflow_platform::consumer::{Arrived, Outcome};
use leadflow_platform::identity_key::{IdentityKey, Purpose};
use leadflow_platform::pg::{PgError, WriteTx};
use leadflow_platform::telemetry::metrics::{SEQUENCE_GAP, SEQUENCE_REPEAT};
use leadflow_proto::assignment::v1::{Erased, LeadSnapshot, Merged, Withdrawn};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use prost::Message as _;
use uuid::Uuid;

use super::unheard;
use crate::change::Change;
use crate::domain::decision::{End, Question};
use crate::domain::intake::{self, Effect, Heard, Known, Verdict};
use crate::domain::lead::{AssignmentState, LeadState, Priority, Stage};
use crate::domain::routing::{self, Route};
use crate::held::Held;
use crate::store;
use crate::store::contact::NewContact;
use crate::wire::event::Happened;
use crate::wire::lead_event::{LeadNews, Whole};

static GAPS: LazyLock<Counter<u64>> = LazyLock::new(|| SEQUENCE_GAP.counter());
static REPEATS: LazyLock<Counter<u64>> = LazyLock::new(|| SEQUENCE_REPEAT.counter());

/// A batch in work.
pub(super) struct Fold<'a> {
    now: Timestamp,
    identity_key: &'a IdentityKey,
    routes: &'a [Route],
    /// Every lead of the batch.
    pub(super) held: BTreeMap<Uuid, Held>,
    /// What it comes to.
    pub(super) change: Change,
    /// Whether copies are known by their sequence.
    pub(super) drops_repeats: bool,
    waiting: Vec<(i16, String)>,
    erased: Vec<Uuid>,
    forgotten: Vec<Vec<u8>>,
    /// Key of a merged person, and the lead that he became.
    merged: Vec<(Vec<u8>, Uuid)>,
}

impl<'a> Fold<'a> {
    /// `held` are the known leads of the batch, locked.
    pub(super) fn new(
        now: Timestamp,
        incarnation: i32,
        identity_key: &'a IdentityKey,
        routes: &'a [Route],
        held: Vec<Held>,
    ) -> Self {
        let held = held.into_iter().map(|held| (held.lead.lead_id, held)).collect();
        let change = Change::new(now, incarnation);
        let (waiting, erased, forgotten, merged) = Default::default();
        Self { now, identity_key, routes, held, change, drops_repeats: true, waiting, erased, forgotten, merged }
    }

    /// The pool of the hottest lead that began to wait.
    pub(super) fn hottest_pool(&self) -> Option<String> {
        self.waiting.iter().max_by_key(|(priority, _)| *priority).map(|(_, pool_id)| pool_id.clone())
    }

    /// Applies one event.
    pub(super) fn take(&mut self, arrived: &Arrived<LeadNews>) -> Outcome {
        let news = &arrived.event;
        let mut held = self.held.remove(&news.lead_id).unwrap_or_else(|| unheard(news.lead_id));
        let differs = news.whole.as_ref().is_some_and(|whole| whole.contact != held.contact);
        let heard = Heard { contact_differs: differs, ..news.heard.clone() };
        let known = Known {
            incarnation: held.lead.incarnation,
            last_sequence: if self.drops_repeats { held.lead.last_sequence } else { 0 },
            state: held.lead.state,
            stage: held.lead.stage,
        };
        let meaning = intake::hear(known, &heard);
        let labels = [KeyValue::new("consumer", "assignment"), KeyValue::new("topic", "lead")];
        if meaning.gap > 0 {
            GAPS.add(1, &labels);
            tracing::warn!(
                lead.id = %news.lead_id, event.id = %news.event_id, gap = meaning.gap,
                "lead events are missing before this one; it is applied, it carries the whole lead"
            );
        }
        let outcome = match meaning.verdict {
            Verdict::Repeat => {
                REPEATS.add(1, &labels);
                Outcome::Duplicate
            }
            Verdict::Ignored(reason) => Outcome::Ignored(reason),
            Verdict::New => Outcome::Applied,
        };
        if meaning.verdict != Verdict::Repeat {
            held.lead.incarnation = heard.incarnation;
            held.lead.last_sequence = heard.sequence;
            held.touched = true;
            self.apply(&mut held, arrived, meaning.effect);
        }
        self.held.insert(news.lead_id, held);
        outcome
    }

    fn apply(&mut self, held: &mut Held, arrived: &Arrived<LeadNews>, effect: Effect) {
        let news = &arrived.event;
        match effect {
            Effect::Nothing => {}
            // Nobody will read the snapshot of a lead that may never be placed: the event that makes it wait brings it.
            Effect::Note if held.lead.state == LeadState::Idle => {}
            Effect::Note => self.keep(held, news),
            Effect::Reopen => (held.lead.state, held.lead.stage) = (LeadState::Idle, Stage::Open),
            Effect::Wait(priority) => self.wait(held, arrived, priority),
            Effect::Hurry => {
                self.keep(held, news);
                self.caused_by(held, arrived);
                held.lead.priority = Priority::HandRaise as i16;
                self.waiting.extend(held.lead.pool_id.clone().map(|pool_id| (held.lead.priority, pool_id)));
            }
            Effect::TellHandRaised => {
                self.keep(held, news);
                self.caused_by(held, arrived);
                // Should the rep not answer, it passes on before others.
                held.lead.priority = Priority::HandRaise as i16;
                let raised = news.hand_raised.clone().unwrap_or_default();
                self.change.tell(held, held.assignment_as_told(), Happened::HandRaised(raised));
            }
            Effect::TellContact => {
                self.keep(held, news);
                self.change.tell(held, held.assignment_as_told(), Happened::Updated);
            }
            Effect::Disqualify => {
                self.keep(held, news);
                let had_rep = self.end(held, news, Stage::Disqualified);
                if let Some(state) = had_rep {
                    let withdrawn = Withdrawn { reason: news.end_reason.clone() };
                    self.change.tell_moved(held, state, Happened::Withdrawn(withdrawn));
                }
            }
            Effect::Merge => self.merge(held, news),
            Effect::Erase => self.erase(held, news),
        }
    }

    fn wait(&mut self, held: &mut Held, arrived: &Arrived<LeadNews>, priority: Priority) {
        let news = &arrived.event;
        self.keep(held, news);
        self.caused_by(held, arrived);
        let lead = &mut held.lead;
        lead.state = LeadState::Waiting;
        lead.stage = Stage::Mql;
        lead.priority = priority as i16;
        // As the broker had it: a backlog keeps its order.
        lead.waiting_since = Some(arrived.appended_at.min(self.now));
        (lead.noted, lead.round, lead.wake_at) = (false, 0, None);
        lead.asked.clear();
        lead.pool_id = routing::route(&lead.product_line, self.routes).map(str::to_owned);
        self.waiting.extend(lead.pool_id.clone().map(|pool_id| (lead.priority, pool_id)));
    }

    /// Takes over what the event says of the lead. Stage and external records are ours.
    fn keep(&mut self, held: &mut Held, news: &LeadNews) {
        let Some(Whole { snapshot, contact, person_uid, account_domain, product_line }) = &news.whole else { return };
        let mut snapshot = snapshot.clone();
        snapshot.external_ids = held
            .lead
            .snapshot
            .as_deref()
            .and_then(|bytes| LeadSnapshot::decode(bytes).ok())
            .unwrap_or_default()
            .external_ids;
        let lead = &mut held.lead;
        lead.snapshot = Some(snapshot.encode_to_vec());
        lead.test = news.test;
        lead.product_line.clone_from(product_line);
        lead.person_uid = *person_uid;
        let keys_before = (lead.person_key.take(), lead.account_key.take());
        lead.person_key = person_uid.map(|uid| self.key_of("person", &uid.to_string()));
        lead.account_key = (!account_domain.is_empty()).then(|| self.key_of("account", account_domain));
        let keys_changed = keys_before != (lead.person_key.clone(), lead.account_key.clone());
        if lead.contact_no == 0 || *contact != held.contact {
            lead.contact_no += 1;
            held.contact = contact.clone();
            self.change.contacts.push(NewContact {
                lead_id: lead.lead_id,
                contact_no: lead.contact_no,
                contact: contact.clone(),
            });
        }
        // The person became part of another one, or has another company now: whoever owns the lead owns that too.
        if keys_changed && held.lead.state == LeadState::Accepted {
            self.change.owned_by_current(held);
        }
    }

    fn key_of(&self, kind: &str, text: &str) -> Vec<u8> {
        self.identity_key.hash(Purpose::Identifier, kind, text).0.to_vec()
    }

    fn caused_by(&self, held: &mut Held, arrived: &Arrived<LeadNews>) {
        held.lead.cause_event_id = Some(arrived.event.event_id);
        held.lead.trace = arrived.trace.as_ref().map(|trace| trace.0.to_string());
    }

    /// The lead is over. Returns the state of the assignment that ended with it.
    fn end(&mut self, held: &mut Held, news: &LeadNews, stage: Stage) -> Option<AssignmentState> {
        if held.lead.state == LeadState::Idle {
            (held.lead.state, held.lead.stage) = (LeadState::Closed, stage);
            return None;
        }
        let end = End { reason: news.end_reason.clone(), stage: i32::from(stage as i16) };
        let outcome = self.change.answer(held, Question::End(end), true, Some(news.event_id));
        i16::try_from(outcome.assignment_state).ok().and_then(AssignmentState::from_number)
    }

    fn merge(&mut self, held: &mut Held, news: &LeadNews) {
        let had_rep = self.end(held, news, Stage::Merged);
        let into = news.into_lead_id.unwrap_or_default();
        self.merged.extend(held.lead.person_key.clone().map(|key| (key, into)));
        if held.lead.sequence == 0 {
            return;
        }
        let merged = Happened::Merged(Merged { into_lead_id: into.to_string() });
        match had_rep {
            Some(state) => self.change.tell_moved(held, state, merged),
            None => self.change.tell(held, held.assignment_as_told(), merged),
        };
    }

    fn erase(&mut self, held: &mut Held, news: &LeadNews) {
        if held.lead.state != LeadState::Closed {
            self.end(held, news, Stage::Erased);
        }
        self.forgotten.extend(held.lead.person_key.take());
        self.erased.push(held.lead.lead_id);
        let lead = &mut held.lead;
        lead.stage = Stage::Erased;
        (lead.snapshot, lead.person_uid, lead.account_key, lead.cause_event_id, lead.trace) = Default::default();
        lead.contact_no = 0;
        lead.erased_at = Some(self.now);
        held.contact = LeadSnapshot::default();
        if held.lead.sequence > 0 {
            let erased = Erased { request_id: news.request_id.clone() };
            self.change.tell(held, None, Happened::Erased(erased));
        }
        held.lead.last_event = None;
    }

    /// What is written after everything else: rows of owners are locked last.
    pub(super) async fn write_last(&self, tx: &mut WriteTx) -> Result<(), PgError> {
        if !self.erased.is_empty() {
            store::contact::erase(tx.connection(), &self.erased).await?;
        }
        if !self.forgotten.is_empty() {
            store::owner::forget(tx.connection(), &self.forgotten).await?;
        }
        for (from, into) in &self.merged {
            store::owner::repoint(tx.connection(), from, *into).await?;
        }
        Ok(())
    }
}
