//! One claimed mail on its way: written, brought to the relay up to RCPT, marked `sending`, and then DATA.

use std::time::Instant;

use jiff::Timestamp;
use leadflow_platform::identifier::email_domain;
use leadflow_platform::pg::{Mechanism, PgError};

use super::claim::Claimed;
use super::compose::{self, Letter};
use super::settle::Settled;
use super::{Sender, log_failure};
use crate::smtp::{Blame, Refusal, Verdict};
use crate::store;
use crate::store::message_begin::Begin;

/// The mark `sending` is made by one statement that looks again at everything that can forbid the mail.
pub const LAST_LOOK: Mechanism = Mechanism("nurture.last_look");

impl Sender {
    /// Never fails: what is not known stays in the ledger, and is due again or found by `lost`.
    pub(super) async fn deliver(&self, claimed: Claimed) {
        let message_id = claimed.message.message_id;
        let settled = match self.attempt(&claimed).await {
            Ok(Some(settled)) => settled,
            // Somebody said stop, or took it over: whoever did has written why.
            Ok(None) => return,
            Err(error) => {
                log_failure("a mail could not be marked before it was sent; it is claimed again", message_id, &error);
                return;
            }
        };
        self.settle(&claimed, settled).await;
    }

    async fn attempt(&self, claimed: &Claimed) -> Result<Option<Settled>, PgError> {
        let shared = &self.shared;
        let Some(to) = claimed.held.contact.email.clone() else { return Ok(Some(Settled::Skipped("no_address"))) };
        let letter = Letter {
            message_id: claimed.message.message_id,
            compiled: &claimed.compiled,
            step: &claimed.message.step,
            to: &to,
            lead: &claimed.held.snapshot,
            entry: &claimed.entry,
            date: claimed.claimed_at,
        };
        let ready = match compose::write(&letter, &shared.config, &shared.signer) {
            Ok(ready) => ready,
            Err(error) => {
                let (journey, step) = (&claimed.message.journey_id, &claimed.message.step);
                tracing::warn!(message.id = %letter.message_id, journey.id = %journey, step, "a mail cannot be written: {error}");
                return Ok(Some(Settled::Skipped("template")));
            }
        };
        if let Some(pause) = shared.relay.not_before(email_domain(&to), Instant::now()) {
            return Ok(Some(Settled::PutOff(pause, "rate")));
        }
        let open = match shared.relay.open(&ready.composed.envelope_from, &ready.composed.envelope_to).await {
            Ok(open) => open,
            Err(Refusal::Transient { code, text: _, phase }) => {
                return Ok(Some(Settled::Again { code: code.unwrap_or(0), reason: phase.name() }));
            }
            Err(refusal @ Refusal::Permanent { .. }) => {
                let bounced = refusal.blame() == Blame::Recipient;
                return Ok(Some(Settled::Failed { code: refusal.code().unwrap_or(0), bounced }));
            }
        };
        match self.begin(claimed, &ready.links).await {
            Ok(true) => {}
            Ok(false) => {
                open.abandon().await;
                return Ok(Some(Settled::Released));
            }
            Err(error) => {
                open.abandon().await;
                return Err(error);
            }
        }
        // From here on only the relay's word counts.
        Ok(Some(match open.transmit(&ready.composed.bytes).await {
            Verdict::Sent { .. } => Settled::Sent,
            Verdict::Transient { code, .. } => Settled::Again { code, reason: "data" },
            verdict @ Verdict::Permanent { code, .. } => {
                Settled::Failed { code, bounced: verdict.blame() == Blame::Recipient }
            }
            Verdict::Uncertain { .. } => Settled::Uncertain,
        }))
    }

    /// Under the lock of the contact: whoever says stop is either before this or after it.
    async fn begin(&self, claimed: &Claimed, links: &[String]) -> Result<bool, PgError> {
        let shared = &self.shared;
        let mut tx = shared.database.write_tx("begin_mail").await?;
        let contact = std::iter::once(claimed.message.email_hash.clone()).collect();
        store::contact::lock(tx.connection(), &contact).await?;
        let begin = Begin {
            message_id: claimed.message.message_id,
            lease_owner: claimed.lease_owner,
            now: tx.now(),
            lease_until: tx.now().checked_add(self.transmit_lease()).unwrap_or(Timestamp::MAX),
            links,
            marketing: claimed.compiled.journey.purpose != "transactional",
        };
        let begun = if tx.is_on(LAST_LOOK) {
            store::message_begin::begin(tx.connection(), &begin).await?
        } else {
            store::message_begin::begin_blindly(tx.connection(), &begin).await?
        };
        tx.commit().await?;
        Ok(begun)
    }
}
