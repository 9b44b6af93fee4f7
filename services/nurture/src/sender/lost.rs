//! Mails whose sender never came back: in DATA when its process died or stood still for minutes. Nobody knows whether the
//! relay has them; they are `uncertain`, counted in the open, and never sent again.

use leadflow_platform::outbox;
use leadflow_platform::pg::PgError;
use leadflow_platform::timers::Next;
use leadflow_proto::nurture::v1::MessageUncertain;
use leadflow_proto::nurture::v1::nurture_event::Fact;
use uuid::Uuid;

use super::Sender;
use crate::change::{Change, Setting};
use crate::store;
use crate::store::message::MessageState;
use crate::telemetry;

/// Looked at in one transaction.
const PAGE: i64 = 200;

impl Sender {
    pub(super) async fn find_lost(&self) -> Result<Next, PgError> {
        let shared = &self.shared;
        let mut tx = shared.database.write_tx("lost_mails").await?;
        let now = tx.now();
        let lost = store::due::lost(tx.connection(), now, PAGE).await?;
        if lost.is_empty() {
            return Ok(Next::Rest);
        }
        let contacts = store::contact::lock_free(tx.connection(), &store::due::contacts(&lost)).await?;
        let ids: Vec<Uuid> = lost.iter().map(|(message_id, _)| *message_id).collect();
        let mut messages = store::message::by_ids(tx.connection(), &ids).await?;
        // Others look for lost mails too: what they hold is theirs.
        messages.retain(|message| contacts.iter().any(|contact| contact.email_hash == message.email_hash));
        let lead_ids: Vec<Uuid> = messages.iter().map(|message| message.lead_id).collect();
        let told = store::told::load(tx.connection(), &lead_ids).await?;
        let setting = Setting {
            now,
            incarnation: shared.incarnation,
            default_zone: &shared.config.default_time_zone,
            identity_key: &shared.identity_key,
        };
        let mut change = Change::new(setting, told);
        let mut woken = Vec::new();
        for mut message in messages {
            let late = message.lease_until.is_some_and(|until| until <= now);
            if !late || message.state != MessageState::Sending {
                continue;
            }
            message.state = MessageState::Uncertain;
            "lost".clone_into(&mut message.reason);
            // The owner stays: should he come back with the relay's word, it counts.
            message.settled_at = Some(now);
            telemetry::settled("uncertain", "lost");
            let fact = MessageUncertain {
                message_id: message.message_id.to_string(),
                occurrence: message.occurrence,
                reason: "lost".to_owned(),
            };
            change.tell_message(&message, Fact::MessageUncertain(fact));
            change.count_message(&message, "uncertain");
            woken.extend(message.enrollment_id);
            change.messages.push(message);
        }
        change.write(&mut tx).await?;
        store::enrollment::wake(tx.connection(), &woken, now).await?;
        outbox::append(&mut tx, &change.outbox).await?;
        tx.commit().await?;
        shared.publisher.wake();
        shared.wakers.steps.notify_one();
        Ok(if woken.is_empty() { Next::Rest } else { Next::AtOnce })
    }
}
