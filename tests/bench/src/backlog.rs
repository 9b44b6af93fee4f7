//! A backlog: filled through the gRPC door while its reader is down, then watched while the reader works it off. The rate
//! is taken between the first and the last progress seen, each with its own count, so that the pace of looking does not
//! shift it.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use leadflow_proto::ingest::v1::{Event, PublishEventsRequest, PublishStatus};
use leadflow_stand::Replica;

use crate::cpu::Usage;
use crate::deployment::Deployment;

/// What the door takes at most in one call.
const BATCH: usize = 500;
const IN_FLIGHT: usize = 8;
/// Between two looks at the progress.
const LOOK: Duration = Duration::from_millis(20);
/// No progress for so long: something is broken, and no figure comes of it.
const STUCK: Duration = Duration::from_secs(60);

/// Where qualification stands on the topic of the doors, in events since the deployment was made.
pub(crate) const QUALIFIED: &str = "select coalesce(sum(next_offset - first_offset), 0)::bigint \
    from qualification.kafka_offset where consumer = 'qualification' and topic = 'leadflow.engagement.v1'";
/// Those of them that changed something.
pub(crate) const APPLIED: &str = "select coalesce(sum(applied), 0)::bigint \
    from qualification.kafka_offset where consumer = 'qualification' and topic = 'leadflow.engagement.v1'";
/// 1 when everything that qualification wrote has gone to the broker.
pub(crate) const QUALIFICATION_PUBLISHED: &str = "select (not exists (select from qualification.outbox))::int::bigint";

/// Sends all of them and waits for the broker's word on each.
///
/// # Errors
/// If one is not accepted.
pub(crate) async fn fill(replica: &Replica, events: impl Iterator<Item = Event>) -> anyhow::Result<u64> {
    let mut events = events;
    let batches = std::iter::from_fn(|| {
        Some(events.by_ref().take(BATCH).collect()).filter(|batch: &Vec<Event>| !batch.is_empty())
    });
    let calls = futures::stream::iter(batches).map(|events| {
        let mut client = replica.grpc.clone();
        async move {
            let request = PublishEventsRequest { events, validate_only: false };
            let response = client.publish_events(request).await.context("PublishEvents failed")?.into_inner();
            let refused = response.results.iter().find(|result| result.status() != PublishStatus::Accepted);
            anyhow::ensure!(refused.is_none(), "not accepted: {refused:?}");
            anyhow::Ok(response.results.len() as u64)
        }
    });
    calls.buffer_unordered(IN_FLIGHT).try_fold(0, |sum, accepted| async move { Ok(sum + accepted) }).await
}

/// How a backlog was worked off.
pub(crate) struct Drained {
    /// Of them a second, from the first seen to the last.
    pub(crate) per_second: f64,
    /// From the start of the reader to its first progress.
    pub(crate) until_first: Duration,
    /// Right before the first progress.
    pub(crate) before: Usage,
    /// How many came after the first progress seen.
    pub(crate) counted: u64,
}

/// Watches `progress` rise by `all` from `base`.
///
/// # Errors
/// If it stands still for a minute, or everything was done at the first look.
pub(crate) async fn drain(
    deployment: &mut Deployment,
    progress: &'static str,
    base: i64,
    all: u64,
) -> anyhow::Result<Drained> {
    let start = Instant::now();
    let target = base + i64::try_from(all)?;
    let (before, began, first) = first_progress(deployment, progress, base).await?;
    let (mut last, mut moved) = (first, began);
    while last < target {
        tokio::time::sleep(LOOK).await;
        let reached = deployment.number(progress).await?;
        if reached != last {
            (last, moved) = (reached, Instant::now());
        }
        anyhow::ensure!(moved.elapsed() < STUCK, "no progress for a minute at {} of {all}", reached - base);
    }
    let counted = u64::try_from(last - first)?;
    anyhow::ensure!(counted > 0, "a backlog of {all} was gone at the first look: too small for a figure");
    let per_second = counted as f64 / moved.duration_since(began).as_secs_f64();
    Ok(Drained { per_second, until_first: began.duration_since(start), before, counted })
}

async fn first_progress(
    deployment: &mut Deployment,
    progress: &'static str,
    base: i64,
) -> anyhow::Result<(Usage, Instant, i64)> {
    let start = Instant::now();
    loop {
        let before = deployment.usage()?;
        let reached = deployment.number(progress).await?;
        if reached > base {
            return Ok((before, Instant::now(), reached));
        }
        anyhow::ensure!(start.elapsed() < STUCK, "no progress within a minute");
        tokio::time::sleep(LOOK).await;
    }
}
