//! What is told and counted of mails.

use leadflow_proto::nurture::v1::nurture_event::Fact;
use leadflow_proto::nurture::v1::{MessageFailed, MessageSent, MessageSkipped};

use super::Change;
use crate::store::message::{Message, MessageState};
use crate::telemetry;
use crate::wire::told::{self, Telling};

impl Change<'_> {
    /// Tells a fact about a mail.
    pub fn tell_message(&mut self, message: &Message, fact: Fact) {
        let sequence = self.next_sequence(message.lead_id);
        let telling = Telling {
            lead_id: message.lead_id,
            incarnation: self.setting.incarnation,
            sequence,
            at: self.setting.now,
            test: message.test,
            journey_id: &message.journey_id,
            version: message.version,
            enrollment_id: message.enrollment_id,
            step: &message.step,
            trace: None,
        };
        let row = told::tell(&telling, fact);
        self.outbox.push(row);
    }

    /// A mail is not sent, for a reason that stays.
    pub fn skip(&mut self, mut message: Message, reason: &str) {
        message.state = MessageState::Skipped;
        reason.clone_into(&mut message.reason);
        message.settled_at = Some(self.setting.now);
        (message.lease_owner, message.lease_until) = (None, None);
        telemetry::settled("skipped", reason);
        let fact = MessageSkipped {
            message_id: message.message_id.to_string(),
            occurrence: message.occurrence,
            reason: reason.to_owned(),
        };
        self.tell_message(&message, Fact::MessageSkipped(fact));
        self.count_message(&message, telemetry::skip_label(reason));
        self.messages.push(message);
    }

    /// It has become known what became of an uncertain mail.
    pub fn tell_resolved(&mut self, message: Message) {
        let (message_id, occurrence) = (message.message_id.to_string(), message.occurrence);
        let fact = if message.state == MessageState::Sent {
            Fact::MessageSent(MessageSent { message_id, occurrence })
        } else {
            let reason = message.reason.clone();
            Fact::MessageFailed(MessageFailed { message_id, occurrence, smtp_code: 0, reason })
        };
        self.tell_message(&message, fact);
        self.messages.push(message);
    }

    /// One more of this at the step of a mail.
    pub fn count_message(&mut self, message: &Message, what: &'static str) {
        let key = (message.journey_id.clone(), message.version, message.step.clone(), what);
        *self.counted.entry(key).or_default() += 1;
    }
}
