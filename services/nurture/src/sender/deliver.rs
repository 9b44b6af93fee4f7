//! One claimed mail on its way: written, brought to the relay up to RCPT, marked `sending`, and then DATA.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use leadflow_platform::identifier::email_domain;
use leadflow_platform::pg::{Mechanism, PgError};
use leadflow_platform::run::DRAIN;
use uuid::Uuid;

use super::claim::Claimed;
use super::compose::{self, Letter};
use super::settle::{RATE, Settled};
use super::{Sender, log_failure};
use crate::smtp::{Blame, Phase, Refusal, Verdict, is_about_the_mail};
use crate::store;
use crate::store::message::Message;
use crate::store::message_begin::Begin;

/// The mark `sending` is made by one statement that looks again at everything that can forbid the mail.
pub const LAST_LOOK: Mechanism = Mechanism("nurture.last_look");

/// No connection was free: no relay was asked, and no attempt is counted.
const NO_CONNECTION_PAUSE: Duration = Duration::from_secs(5);

/// After the signal, how long a mail in DATA may wait for the relay's last word; the rest of the drain is for the ledger.
const LAST_WORD: Duration = DRAIN.saturating_sub(Duration::from_secs(6));
/// After the signal, how long the ledger may take.
const LAST_ENTRY: Duration = DRAIN.saturating_sub(Duration::from_secs(2));

impl Sender {
    /// Never fails: what is not known stays in the ledger, and is due again or found by `lost`.
    pub(super) async fn deliver(&self, claimed: Claimed) {
        let message_id = claimed.message.message_id;
        tokio::select! {
            () = self.bring(&claimed) => {}
            () = self.after_the_signal(LAST_ENTRY) => tracing::warn!(
                message.id = %message_id,
                "the process ends before it could write down what became of a mail; if DATA has begun, it is uncertain when its lease ends"
            ),
        }
    }

    async fn bring(&self, claimed: &Claimed) {
        let message_id = claimed.message.message_id;
        let settled = match self.attempt(claimed).await {
            Ok(Some(settled)) => settled,
            // Somebody said stop, or took it over: whoever did has written why.
            Ok(None) => return,
            Err(error) => {
                log_failure("a mail could not be marked before it was sent; it is claimed again", message_id, &error);
                return;
            }
        };
        self.settle(claimed, settled).await;
    }

    /// Never before this process is told to end.
    async fn after_the_signal(&self, pause: Duration) {
        self.shared.stop.cancelled().await;
        tokio::time::sleep(pause).await;
    }

    async fn attempt(&self, claimed: &Claimed) -> Result<Option<Settled>, PgError> {
        let shared = &self.shared;
        let Some(to) = claimed.held.contact.email.clone() else { return Ok(Some(Settled::Skipped("no_address"))) };
        // Before anything is written: most of those that are too many for their domain would be written in vain.
        if let Err(pause) = shared.relay.admit(email_domain(&to), claimed.in_line, Instant::now()) {
            return Ok(Some(Settled::PutOff(pause, RATE)));
        }
        let ready = match self.write(claimed, &to) {
            Ok(ready) => ready,
            Err(settled) => return Ok(Some(settled)),
        };
        let opened = tokio::select! {
            opened = shared.relay.open(&ready.composed.envelope_from, &ready.composed.envelope_to) => opened,
            // Somebody else has it now.
            () = self.keep_lease(&claimed.message, claimed.lease_owner) => return Ok(None),
            // Nothing of the mail has been said: another process may have it at once.
            () = shared.stop.cancelled() => return Ok(Some(Settled::Released)),
        };
        let open = match opened {
            Ok(open) => open,
            Err(Refusal::Transient { phase: phase @ Phase::Pool, .. }) => {
                return Ok(Some(Settled::PutOff(NO_CONNECTION_PAUSE, phase.name())));
            }
            Err(refusal) => return Ok(Some(self.refused(&refusal))),
        };
        if shared.stop.is_cancelled() {
            return Ok(Some(Settled::Released));
        }
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
        let verdict = tokio::select! {
            verdict = open.transmit(&ready.composed.bytes) => verdict,
            () = self.after_the_signal(LAST_WORD) => return Ok(Some(Settled::Uncertain)),
        };
        Ok(Some(self.judged(&verdict)))
    }

    fn judged(&self, verdict: &Verdict) -> Settled {
        match verdict {
            Verdict::Sent { .. } => {
                self.shared.outage.served();
                Settled::Sent
            }
            Verdict::Transient { code, .. } => Settled::Again { code: *code, reason: "data" },
            Verdict::Permanent { code, text } => match verdict.blame() {
                Blame::Sender if is_about_the_mail(text) => Settled::Failed { code: *code, bounced: false },
                // "Sending suspended", "quota exceeded": many relays say at the end what they think of us.
                Blame::Sender => {
                    self.shared.outage.in_vain(&format!("it refuses us, {verdict}"));
                    Settled::Again { code: *code, reason: "relay_refuses" }
                }
                blame => Settled::Failed { code: *code, bounced: blame == Blame::Recipient },
            },
            Verdict::Uncertain { .. } => Settled::Uncertain,
        }
    }

    fn write(&self, claimed: &Claimed, to: &str) -> Result<compose::Ready, Settled> {
        let letter = Letter {
            message_id: claimed.message.message_id,
            compiled: &claimed.compiled,
            step: &claimed.message.step,
            to,
            lead: &claimed.held.snapshot,
            entry: &claimed.entry,
            date: claimed.claimed_at,
        };
        compose::write(&letter, &self.shared.config, &self.shared.signer).map_err(|error| {
            let (journey, step) = (&claimed.message.journey_id, &claimed.message.step);
            tracing::warn!(message.id = %letter.message_id, journey.id = %journey, step, "a mail cannot be written: {error}");
            Settled::Skipped("template")
        })
    }

    /// A refusal that is about us or the relay is no reason to give up a mail: it is tried again, and somebody is told.
    fn refused(&self, refusal: &Refusal) -> Settled {
        let before_the_mail = |phase: Phase| phase < Phase::Mail;
        match refusal {
            Refusal::Transient { code, phase, .. } => {
                if before_the_mail(*phase) {
                    self.shared.outage.in_vain(&refusal.to_string());
                }
                Settled::Again { code: code.unwrap_or(0), reason: phase.name() }
            }
            Refusal::Permanent { code, .. } => match refusal.blame() {
                Blame::Sender => {
                    self.shared.outage.in_vain(&format!("it refuses us, {refusal}"));
                    Settled::Again { code: code.unwrap_or(0), reason: "relay_refuses" }
                }
                blame => Settled::Failed { code: code.unwrap_or(0), bounced: blame == Blame::Recipient },
            },
        }
    }

    /// Says that this process is still at it, while the relay takes its time; ends when the claim is somebody else's.
    async fn keep_lease(&self, message: &Message, lease_owner: Uuid) {
        loop {
            tokio::time::sleep(self.lease() / 3).await;
            let pool = self.shared.database.pool();
            match store::message_begin::renew(pool, message.message_id, lease_owner, self.lease()).await {
                Ok(true) => {}
                Ok(false) => return,
                // The last look decides: if the lease is over by then, somebody else may have it.
                Err(error) => log_failure("a claim could not be renewed", message.message_id, &error),
            }
        }
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
            purpose: &claimed.compiled.journey.purpose,
            topic: claimed.topic(),
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
