//! What other people's events say of somebody who is erased: an address that two people gave, a browser that two used. Those
//! acts are the others' and stay; the identifier goes out of them.

use std::collections::HashSet;

use leadflow_platform::consumer::HandlerError;
use leadflow_platform::identity_key::{IdentityKey, Purpose};
use leadflow_proto::engagement::v1::EngagementEvent;
use prost::Message as _;
use sqlx::PgConnection;

use crate::domain::event::UNDATED_WEEK;
use crate::domain::identity::{IdentifierId, IdentifierKind};
use crate::store;
use crate::store::identifier::IdentifierKey;
use crate::store::timeline::Rewritten;

/// Events read at a time.
const PAGE: i64 = 1000;

/// Takes these identifiers out of the events of others, as far as links say that there are any.
pub(super) async fn scrub(
    connection: &mut PgConnection,
    identity_key: &IdentityKey,
    erased: &[IdentifierId],
) -> Result<(), HandlerError> {
    let others = store::link::strong_elsewhere(connection, erased).await?;
    if others.is_empty() {
        return Ok(());
    }
    let keys: HashSet<IdentifierKey> = store::identifier::keys(connection, erased).await?.into_iter().collect();
    for subject in others {
        for weeks in [(UNDATED_WEEK, UNDATED_WEEK), (UNDATED_WEEK + 1, i32::MAX)] {
            scrub_subject(connection, identity_key, subject, weeks, &keys).await?;
        }
    }
    Ok(())
}

async fn scrub_subject(
    connection: &mut PgConnection,
    identity_key: &IdentityKey,
    subject: IdentifierId,
    weeks: (i32, i32),
    keys: &HashSet<IdentifierKey>,
) -> Result<(), HandlerError> {
    let mut after = None;
    loop {
        let page = store::timeline::of_subject(connection, subject, weeks, after, PAGE).await?;
        let rewritten: Vec<Rewritten> = page
            .iter()
            .filter_map(|(week, event_id, data)| {
                let data = without(data, identity_key, keys)?;
                Some(Rewritten { subject, week: *week, event_id: *event_id, data })
            })
            .collect();
        if !rewritten.is_empty() {
            store::timeline::rewrite(connection, &rewritten).await?;
        }
        match page.last() {
            Some((week, event_id, _)) if i64::try_from(page.len()).is_ok_and(|read| read == PAGE) => {
                after = Some((*week, *event_id));
            }
            _ => return Ok(()),
        }
    }
}

/// The event without the erased identifiers; none if it has none of them.
fn without(data: &[u8], identity_key: &IdentityKey, keys: &HashSet<IdentifierKey>) -> Option<Vec<u8>> {
    let mut event = EngagementEvent::decode(data).ok()?;
    let mut found = false;
    let fields = [
        (IdentifierKind::User, &mut event.user_id),
        (IdentifierKind::Email, &mut event.email),
        (IdentifierKind::Phone, &mut event.phone),
        (IdentifierKind::Anonymous, &mut event.anonymous_id),
        (IdentifierKind::Anonymous, &mut event.previous_id),
    ];
    for (kind, value) in fields {
        let key = IdentifierKey { kind, hash: identity_key.hash(Purpose::Identifier, kind.as_str(), value) };
        if !value.is_empty() && keys.contains(&key) {
            value.clear();
            found = true;
        }
    }
    found.then(|| event.encode_to_vec())
}
