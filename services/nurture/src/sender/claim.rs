//! Claims mails that are due. Everything is decided again here, under the lock of the contact: exits, suppression, consent,
//! caps, windows. What may not be sent is skipped with its reason, what may not be sent yet is put off.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadflow_platform::pg::{PgError, WriteTx};
use leadflow_platform::{outbox, timers};
use uuid::Uuid;

use super::Sender;
use crate::change::{Change, Setting};
use crate::domain::decision::{self, Question};
use crate::domain::journey::plan::Action;
use crate::domain::send::{SendFacts, WindowFacts};
use crate::held::{Held, zone_of};
use crate::journeys::Compiled;
use crate::store;
use crate::store::consent::Wishes;
use crate::store::enrollment::Enrollment;
use crate::store::message::{Message, MessageState};

/// A mail that cannot be decided about here and now comes again after so long.
const PUSH_BACK: Duration = Duration::from_secs(30);

/// A mail with everything that is needed to write it.
#[derive(Clone, Debug)]
pub(super) struct Claimed {
    pub(super) message: Message,
    pub(super) lease_owner: Uuid,
    pub(super) held: Held,
    pub(super) compiled: Arc<Compiled>,
    /// Of the event that entered him.
    pub(super) entry: BTreeMap<String, String>,
    pub(super) claimed_at: Timestamp,
    /// It was put off for its domain's rate, and has a place in line.
    pub(super) in_line: bool,
}

impl Claimed {
    /// What the mail is about; empty: nothing that can be turned off.
    pub(super) fn topic(&self) -> &str {
        mail_of(&self.compiled, &self.message.step).map_or("", |(topic, _)| topic)
    }
}

/// What came of a look.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) claimed: Vec<Claimed>,
    /// Mails that were decided about.
    pub(super) looked: usize,
    /// No mail goes out at all.
    pub(super) paused: bool,
}

/// Everything that is known about a page of mails.
struct Known {
    contacts: Vec<store::contact::Contact>,
    held: BTreeMap<Uuid, Held>,
    wishes: std::collections::HashMap<Vec<u8>, Wishes>,
    counted: BTreeMap<Vec<u8>, Vec<i64>>,
    enrollments: BTreeMap<Uuid, Enrollment>,
    compiled: BTreeMap<(String, i32), Arc<Compiled>>,
    paused: HashSet<String>,
    busy: HashSet<Vec<u8>>,
}

impl Sender {
    /// At most `limit` are claimed; skipped and put off are any number of a page.
    pub(super) async fn claim(&self, limit: usize) -> Result<Page, PgError> {
        let shared = &self.shared;
        let mut tx = shared.database.write_tx("claim_mails").await?;
        if store::sending::load(&mut *tx.connection()).await?.paused {
            return Ok(Page { paused: true, ..Page::default() });
        }
        let now = tx.now();
        let page = i64::try_from(limit * 4).unwrap_or(64).max(64);
        let due = store::due::messages(tx.connection(), now, page).await?;
        if due.is_empty() {
            return Ok(Page::default());
        }
        let contacts = store::contact::lock_free(tx.connection(), &store::due::contacts(&due)).await?;
        let ids: Vec<Uuid> = due.iter().map(|(message_id, _)| *message_id).collect();
        let mut messages = store::message::by_ids(tx.connection(), &ids).await?;
        // In a backlog only the first of a page get a turn: in any other order the last of it would wait for ever.
        messages.sort_by_key(|message| message.not_before);
        let known = self.known(&mut tx, contacts, &messages).await?;
        let lead_ids: Vec<Uuid> = known.held.keys().copied().collect();
        let told = store::told::load(tx.connection(), &lead_ids).await?;
        let setting = Setting {
            now,
            incarnation: shared.incarnation,
            default_zone: &shared.config.default_time_zone,
            identity_key: &shared.identity_key,
        };
        let mut change = Change::new(setting, told);
        let page = self.decide_page(&mut change, &known, messages, limit);
        change.write(&mut tx).await?;
        let woken = settled_enrollments(&change);
        store::enrollment::wake(tx.connection(), &woken, now).await?;
        outbox::append(&mut tx, &change.outbox).await?;
        drop(known);
        let has_outbox = !change.outbox.is_empty();
        tx.commit().await?;
        if has_outbox {
            shared.publisher.wake();
        }
        if !woken.is_empty() {
            shared.wakers.steps.notify_one();
        }
        page.claimed.iter().for_each(|one| timers::record_late("mail", one.message.not_before, now));
        Ok(page)
    }

    async fn known(
        &self,
        tx: &mut WriteTx,
        contacts: Vec<store::contact::Contact>,
        messages: &[Message],
    ) -> Result<Known, PgError> {
        let now = tx.now();
        let hashes: Vec<&[u8]> = contacts.iter().map(|contact| contact.email_hash.as_slice()).collect();
        let lead_ids: BTreeSet<Uuid> = messages.iter().map(|message| message.lead_id).collect();
        let lead_ids: Vec<Uuid> = lead_ids.into_iter().collect();
        let leads = store::lead::load(tx.connection(), &lead_ids).await?;
        let enrollment_ids: Vec<Uuid> = messages.iter().filter_map(|message| message.enrollment_id).collect();
        let enrollments = store::enrollment::by_ids(tx.connection(), &enrollment_ids).await?;
        let wishes = store::consent::load(tx.connection(), &hashes).await?;
        let period = self.cap_period_us();
        let from = Timestamp::from_microsecond(now.as_microsecond() - period).unwrap_or(now);
        let counted = store::message::counted(tx.connection(), &hashes, from).await?;
        let busy = store::message_begin::busy(tx.connection(), &hashes, now).await?.into_iter().collect();
        let versions = messages.iter().map(|message| (message.journey_id.as_str(), message.version));
        let compiled = self.shared.journeys.all(tx.connection(), versions).await?;
        let active = store::journey::active(&mut *tx.connection()).await?;
        let paused = active.into_iter().filter(|(.., paused)| *paused).map(|(journey_id, ..)| journey_id).collect();
        let contact_of = |hash: &[u8]| contacts.iter().find(|contact| contact.email_hash == hash).cloned();
        let held = leads.into_iter().filter_map(|lead| {
            let contact = contact_of(&lead.email_hash)?;
            Some((lead.lead_id, Held::new(lead, contact, Vec::new())))
        });
        let held = held.collect();
        let enrollments = enrollments.into_iter().map(|one| (one.enrollment_id, one)).collect();
        Ok(Known { contacts, held, wishes, counted, enrollments, compiled, paused, busy })
    }

    fn decide_page(&self, change: &mut Change<'_>, known: &Known, messages: Vec<Message>, limit: usize) -> Page {
        let mut page = Page::default();
        let mut busy = known.busy.clone();
        for message in messages {
            // Somebody else's, or of an address that is being written to at this moment: its turn comes.
            let locked = known.contacts.iter().any(|contact| contact.email_hash == message.email_hash);
            let leased = message.lease_until.is_some_and(|until| until > change.setting.now);
            if !locked || leased || message.state != MessageState::Queued || busy.contains(&message.email_hash) {
                continue;
            }
            let key = (message.journey_id.clone(), message.version);
            let (Some(held), Some(compiled)) = (known.held.get(&message.lead_id), known.compiled.get(&key)) else {
                // A version that only another program can run, or a lead that is moving to another address. At the head of
                // the queue it would stand in the way of everybody.
                let not_before = change.setting.now.checked_add(PUSH_BACK).unwrap_or(Timestamp::MAX);
                change.messages.push(Message { not_before, ..message });
                continue;
            };
            let facts = self.facts(known, held, compiled, &message);
            let input = change.input(held, compiled, Question::Send(facts));
            let outcome = decision::decide(&input, Some(&compiled.journey));
            if outcome.result == "send" && page.claimed.len() == limit {
                continue;
            }
            page.looked += 1;
            // Put off again for the same reason: nothing new was decided.
            if outcome.result != "put_off" || message.reason != outcome.reason {
                change.note(message.lead_id, message.message_id, compiled, &message.step, &input, &outcome, None);
            }
            match outcome.result.as_str() {
                "send" => {
                    busy.insert(message.email_hash.clone());
                    let enrollment = message.enrollment_id.and_then(|id| known.enrollments.get(&id));
                    let entry = enrollment.map(|one| one.context.entry.clone()).unwrap_or_default();
                    page.claimed.push(Claimed { entry, ..self.lease_to_us(change, message, held, compiled) });
                }
                "skip" => change.skip(message, &outcome.reason),
                _ => {
                    let not_before = outcome.send.map_or(0, |send| send.not_before_us);
                    let not_before = Timestamp::from_microsecond(not_before).unwrap_or(Timestamp::MAX);
                    change.messages.push(Message { not_before, reason: outcome.reason, ..message });
                }
            }
        }
        page
    }

    fn lease_to_us(&self, change: &mut Change<'_>, message: Message, held: &Held, compiled: &Arc<Compiled>) -> Claimed {
        let lease_owner = Self::new_lease_owner();
        let in_line = message.reason == super::settle::RATE;
        let message = Message {
            lease_owner: Some(lease_owner),
            lease_until: change.setting.now.checked_add(self.lease()).ok(),
            reason: String::new(),
            ..message
        };
        change.messages.push(message.clone());
        Claimed {
            message,
            lease_owner,
            held: held.clone(),
            compiled: Arc::clone(compiled),
            entry: BTreeMap::new(),
            claimed_at: change.setting.now,
            in_line,
        }
    }

    fn facts(&self, known: &Known, held: &Held, compiled: &Compiled, message: &Message) -> SendFacts {
        let config = &self.shared.config;
        let journey = &compiled.journey;
        let empty = Wishes::default();
        let wishes = known.wishes.get(&message.email_hash).unwrap_or(&empty);
        let consent = wishes.consents.get(&journey.purpose).map_or(0, |consent| if consent.given { 1 } else { -1 });
        let (topic, patience_us) = mail_of(compiled, &message.step).unwrap_or(("", 0));
        let enrollment = message.enrollment_id.and_then(|id| known.enrollments.get(&id));
        let ended = enrollment.filter(|one| !one.state.is_open()).map(|one| one.end_reason.clone());
        let cap = config.frequency_cap;
        SendFacts {
            purpose: journey.purpose.clone(),
            addressed: held.contact.email.is_some(),
            stage: held.lead.stage.clone(),
            consent,
            topic_off: wishes.topics.get(topic) == Some(&false),
            suppression: wishes.suppression.as_ref().map(|one| one.reason.clone()).unwrap_or_default(),
            ended: ended.unwrap_or_default(),
            sent_us: known.counted.get(&message.email_hash).cloned().unwrap_or_default(),
            cap: cap.map_or(0, |cap| cap.messages),
            cap_period_us: self.cap_period_us(),
            time_zone: zone_of(&held.contact, &config.default_time_zone).to_owned(),
            send_window: journey.window.map(WindowFacts::from),
            quiet_hours: config.quiet().map(WindowFacts::from),
            queued_us: message.queued_at.as_microsecond(),
            patience_us,
            journey_paused: known.paused.contains(&message.journey_id),
            not_allowed: held.contact.email.as_deref().is_some_and(|email| !config.allows(email)),
        }
    }

    fn cap_period_us(&self) -> i64 {
        self.shared.config.frequency_cap.map_or(0, |cap| i64::from(cap.days) * 86_400_000_000)
    }
}

/// Topic and patience of a mail step.
fn mail_of<'a>(compiled: &'a Compiled, step: &str) -> Option<(&'a str, i64)> {
    let journey = &compiled.journey;
    match &journey.steps[*journey.by_id.get(step)?].action {
        Action::Mail { topic, patience_us, .. } => Some((topic, *patience_us)),
        _ => None,
    }
}

/// Enrolments whose mail was skipped: they go on.
fn settled_enrollments(change: &Change<'_>) -> Vec<Uuid> {
    let skipped = change.messages.iter().filter(|message| message.state == MessageState::Skipped);
    skipped.filter_map(|message| message.enrollment_id).collect()
}
