//! One record of the engagement topics, made ready before the transaction: decoded, its identifiers hashed once.

use leadflow_platform::consumer::Poison;
use leadflow_platform::identity_key::{IdentityKey, Purpose};
use leadflow_platform::record::Record;
use leadflow_proto::engagement::v1 as proto;
use prost::Message as _;

use crate::domain::event::{EngagementEvent, EventKind};
use crate::domain::identity::{IdentifierKind, present};
use crate::store::identifier::IdentifierKey;
use crate::wire::engagement_event::{Refused, from_proto};

/// A decoded record.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The event, or why it cannot be applied.
    pub(super) event: Result<EngagementEvent, Refused>,
    /// Of what `present` gives, in its order.
    pub(super) keys: Vec<IdentifierKey>,
    /// Of an alias: its previous id as a user id. If that is known, two people are named, and nothing is tied.
    pub(super) previous_user: Option<IdentifierKey>,
    /// The record as it came: what the timeline keeps.
    pub(super) data: Vec<u8>,
}

impl Incoming {
    /// Decodes a record.
    ///
    /// # Errors
    /// [`Poison`] if it is no `EngagementEvent`.
    pub fn decode(record: &Record, identity_key: &IdentityKey) -> Result<Self, Poison> {
        let message = proto::EngagementEvent::decode(record.value.as_slice())
            .map_err(|error| Poison(format!("no EngagementEvent: {error}")))?;
        Ok(Self::new(from_proto(message), record.value.clone(), identity_key))
    }

    fn new(event: Result<EngagementEvent, Refused>, data: Vec<u8>, identity_key: &IdentityKey) -> Self {
        let key = |kind: IdentifierKind, value: &str| IdentifierKey {
            kind,
            hash: identity_key.hash(Purpose::Identifier, kind.as_str(), value),
        };
        let Ok(known) = &event else { return Self { event, keys: Vec::new(), previous_user: None, data } };
        let keys = present(known.kind, &known.identifiers).iter().map(|one| key(one.kind, one.value)).collect();
        let previous = known.identifiers.previous_id.as_deref();
        let previous_user =
            previous.filter(|_| known.kind == EventKind::Alias).map(|value| key(IdentifierKind::User, value));
        Self { event, keys, previous_user, data }
    }
}
