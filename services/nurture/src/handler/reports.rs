//! What came back to a mail, and what follows of it: suppression, marks, and the end of not knowing.

use uuid::Uuid;

use super::fold::Fold;
use crate::held::Held;
use crate::store::consent::Suppression;
use crate::store::message::MessageState;
use crate::store::message_mark::Mark;
use crate::wire::from_proto_time;
use crate::wire::lead_event::{LeadNews, Report, ReportKind};

impl Fold<'_> {
    pub(super) fn report(&mut self, held: &mut Held, report: &Report, news: &LeadNews) {
        let known = report.message_id.filter(|id| self.reported.contains_key(id));
        // Of the address that the mail went to, even if the lead has another one now.
        let of = known.and_then(|id| self.reported.get(&id)).map(|message| message.email_hash.clone());
        let email_hash = of.unwrap_or_else(|| held.lead.email_hash.clone());
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
                self.resolve(known, MessageState::Failed, "bounced");
            }
            ReportKind::SoftBounce => {
                kept("soft_bounce");
                self.resolve(known, MessageState::Failed, "bounced");
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
    }

    /// Said elsewhere (a form, a provider's link); what our own doors heard stands there already.
    fn unsubscribe(&mut self, email_hash: &[u8], report: &Report, news: &LeadNews) {
        // A newer consent in the same snapshot: he came back before we heard that he had gone.
        let consents = news.snapshot.iter().flat_map(|lead| &lead.consents);
        let newer = consents.filter(|consent| consent.purpose == "marketing_email" && consent.given);
        let newer = newer.filter_map(|consent| consent.occurred_at.as_ref().and_then(from_proto_time));
        if newer.into_iter().any(|at| at > report.at) {
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
