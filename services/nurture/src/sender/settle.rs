//! What became of a mail goes into the ledger. The lease decides: a sender that was away so long that others have taken over
//! changes nothing, but the relay's last word about a mail that it has sent counts whenever it comes.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use jiff::{SignedDuration, Timestamp};
use leadflow_platform::outbox;
use leadflow_platform::pg::{PgError, WriteTx};
use leadflow_proto::nurture::v1::nurture_event::Fact;
use leadflow_proto::nurture::v1::{MessageFailed, MessageSent, MessageUncertain};

use super::claim::Claimed;
use super::{Sender, brake, log_failure};
use crate::change::{Change, Setting};
use crate::store;
use crate::store::consent::Suppression;
use crate::store::message::{Message, MessageState};
use crate::telemetry;

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// The relay has it.
    Sent,
    /// The relay does not want it; `bounced`: because there is no such address.
    Failed { code: u16, bounced: bool },
    /// Nobody knows.
    Uncertain,
    /// Certainly not sent; another attempt later.
    Again { code: u16, reason: &'static str },
    /// Not yet.
    PutOff(Duration, &'static str),
    /// It cannot be written.
    Skipped(&'static str),
    /// The last look said no; it is decided again.
    Released,
}

/// Reason of a mail that has a place in the line of its domain.
pub(super) const RATE: &str = "rate";

/// Minutes until the next attempt, by attempts that failed.
const BACKOFF: [i64; 8] = [1, 5, 15, 60, 120, 240, 480, 960];

impl Sender {
    /// Tried until the database answers or nobody waits for it any more: `lost` finds it then.
    pub(super) async fn settle(&self, claimed: &Claimed, settled: Settled) {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(5))
            .with_max_times(40)
            .with_jitter();
        let result = (|| self.settle_once(claimed, settled)).retry(backoff).await;
        if let Err(error) = result {
            log_failure("what became of a mail could not be kept", claimed.message.message_id, &error);
        }
    }

    async fn settle_once(&self, claimed: &Claimed, settled: Settled) -> Result<(), PgError> {
        let shared = &self.shared;
        let mut tx = shared.database.write_tx("settle_mail").await?;
        let contact = std::iter::once(claimed.message.email_hash.clone()).collect();
        store::contact::lock(tx.connection(), &contact).await?;
        let found = store::message::by_ids(tx.connection(), &[claimed.message.message_id]).await?.pop();
        let Some(message) = found.filter(|message| is_ours(message, claimed, settled)) else { return Ok(()) };
        let told = store::told::load(tx.connection(), &[message.lead_id]).await?;
        let setting = Setting {
            now: tx.now(),
            incarnation: shared.incarnation,
            default_zone: &shared.config.default_time_zone,
            identity_key: &shared.identity_key,
        };
        let mut change = Change::new(setting, told);
        let was_uncertain = message.state == MessageState::Uncertain;
        let over = apply(&mut change, message, settled);
        change.write(&mut tx).await?;
        if over && !was_uncertain {
            let enrollments: Vec<_> = claimed.message.enrollment_id.into_iter().collect();
            let now = tx.now();
            store::enrollment::wake(tx.connection(), &enrollments, now).await?;
        }
        self.brake(&mut tx, claimed, settled).await?;
        outbox::append(&mut tx, &change.outbox).await?;
        let has_outbox = !change.outbox.is_empty();
        tx.commit().await?;
        if has_outbox {
            shared.publisher.wake();
        }
        if over {
            shared.wakers.steps.notify_one();
        }
        Ok(())
    }

    /// A wave of bounces at the relay stops everything at once, as reports do.
    async fn brake(&self, tx: &mut WriteTx, claimed: &Claimed, settled: Settled) -> Result<(), PgError> {
        if let Settled::Failed { bounced: true, .. } = settled {
            let now = tx.now();
            store::report::insert(tx.connection(), claimed.message.message_id, "hard_bounce", now).await?;
            brake::look(tx, &self.shared.config.brakes).await?;
        }
        Ok(())
    }
}

/// Still ours: the lease is, and the state is one from which this may follow.
fn is_ours(message: &Message, claimed: &Claimed, settled: Settled) -> bool {
    let after_data = matches!(message.state, MessageState::Sending | MessageState::Uncertain);
    let possible = match settled {
        Settled::Sent | Settled::Uncertain => after_data,
        Settled::Failed { .. } | Settled::Again { .. } => after_data || message.state == MessageState::Queued,
        Settled::PutOff(..) | Settled::Skipped(_) | Settled::Released => message.state == MessageState::Queued,
    };
    message.lease_owner == Some(claimed.lease_owner) && possible
}

/// Returns whether it is over with this mail.
fn apply(change: &mut Change<'_>, mut message: Message, settled: Settled) -> bool {
    let now = change.setting.now;
    (message.lease_owner, message.lease_until) = (None, None);
    let (message_id, occurrence) = (message.message_id.to_string(), message.occurrence);
    match settled {
        Settled::Sent => {
            finish(change, message, MessageState::Sent, "", Fact::MessageSent(MessageSent { message_id, occurrence }));
        }
        Settled::Uncertain => {
            if message.state == MessageState::Uncertain {
                return false;
            }
            let reason = "no_reply".to_owned();
            let fact = Fact::MessageUncertain(MessageUncertain { message_id, occurrence, reason });
            finish(change, message, MessageState::Uncertain, "no_reply", fact);
        }
        Settled::Failed { code, bounced } => {
            if bounced {
                let email_hash = message.email_hash.clone();
                change.suppressions.push(Suppression { email_hash, reason: "hard_bounce".to_owned(), at: now });
            }
            fail(change, message, code, if bounced { "hard_bounce" } else { "refused" });
        }
        Settled::Again { code, reason } => {
            if message.state == MessageState::Queued {
                message.attempt += 1;
            }
            let attempt = usize::try_from(message.attempt).unwrap_or(usize::MAX).saturating_sub(1);
            let Some(minutes) = BACKOFF.get(attempt) else {
                fail(change, message, code, "attempts");
                return true;
            };
            message.state = MessageState::Queued;
            message.smtp_code = i32::from(code);
            reason.clone_into(&mut message.reason);
            message.not_before = now.checked_add(SignedDuration::from_mins(*minutes)).unwrap_or(now);
            change.messages.push(message);
            return false;
        }
        Settled::PutOff(pause, reason) => {
            reason.clone_into(&mut message.reason);
            message.not_before = now.checked_add(pause).unwrap_or(Timestamp::MAX);
            change.messages.push(message);
            return false;
        }
        Settled::Skipped(reason) => change.skip(message, reason),
        Settled::Released => {
            change.messages.push(message);
            return false;
        }
    }
    true
}

fn fail(change: &mut Change<'_>, mut message: Message, code: u16, reason: &str) {
    message.smtp_code = i32::from(code);
    let fact = MessageFailed {
        message_id: message.message_id.to_string(),
        occurrence: message.occurrence,
        smtp_code: message.smtp_code,
        reason: reason.to_owned(),
    };
    finish(change, message, MessageState::Failed, reason, Fact::MessageFailed(fact));
}

fn finish(change: &mut Change<'_>, mut message: Message, state: MessageState, reason: &str, fact: Fact) {
    message.state = state;
    reason.clone_into(&mut message.reason);
    message.settled_at = Some(change.setting.now);
    telemetry::settled(state.name(), reason);
    change.tell_message(&message, fact);
    change.count_message(&message, state.name());
    change.messages.push(message);
}
