//! Names of the mechanisms of this folder, so that a test can turn one off and see what breaks without it.

use crate::pg::Mechanism;

/// A batch is given up if another claim has raised the epoch.
pub const EPOCH_FENCE: Mechanism = Mechanism("consumer.epoch_fence");
/// Records below the row's offset are dropped before the handler sees them.
pub const OFFSET_TRIM: Mechanism = Mechanism("consumer.offset_trim");
/// A claim waits for the row locks of the old owner's batch.
pub const CLAIM_LOCK: Mechanism = Mechanism("consumer.claim_lock");
/// A claim that fails is tried again.
pub const CLAIM_RETRY: Mechanism = Mechanism("consumer.claim_retry");
/// A claim compares the row with the broker's watermarks.
pub const LOSS_CHECK: Mechanism = Mechanism("consumer.loss_check");
/// At the end of a partition the row moves behind transaction markers.
pub const EOF_ADVANCE: Mechanism = Mechanism("consumer.eof_advance");
/// The breaker counts keys, not only records.
pub const POISON_KEYS: Mechanism = Mechanism("consumer.poison_keys");
/// Live topics go before bulk topics.
pub const LIVE_FIRST: Mechanism = Mechanism("consumer.live_first");
