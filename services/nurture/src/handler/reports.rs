//! What came back to a mail, and what follows of it: suppression, marks, and the end of not knowing.
//!
//! Anybody can write a bounce or a complaint that names somebody's address, and an answer in somebody's name. What nobody makes
//! up is the Message-ID of a mail that went to it, or the signed address that answers to it go to; so these count only if they
//! name one: a mail of this lead or of its address, handed to a relay. It does not matter by which door it came: what a provider's signature proved at ingest is not told here.

use uuid::Uuid;

use super::fold::Fold;
use crate::held::Held;
use crate::store::consent::Suppression;
use crate::store::message::{Message, MessageState};
use crate::store::message_mark::Mark;
use crate::wire::from_proto_time;
use crate::wire::lead_event::{LeadNews, Report, ReportKind};

/// Why a mail failed that the relay had taken.
const BOUNCED: &str = "bounced";

impl Fold<'_> {
    /// Whether it is believed: if not, it is no act of the person either.
    pub(super) fn report(&mut self, held: &mut Held, report: &Report, news: &LeadNews) -> bool {
        let named = report.message_id.and_then(|id| self.reported.get(&id));
        if needs_evidence(report.kind) && self.asks_for_evidence && !named.is_some_and(|mail| may_be_about(mail, held))
        {
            tracing::debug!(
                lead.id = %news.lead_id, event.id = %news.event_id,
                "what came back names no mail that went to this lead; it changes nothing"
            );
            return false;
        }
        let known = named.map(|message| message.message_id);
        // Of the address that the mail went to, even if the lead has another one now.
        let email_hash = named.map_or_else(|| held.lead.email_hash.clone(), |message| message.email_hash.clone());
        let suppress =
            |reason: &str| Suppression { email_hash: email_hash.clone(), reason: reason.to_owned(), at: report.at };
        let mut kept = |kind: &'static str| {
            if let Some(id) = known {
                self.reports.push((id, kind, report.at));
            }
        };
        match report.kind {
            ReportKind::HardBounce => {
                kept("hard_bounce");
                self.change.suppressions.push(suppress("hard_bounce"));
                self.resolve(known, MessageState::Failed, BOUNCED);
            }
            ReportKind::SoftBounce => {
                kept("soft_bounce");
                self.resolve(known, MessageState::Failed, BOUNCED);
            }
            ReportKind::Complaint => {
                kept("complaint");
                self.change.suppressions.push(suppress("complaint"));
                self.resolve(known, MessageState::Sent, "");
            }
            ReportKind::Delivered => {
                kept("delivered");
                self.marks.extend(known.map(|id| (id, Mark::Delivered, report.at)));
                self.resolve(known, MessageState::Sent, "");
            }
            ReportKind::Reply => {
                self.marks.extend(known.map(|id| (id, Mark::Replied, report.at)));
                if let Some(message) = known.and_then(|id| self.reported.get(&id)).cloned() {
                    self.change.count_message(&message, "replied");
                }
                self.resolve(known, MessageState::Sent, "");
                for enrollment in held.enrollments.iter_mut().filter(|one| one.state.is_open()) {
                    enrollment.replied_at = enrollment.replied_at.or(Some(report.at));
                    self.change.touch(enrollment);
                }
            }
            ReportKind::Click => self.resolve(known, MessageState::Sent, ""),
            ReportKind::Unsubscribed => self.unsubscribe(&email_hash, report, news),
        }
        true
    }

    /// Said elsewhere (a form, a provider's link); what our own doors heard stands there already.
    fn unsubscribe(&mut self, email_hash: &[u8], report: &Report, news: &LeadNews) {
        // A newer consent in the same snapshot: he came back before we heard that he had gone.
        let consents = news.snapshot.iter().flat_map(|lead| &lead.consents);
        let newer = consents.filter(|consent| consent.purpose == "marketing_email" && consent.given);
        let newer = newer.filter_map(|consent| consent.occurred_at.as_ref().and_then(from_proto_time));
        // Or the same by our own doors, which the lead may not have heard of yet.
        if newer.into_iter().any(|at| at > report.at) || self.says_yes_after(email_hash, report.at) {
            return;
        }
        self.change.suppressions.push(Suppression {
            email_hash: email_hash.to_vec(),
            reason: "unsubscribed".to_owned(),
            at: report.at,
        });
    }

    /// Of a mail of which nobody knew whether it had gone out.
    fn resolve(&mut self, message_id: Option<Uuid>, state: MessageState, reason: &str) {
        let Some(message) = message_id.and_then(|id| self.reported.get_mut(&id)) else { return };
        if message.state != MessageState::Uncertain {
            return;
        }
        message.state = state;
        reason.clone_into(&mut message.reason);
        let message = message.clone();
        self.change.tell_resolved(message);
    }
}

/// What comes by mail, from whoever wrote it. Clicks come by our own door, and "stop" is believed of anybody.
fn needs_evidence(kind: ReportKind) -> bool {
    match kind {
        ReportKind::HardBounce
        | ReportKind::SoftBounce
        | ReportKind::Complaint
        | ReportKind::Delivered
        | ReportKind::Reply => true,
        ReportKind::Click | ReportKind::Unsubscribed => false,
    }
}

/// Of this lead, whatever its address was then, or of its address; and a relay has it, had it, or may have it.
fn may_be_about(mail: &Message, held: &Held) -> bool {
    let is_theirs = mail.lead_id == held.lead.lead_id || mail.email_hash == held.lead.email_hash;
    let went_out = match mail.state {
        MessageState::Sending | MessageState::Sent | MessageState::Uncertain => true,
        // By an earlier report; of one that the relay itself did not take there is nothing to report.
        MessageState::Failed => mail.reason == BOUNCED,
        MessageState::Queued | MessageState::Skipped => false,
    };
    is_theirs && went_out
}
