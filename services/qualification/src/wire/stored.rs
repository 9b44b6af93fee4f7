//! The bytes that rows hold: touches, profiles, owners, raised hands. Protobuf, fields in order and maps sorted, so that
//! equal values have equal bytes.

use std::collections::BTreeMap;

use prost::Message;
use uuid::Uuid;

use crate::domain::event::EventKind;
use crate::domain::identity::OrderKey;
use crate::domain::lifecycle::Owner;
use crate::domain::person::{Profile, Touch, Touches, Written};
use crate::domain::rules::DisqualificationReason;

use super::{Corrupt, from_micros, micros};

#[derive(Clone, PartialEq, Message)]
struct StoredTouch {
    #[prost(sint64, tag = "1")]
    occurred_at: i64,
    #[prost(bytes = "vec", tag = "2")]
    event_id: Vec<u8>,
    #[prost(uint32, tag = "3")]
    kind: u32,
    #[prost(string, tag = "4")]
    source: String,
    #[prost(string, tag = "5")]
    campaign: String,
}

#[derive(Clone, PartialEq, Message)]
struct StoredTouches {
    #[prost(message, optional, tag = "1")]
    first: Option<StoredTouch>,
    /// Absent if it is the first.
    #[prost(message, optional, tag = "2")]
    last: Option<StoredTouch>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredText {
    #[prost(string, tag = "1")]
    value: String,
    #[prost(sint64, tag = "2")]
    occurred_at: i64,
    #[prost(bytes = "vec", tag = "3")]
    event_id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredBool {
    #[prost(bool, tag = "1")]
    value: bool,
    #[prost(sint64, tag = "2")]
    occurred_at: i64,
    #[prost(bytes = "vec", tag = "3")]
    event_id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredProfile {
    #[prost(btree_map = "string, message", tag = "1")]
    traits: BTreeMap<String, StoredText>,
    #[prost(btree_map = "string, message", tag = "2")]
    account_traits: BTreeMap<String, StoredText>,
    #[prost(message, optional, tag = "3")]
    group_id: Option<StoredText>,
    #[prost(btree_map = "string, message", tag = "4")]
    consents: BTreeMap<String, StoredBool>,
    #[prost(btree_map = "int32, message", tag = "5")]
    outs: BTreeMap<i32, StoredKey>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredKey {
    #[prost(sint64, tag = "1")]
    occurred_at: i64,
    #[prost(bytes = "vec", tag = "2")]
    event_id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredOwner {
    #[prost(string, tag = "1")]
    rep_id: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    email: String,
}

/// Bytes of first and last touch; empty if there is none.
#[must_use]
pub fn encode_touches(touches: &Touches) -> Vec<u8> {
    let Some((first, last)) = &touches.ends else { return Vec::new() };
    let stored = |touch: &Touch| StoredTouch {
        occurred_at: micros(touch.key.0),
        event_id: touch.key.1.as_bytes().to_vec(),
        kind: u32::from(touch.kind.number()),
        source: touch.source.clone(),
        campaign: touch.campaign.clone(),
    };
    StoredTouches { first: Some(stored(first)), last: (last != first).then(|| stored(last)) }.encode_to_vec()
}

/// Reads what [`encode_touches`] wrote.
///
/// # Errors
/// [`Corrupt`].
pub fn decode_touches(bytes: &[u8]) -> Result<Touches, Corrupt> {
    let corrupt = Corrupt("touches");
    let touch = |stored: StoredTouch| -> Result<Touch, Corrupt> {
        Ok(Touch {
            key: key(stored.occurred_at, &stored.event_id).ok_or(corrupt)?,
            kind: i32::try_from(stored.kind).ok().and_then(EventKind::from_number).ok_or(corrupt)?,
            source: stored.source,
            campaign: stored.campaign,
        })
    };
    let stored = StoredTouches::decode(bytes).map_err(|_| corrupt)?;
    let Some(first) = stored.first.map(touch).transpose()? else { return Ok(Touches::default()) };
    let last = stored.last.map(touch).transpose()?.unwrap_or_else(|| first.clone());
    Ok(Touches { ends: Some((first, last)) })
}

/// Bytes of a profile.
#[must_use]
pub fn encode_profile(profile: &Profile) -> Vec<u8> {
    let text = |written: &Written<String>| StoredText {
        value: written.value.clone(),
        occurred_at: micros(written.key.0),
        event_id: written.key.1.as_bytes().to_vec(),
    };
    let texts =
        |map: &BTreeMap<String, Written<String>>| map.iter().map(|(name, one)| (name.clone(), text(one))).collect();
    let consent = |written: &Written<bool>| StoredBool {
        value: written.value,
        occurred_at: micros(written.key.0),
        event_id: written.key.1.as_bytes().to_vec(),
    };
    StoredProfile {
        traits: texts(&profile.traits),
        account_traits: texts(&profile.account_traits),
        group_id: profile.group_id.as_ref().map(text),
        consents: profile.consents.iter().map(|(purpose, one)| (purpose.clone(), consent(one))).collect(),
        outs: profile.outs.iter().map(|(reason, key)| (i32::from(reason.number()), stored_key(key))).collect(),
    }
    .encode_to_vec()
}

/// Reads what [`encode_profile`] wrote.
///
/// # Errors
/// [`Corrupt`].
pub fn decode_profile(bytes: &[u8]) -> Result<Profile, Corrupt> {
    let corrupt = Corrupt("profile");
    let text = |stored: StoredText| -> Result<Written<String>, Corrupt> {
        Ok(Written { value: stored.value, key: key(stored.occurred_at, &stored.event_id).ok_or(corrupt)? })
    };
    let texts = |map: BTreeMap<String, StoredText>| -> Result<BTreeMap<String, Written<String>>, Corrupt> {
        map.into_iter().map(|(name, one)| Ok((name, text(one)?))).collect()
    };
    let consent = |stored: StoredBool| -> Result<Written<bool>, Corrupt> {
        Ok(Written { value: stored.value, key: key(stored.occurred_at, &stored.event_id).ok_or(corrupt)? })
    };
    let stored = StoredProfile::decode(bytes).map_err(|_| corrupt)?;
    Ok(Profile {
        traits: texts(stored.traits)?,
        account_traits: texts(stored.account_traits)?,
        group_id: stored.group_id.map(text).transpose()?,
        consents: stored
            .consents
            .into_iter()
            .map(|(purpose, one)| Ok((purpose, consent(one)?)))
            .collect::<Result<_, Corrupt>>()?,
        outs: stored
            .outs
            .into_iter()
            .map(|(number, one)| {
                let reason = DisqualificationReason::from_number(number).ok_or(corrupt)?;
                Ok((reason, key(one.occurred_at, &one.event_id).ok_or(corrupt)?))
            })
            .collect::<Result<_, Corrupt>>()?,
    })
}

/// Bytes of an owner.
#[must_use]
pub fn encode_owner(owner: &Owner) -> Vec<u8> {
    let Owner { rep_id, name, email } = owner.clone();
    StoredOwner { rep_id, name, email }.encode_to_vec()
}

/// Reads what [`encode_owner`] wrote.
///
/// # Errors
/// [`Corrupt`].
pub fn decode_owner(bytes: &[u8]) -> Result<Owner, Corrupt> {
    let StoredOwner { rep_id, name, email } = StoredOwner::decode(bytes).map_err(|_| Corrupt("owner"))?;
    Ok(Owner { rep_id, name, email })
}

fn stored_key(key: &OrderKey) -> StoredKey {
    StoredKey { occurred_at: micros(key.0), event_id: key.1.as_bytes().to_vec() }
}

fn key(occurred_at: i64, event_id: &[u8]) -> Option<OrderKey> {
    Some((from_micros(occurred_at), Uuid::from_slice(event_id).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::EngagementEvent;
    use crate::domain::rules::fixture::{event, texts};

    #[test]
    fn touches_profiles_and_owners_survive_both_ways() {
        let first = event(EventKind::PageView);
        let last = EngagementEvent {
            event_id: Uuid::from_u128(2),
            traits: texts([("title", "CTO")]),
            consent: [("marketing_email".to_owned(), true)].into(),
            ..event(EventKind::Identify)
        };
        let (mut touches, mut profile) = (Touches::default(), Profile::default());
        assert_eq!(decode_touches(&encode_touches(&touches)), Ok(touches.clone()));
        for event in [&first, &last] {
            touches.apply(event);
            profile.apply(event);
            assert_eq!(decode_touches(&encode_touches(&touches)), Ok(touches.clone()));
        }
        profile.note_out(DisqualificationReason::OptedOut, last.order_key());
        profile.group_id = Some(Written { value: "acme".to_owned(), key: first.order_key() });
        assert_eq!(decode_profile(&encode_profile(&profile)), Ok(profile));
        let owner = Owner { rep_id: "anna".into(), name: "Anna".into(), email: "anna@sales.example".into() };
        assert_eq!(decode_owner(&encode_owner(&owner)), Ok(owner));
        assert_eq!(decode_profile(b"\xff"), Err(Corrupt("profile")));
        assert_eq!(decode_touches(b"\x0a\x01\x08"), Err(Corrupt("touches")));
    }
}
