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
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);
/// Between two looks at the progress.
const LOOK: Duration = Duration::from_millis(20);
/// No progress for so long: something is broken, and no figure comes of it.
const STUCK: Duration = Duration::from_secs(60);

/// Events of the doors that changed something in qualification, since the deployment was made: not those that a sender
/// repeated, because an answer was late.
pub(crate) const APPLIED: &str = "select coalesce(sum(applied), 0)::bigint \
    from qualification.kafka_offset where consumer = 'qualification' and topic = 'leadflow.engagement.v1'";
/// 1 when everything that qualification wrote has gone to the broker.
pub(crate) const QUALIFICATION_PUBLISHED: &str = "select (not exists (select from qualification.outbox))::int::bigint";

/// Sends all of them and waits for the broker's word on each; where it was late, the same events are sent again.
///
/// # Errors
/// If one is refused.
pub(crate) async fn fill(replica: &Replica, events: impl Iterator<Item = Event>) -> anyhow::Result<u64> {
    let mut events = events;
    let batch = || Some(events.by_ref().take(BATCH).collect()).filter(|batch: &Vec<Event>| !batch.is_empty());
    let calls = futures::stream::iter(std::iter::from_fn(batch)).map(|events| deliver(replica, events));
    calls.buffer_unordered(IN_FLIGHT).try_fold(0, |sum, accepted| async move { Ok(sum + accepted) }).await
}

async fn deliver(replica: &Replica, events: Vec<Event>) -> anyhow::Result<u64> {
    let (all, mut open) = (events.len() as u64, events);
    for _ in 0..ATTEMPTS {
        let request = PublishEventsRequest { events: open.clone(), validate_only: false };
        let response = replica.grpc.clone().publish_events(request).await.context("PublishEvents failed")?.into_inner();
        let refused = response.results.iter().find(|result| result.status() == PublishStatus::Rejected);
        anyhow::ensure!(refused.is_none(), "not accepted: {refused:?}");
        let late = response.results.iter().map(|result| result.status() == PublishStatus::Retry);
        open = open.into_iter().zip(late).filter_map(|(event, late)| late.then_some(event)).collect();
        if open.is_empty() {
            return Ok(all);
        }
        tokio::time::sleep(PAUSE).await;
    }
    anyhow::bail!("the broker did not acknowledge {} of {all} events within {ATTEMPTS} attempts", open.len())
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
