//! Everything that changed, one statement per table, in the order of the locks.

use leadflow_platform::pg::{PgError, WriteTx};
use uuid::Uuid;

use super::Change;
use crate::store;
use crate::store::enrollment::Enrollment;
use crate::store::message::{Message, MessageState, Pass};

impl Change<'_> {
    /// Writes everything but leads and contacts, which their owner writes before, and the outbox, which its caller appends
    /// last. Locks of the contacts are held.
    ///
    /// # Errors
    /// As the database says.
    pub async fn write(&mut self, tx: &mut WriteTx) -> Result<(), PgError> {
        let connection = tx.connection();
        let consents: Vec<_> = self.consents.iter().collect();
        store::consent::put_consents(connection, &consents).await?;
        let suppressions: Vec<_> = self.suppressions.iter().collect();
        store::consent::suppress(connection, &suppressions).await?;
        let touched: Vec<&Enrollment> = self.touched.values().collect();
        store::enrollment::save(connection, &touched).await?;
        self.skip_mails_of_the_ended(tx).await?;
        self.insert_mails(tx).await?;
        let connection = tx.connection();
        let messages: Vec<&Message> = self.messages.iter().collect();
        store::message::update(connection, &messages).await?;
        store::webhook::insert(connection, &self.calls).await?;
        store::decision::insert(connection, &self.decisions).await?;
        // What was loaded and not told of may be somebody else's by now.
        let told = self.told.iter().filter(|(lead_id, _)| self.told_now.contains(*lead_id));
        store::told::save(connection, &told.map(|(lead_id, sequence)| (*lead_id, *sequence)).collect()).await?;
        store::tally::add(connection, &self.counted).await
    }

    async fn skip_mails_of_the_ended(&mut self, tx: &mut WriteTx) -> Result<(), PgError> {
        if self.ended.is_empty() {
            return Ok(());
        }
        let ended: Vec<Uuid> = self.ended.keys().copied().collect();
        for message in store::message::queued_of(tx.connection(), &ended).await? {
            let reason = message.enrollment_id.and_then(|id| self.ended.get(&id)).cloned().unwrap_or_default();
            // A completed journey has none that wait; the step would still be there.
            self.skip(message, &reason);
        }
        Ok(())
    }

    async fn insert_mails(&mut self, tx: &mut WriteTx) -> Result<(), PgError> {
        if self.new_mails.is_empty() {
            return Ok(());
        }
        let pass = |mail: &super::NewMail| -> Pass {
            (mail.lead_id, mail.journey_id.clone(), mail.version, mail.step.clone())
        };
        let mut passes: Vec<Pass> = self.new_mails.iter().map(pass).collect();
        passes.sort();
        passes.dedup();
        let mut drawn = store::message::occurrences(tx.connection(), &passes).await?;
        let mut messages = Vec::new();
        for mail in &self.new_mails {
            let number = drawn.entry(pass(mail)).or_default();
            *number += 1;
            let occurrence = *number;
            let name = format!("{}/{}/{}/{occurrence}", mail.journey_id, mail.version, mail.step);
            messages.push(Message {
                message_id: Uuid::new_v5(&mail.lead_id, name.as_bytes()),
                lead_id: mail.lead_id,
                email_hash: mail.email_hash.clone(),
                enrollment_id: Some(mail.enrollment_id),
                journey_id: mail.journey_id.clone(),
                version: mail.version,
                step: mail.step.clone(),
                occurrence,
                state: MessageState::Queued,
                reason: String::new(),
                smtp_code: 0,
                queued_at: self.setting.now,
                not_before: self.setting.now,
                lease_owner: None,
                lease_until: None,
                attempt: 0,
                sending_at: None,
                settled_at: None,
                test: mail.test,
            });
        }
        let messages: Vec<&Message> = messages.iter().collect();
        store::message::insert(tx.connection(), &messages).await
    }
}
