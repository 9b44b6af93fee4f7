//! Tokens of Mailgun that were seen, with what came along: its signature covers the token and not the body, so whoever got
//! hold of one could say something else with it. The same again is a repeat and welcome. Per process and bounded; what slips
//! past is at most five minutes old.

use std::time::Duration;

use moka::future::Cache;
use sha2::{Digest as _, Sha256};

use super::delivery::Delivery;

/// Longer than a signature is fresh, behind or ahead.
const KEPT: Duration = Duration::from_secs(11 * 60);
/// At 64 bytes each.
const TOKENS: u64 = 200_000;

/// The tokens.
#[derive(Clone, Debug)]
pub(crate) struct Replays {
    seen: Cache<[u8; 32], [u8; 32]>,
}

impl Replays {
    pub(crate) fn new() -> Self {
        Self { seen: Cache::builder().max_capacity(TOKENS).time_to_live(KEPT).build() }
    }

    /// Whether the token came never before, or with the same body.
    pub(super) async fn is_first_or_same(&self, token: &str, delivery: &Delivery) -> bool {
        let digest = delivery.digest();
        let token: [u8; 32] = Sha256::digest(token).into();
        self.seen.entry(token).or_insert(digest).await.into_value() == digest
    }
}
