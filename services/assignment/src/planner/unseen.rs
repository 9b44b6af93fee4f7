//! Offers that nobody could see, because the broker has not acknowledged them: which of those that are due, and what their
//! new time to answer is made of.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use leadflow_platform::pg::{PgError, WriteTx};
use leadflow_proto::assignment::v1::AssignmentEvent;
use prost::Message as _;
use uuid::Uuid;

use crate::domain::decision::{Expire, NO_END};
use crate::domain::schedule::Opening;
use crate::held::Held;
use crate::store;
use crate::store::rep::Rep;
use crate::wire;
use crate::wire::event::Happened;

/// By lead, of those whose own offer is still in the outbox. The locks of the leads are held: no record of theirs can be
/// added meanwhile. Pools and reps are read without locks: what counts is that they have not seen it.
///
/// # Errors
/// As the database says.
pub(super) async fn unseen(tx: &mut WriteTx, held: &[Held]) -> Result<HashMap<Uuid, Expire>, PgError> {
    let now = tx.now();
    let lead_ids: Vec<Uuid> = held.iter().map(|held| held.lead.lead_id).collect();
    let waiting = store::unpublished::about(tx.connection(), &lead_ids).await?;
    let offers: HashSet<String> = waiting.iter().filter_map(|payload| offered(payload)).collect();
    if offers.is_empty() {
        return Ok(HashMap::new());
    }
    let unseen = || {
        let current = held.iter().filter_map(|held| held.current.as_ref());
        current.filter(|current| offers.contains(&current.assignment_id.to_string()))
    };
    let rep_ids: BTreeSet<String> = unseen().map(|current| current.rep_id.clone()).collect();
    let rep_ids: Vec<String> = rep_ids.into_iter().collect();
    let reps = store::rep::read(tx.connection(), &rep_ids).await?;
    let open_until: HashMap<&str, i64> =
        reps.iter().map(|rep| (rep.rep_id.as_str(), open_until_us(rep, now))).collect();
    let pools = store::pool::list(tx.connection()).await?;
    let timeouts: HashMap<&str, i64> =
        pools.iter().map(|pool| (pool.pool_id.as_str(), pool.offer_timeout_ms.saturating_mul(1000))).collect();
    let question = |current: &store::assignment::Assignment| Expire {
        unseen: true,
        offer_timeout_us: timeouts.get(current.pool_id.as_str()).copied().unwrap_or(0),
        open_until_us: open_until.get(current.rep_id.as_str()).copied().unwrap_or(0),
    };
    Ok(unseen().map(|current| (current.lead_id, question(current))).collect())
}

/// The assignment that this record offers. Another fact about a lead says nothing of whether its offer was seen.
fn offered(payload: &[u8]) -> Option<String> {
    let event = AssignmentEvent::decode(payload).ok()?;
    (event.r#type == Happened::Offered.kind()).then(|| event.assignment.map(|told| told.assignment_id))?
}

fn open_until_us(rep: &Rep, now: Timestamp) -> i64 {
    let schedule = wire::rep::schedule(&rep.time_zone, &rep.schedule, &rep.holidays);
    match schedule.map(|schedule| schedule.opening(now)) {
        Some(Opening::Always) => NO_END,
        Some(Opening::Until(end)) => end.as_microsecond(),
        Some(Opening::Closed { .. }) | None => 0,
    }
}
