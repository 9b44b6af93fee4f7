//! Pools: made or replaced with their members, and shown with the ledger of each member.

use std::collections::BTreeMap;

use leadflow_platform::error::ApiError;
use leadflow_proto::assignment::v1::{Pool as PoolProto, PoolMember};
use pbjson_types::Duration as DurationProto;

use super::Desk;
use super::check::Check;
use crate::store;
use crate::store::ledger::Member;
use crate::store::pool::{Pool, Shown};

/// Between rounds, unless told.
const ROUND_PAUSE_MS: i64 = 60_000;
/// An offer that is open for longer is no offer.
const LONGEST_MS: i64 = 7 * 24 * 3600 * 1000;

/// Makes or replaces a pool. Whoever stays keeps his account; a newcomer begins at zero; what a leaver was owed is spread.
///
/// # Errors
/// `INVALID_ARGUMENT` by field; `ALREADY_EXISTS` if another pool is the default or has the product line.
pub(super) async fn put(desk: &Desk, proto: PoolProto) -> Result<PoolProto, ApiError> {
    let (wanted, members) = read(&proto)?;
    let mut tx = desk.database.write_tx("put_pool").await?;
    let now = tx.now();
    let rep_ids: Vec<String> = members.keys().cloned().collect();
    let existing = store::rep::existing(tx.connection(), &rep_ids).await?;
    let mut check = Check::default();
    for (index, member) in proto.members.iter().enumerate() {
        check.that(existing.contains(&member.rep_id), format!("pool.members[{index}].rep_id"), "no such rep");
    }
    check.done()?;
    store::pool::lock_routes(tx.connection()).await?;
    for other in store::pool::list(tx.connection()).await?.iter().filter(|other| other.pool_id != wanted.pool_id) {
        if wanted.is_default && other.is_default {
            return Err(taken(
                "pool.is_default",
                "another pool is the default; take it from that one first",
                &other.pool_id,
            ));
        }
        if !wanted.product_line.is_empty() && wanted.product_line == other.product_line {
            return Err(taken("pool.product_line", "another pool has this product line", &other.pool_id));
        }
    }
    store::pool::put(tx.connection(), &wanted).await?;
    let pool = store::pool::lock(tx.connection(), &wanted.pool_id).await?.ok_or_else(|| ApiError::not_found("pool"))?;
    let before = store::ledger::members(tx.connection(), &pool.pool_id).await?;
    let mut ledger = store::ledger::of(&pool, &before);
    let stretch = ledger.replace_members(&members);
    store::ledger::put_members(tx.connection(), &pool.pool_id, &members).await?;
    let empty = crate::domain::ledger::Ledger::default();
    store::ledger::save(tx.connection(), &pool.pool_id, &empty, &ledger, pool.wake_at, now).await?;
    store::ledger::insert_stretches(tx.connection(), &pool.pool_id, stretch.as_slice(), now).await?;
    let shown = store::pool::shown(tx.connection(), Some(&pool.pool_id)).await?.pop();
    tx.commit().await?;
    desk.planner.wake_all();
    shown.map(to_proto).ok_or_else(|| ApiError::not_found("pool"))
}

/// All pools by id.
///
/// # Errors
/// `UNAVAILABLE`.
pub(super) async fn list(desk: &Desk) -> Result<Vec<PoolProto>, ApiError> {
    let mut tx = desk.database.write_tx("list_pools").await?;
    Ok(store::pool::shown(tx.connection(), None).await?.into_iter().map(to_proto).collect())
}

fn taken(field: &str, message: &str, by: &str) -> ApiError {
    let mut error = ApiError::already_exists("pool").with_reason("POOL_ROUTE_TAKEN").with_metadata("pool_id", by);
    error.message = format!("{field}: {message}");
    error.fields.extend(ApiError::invalid(field, message).fields);
    error
}

fn read(proto: &PoolProto) -> Result<(Pool, BTreeMap<String, i32>), ApiError> {
    let mut check = Check::default();
    check.id("pool.pool_id", &proto.pool_id);
    check.text("pool.name", &proto.name, 0);
    check.text("pool.product_line", &proto.product_line, 0);
    let offer_timeout_ms = proto.offer_timeout.as_ref().map_or(Some(0), millis);
    let right = offer_timeout_ms.is_some_and(|ms| ms == 0 || (1000..=LONGEST_MS).contains(&ms));
    check.that(
        right,
        "pool.offer_timeout",
        "takes 1 s to 7 days; zero or absent: no offers, leads are assigned at once",
    );
    let round_pause_ms = proto.round_pause.as_ref().map_or(Some(ROUND_PAUSE_MS), millis);
    let right = round_pause_ms.is_some_and(|ms| (1000..=LONGEST_MS).contains(&ms));
    check.that(right, "pool.round_pause", "takes 1 s to 7 days; absent: 60 s");
    check.that(proto.members.len() <= 1000, "pool.members", "takes up to 1000 members");
    let mut members = BTreeMap::new();
    for (index, member) in proto.members.iter().enumerate() {
        let right = (1..=1000).contains(&member.weight);
        check.that(right, format!("pool.members[{index}].weight"), "takes 1 to 1000");
        let twice = members.insert(member.rep_id.clone(), member.weight).is_some();
        check.that(!twice, format!("pool.members[{index}].rep_id"), "is there twice");
    }
    check.done()?;
    let pool = Pool {
        pool_id: proto.pool_id.clone(),
        version: 0,
        name: proto.name.clone(),
        product_line: proto.product_line.clone(),
        is_default: proto.is_default,
        offer_timeout_ms: offer_timeout_ms.unwrap_or(0),
        round_pause_ms: round_pause_ms.unwrap_or(ROUND_PAUSE_MS),
        owner_match: proto.owner_match,
        stretch_no: 0,
        stretch_leads: 0,
        wake_at: None,
    };
    Ok((pool, members))
}

fn millis(duration: &DurationProto) -> Option<i64> {
    let millis = duration.seconds.checked_mul(1000)?.checked_add(i64::from(duration.nanos) / 1_000_000)?;
    (millis >= 0 && duration.nanos >= 0).then_some(millis)
}

fn from_millis(millis: i64) -> DurationProto {
    DurationProto { seconds: millis / 1000, nanos: i32::try_from(millis % 1000).unwrap_or(0) * 1_000_000 }
}

fn to_proto(shown: Shown) -> PoolProto {
    let Shown { pool, members, waiting } = shown;
    let ledger = store::ledger::of(&pool, &members);
    let entitled = ledger.entitled_micro();
    let member = |member: &Member| PoolMember {
        rep_id: member.rep_id.clone(),
        weight: member.weight,
        received_micro: member.account.received.saturating_mul(1_000_000),
        entitled_micro: entitled.get(member.rep_id.as_str()).copied().unwrap_or(0),
    };
    PoolProto {
        members: members.iter().map(member).collect(),
        pool_id: pool.pool_id,
        name: pool.name,
        product_line: pool.product_line,
        is_default: pool.is_default,
        offer_timeout: Some(from_millis(pool.offer_timeout_ms)),
        round_pause: Some(from_millis(pool.round_pause_ms)),
        owner_match: pool.owner_match,
        version: pool.version,
        waiting: i32::try_from(waiting).unwrap_or(i32::MAX),
    }
}
